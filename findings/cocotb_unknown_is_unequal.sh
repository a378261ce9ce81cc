#!/usr/bin/env bash
# cocotb 2.1.0 on Icarus: an unknown value is unequal to every number, so that `!=` is True of it where Verilog's is x.
# Seen: of an output that is x, `!= 1` is True and `== 0` False: a check `assert dut.error.value != 1` passes on x, without a word,
# where int() or bool() raise. Do: check `== 0`, or is_resolvable first. Needs Icarus Verilog (iverilog).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check cocotb==2.1.0
cd "$folder"
printf 'module top(output error);\nreg never; assign error = never;\nendmodule\n' >top.v
cat >bench.py <<'PY'
import cocotb
from cocotb.triggers import Timer


@cocotb.test()
async def compares(dut):
    await Timer(1, "ns")
    found = dut.error.value
    try:
        truth = bool(found)
    except ValueError as error:
        truth = type(error).__name__
    with open("seen.txt", "w") as file:
        file.write(f"{found}: != 1 is {found != 1}, == 0 is {found == 0}, bool() {truth}")
PY
cat >run.py <<'PY'
from cocotb_tools.runner import get_runner

runner = get_runner("icarus")
runner.build(sources=["top.v"], hdl_toplevel="top", build_dir="build", timescale=("1ns", "1ps"))
runner.test(hdl_toplevel="top", test_module="bench", build_dir="build", test_dir=".")
PY
env -i PATH="$PATH" HOME="$folder" PYTHONPATH="$folder" venv/bin/python run.py >/dev/null 2>&1
echo "an output that is $(cat seen.txt)"
[ "$(cat seen.txt)" = "X: != 1 is True, == 0 is False, bool() ValueError" ]
