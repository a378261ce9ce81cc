#!/usr/bin/env bash
# cocotb 2.1.0 on Icarus: a negative number assigned to an unsigned port is taken as its two's complement, a number too large raises.
# Seen: -1 to a port of 4 bits is 15; 16 is a ValueError. Do: check the range before an assignment. Needs Icarus Verilog (iverilog).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check cocotb==2.1.0
cd "$folder"
printf 'module top(input [3:0] i, output [3:0] o);\nassign o = i;\nendmodule\n' >top.v
cat >bench.py <<'PY'
import cocotb
from cocotb.triggers import Timer


@cocotb.test()
async def assigns(dut):
    dut.i.value = -1
    await Timer(1, "ns")
    negative = int(dut.o.value)
    try:
        dut.i.value = 16
        await Timer(1, "ns")
        large = "taken"
    except Exception as error:
        large = type(error).__name__
    with open("seen.txt", "w") as file:
        file.write(f"-1 arrives as {negative}, 16 is {large}")
PY
cat >run.py <<'PY'
from cocotb_tools.runner import get_runner

runner = get_runner("icarus")
runner.build(sources=["top.v"], hdl_toplevel="top", build_dir="build", timescale=("1ns", "1ps"))
runner.test(hdl_toplevel="top", test_module="bench", build_dir="build", test_dir=".")
PY
env -i PATH="$PATH" HOME="$folder" PYTHONPATH="$folder" venv/bin/python run.py >/dev/null 2>&1
echo "on an unsigned port of 4 bits $(cat seen.txt)"
[ "$(cat seen.txt)" = "-1 arrives as 15, 16 is ValueError" ]
