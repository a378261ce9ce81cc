"""sim/synthesis/harness.py: three pins around any module."""

import shutil
import subprocess
from pathlib import Path

import pytest

from model.errors import EieError
from sim.synthesis.harness import HARNESS, Port, harness, module_ports

INVERTER = """module part(clk, rst, i__payload, o__valid, o__payload);
  input clk;
  input rst;
  input [4:0] i__payload;
  output o__valid;
  output [4:0] o__payload;
  assign o__valid = rst;
  assign o__payload = ~i__payload;
endmodule
"""


def test_ports_are_read_with_direction_and_width() -> None:
    assert module_ports(INVERTER, "part") == [
        Port("clk", True, 1),
        Port("rst", True, 1),
        Port("i__payload", True, 5),
        Port("o__valid", False, 1),
        Port("o__payload", False, 5),
    ]


def test_every_bit_is_connected_once() -> None:
    text = harness(INVERTER, "part")
    assert text.startswith(f"module {HARNESS}(input clk, input serial_in, output serial_out);\n")
    for connection in (
        ".clk(clk)",
        ".rst(stimulus[0:0])",
        ".i__payload(stimulus[5:1])",
        ".o__valid(response[0:0])",
        ".o__payload(response[5:1])",
    ):
        assert text.count(connection) == 1
    assert "level_1 <= {^level_0[5:4], ^level_0[3:0]}" in text
    assert "assign serial_out = level_2;" in text


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs Icarus Verilog")
def test_it_compiles_and_the_parity_of_all_outputs_comes_out(tmp_path: Path) -> None:
    bench = f"""module bench;
  reg clk = 0, serial_in = 1;
  wire serial_out;
  {HARNESS} dut(clk, serial_in, serial_out);
  always #1 clk = ~clk;
  initial #60 begin $display("%b", serial_out); $finish; end
endmodule
"""
    (tmp_path / "all.v").write_text(INVERTER + harness(INVERTER, "part") + bench)
    subprocess.run(["iverilog", "-g2001", "-Wall", "-Wno-timescale", "-o", "all", "all.v"], cwd=tmp_path, check=True)
    shown = subprocess.run(["vvp", "all"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert shown.split()[0] == "1"  # valid is 1, the inverted ones are 0


def test_a_module_without_ports_is_refused() -> None:
    with pytest.raises(EieError, match="wanted Verilog with a module nothing that has ports, got none"):
        module_ports(INVERTER, "nothing")
