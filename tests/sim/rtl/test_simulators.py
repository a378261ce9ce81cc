"""Builds for simulators: what a build in which everything can be upset does to unknown bits."""

import subprocess

import pytest
from amaranth.back import verilog

from hw.block_memory import BlockMemory
from sim.rtl.simulators import SimulatorName, build
from tests.support.rtl import simulators

BEFORE_AND_PAST_THE_DEPTH = """
module top;
  reg clk = 0;
  wire [1:0] data;
  memory memory (.clk(clk), .rst(1'b0), .read_enable(1'b1), .read_address(3'd6), .read_data(data), .write(6'd0));
  initial begin
    #1 $display("%b", data);
    clk = 1;
    #1 $display("%b", data);
  end
endmodule
"""


@pytest.mark.parametrize("simulator", simulators("icarus"))
@pytest.mark.parametrize(("everything", "seen"), [(False, "xx"), (True, "00")])
def test_memories_of_five_words(everything: bool, seen: str, simulator: SimulatorName) -> None:
    memory = BlockMemory(depth=5, width=2)
    text = verilog.convert(memory, name="memory", emit_src=False, strip_internal_attrs=True)
    texts = {"memory.v": text, "top.v": BEFORE_AND_PAST_THE_DEPTH}
    built = build(texts, "top", (), "memory", simulator, everything)
    ran = subprocess.run(["vvp", "-n", "sim.vvp"], cwd=built.folder, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == [seen, seen]
