#!/usr/bin/env bash
# cocotb 2.1.0 on Icarus: a Clock that is started at time 0 makes a rising edge there, since it starts high from a clock that is z.
# Seen: 1 ns into a clock of 10 ns a counter of rising edges is 1, and a register has taken the `else` of an unset input; with
# start(start_high=False) the counter is 0. Do: start it low, or count cycles from the reset. Needs Icarus Verilog (iverilog).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check cocotb==2.1.0
cd "$folder"
cat >top.v <<'V'
module top(input clk, input go, output reg [3:0] edges, output reg [1:0] took);
    initial begin edges = 0; took = 0; end
    always @(posedge clk) begin edges <= edges + 1; if (go) took <= 1; else took <= 2; end
endmodule
V
cat >bench.py <<'PY'
import cocotb
from cocotb.clock import Clock
from cocotb.triggers import Timer


async def one(dut, name, **options):
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start(**options))
    await Timer(1, "ns")
    with open("seen.txt", "a") as file:
        file.write(f"{name} {int(dut.edges.value)} edges, took {int(dut.took.value)}; ")


@cocotb.test()
async def starts(dut):
    how = cocotb.plusargs["how"]
    await one(dut, how, **({"start_high": False} if how == "low" else {}))
PY
cat >run.py <<'PY'
from cocotb_tools.runner import get_runner

runner = get_runner("icarus")
runner.build(sources=["top.v"], hdl_toplevel="top", build_dir="build", timescale=("1ns", "1ps"))
for how in ("default", "low"):
    runner.test(hdl_toplevel="top", test_module="bench", build_dir="build", test_dir=".", plusargs=[f"+how={how}"])
PY
env -i PATH="$PATH" HOME="$folder" PYTHONPATH="$folder" venv/bin/python run.py >/dev/null 2>&1
echo "at 1 ns: $(cat seen.txt)"
[ "$(cat seen.txt)" = "default 1 edges, took 2; low 0 edges, took 0; " ]
