#!/usr/bin/env bash
# cocotb 2.1.0 on Icarus: COCOTB_RESOLVE_X in the environment decides whether int() of an unknown value is an error or a number.
# Seen: unset, int() of x raises; with COCOTB_RESOLVE_X=zeros it is 0, and a check `int(dut.o.value) == 0` passes on x.
# Do: set the variable where a verdict is formed. Needs Icarus Verilog (iverilog).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check cocotb==2.1.0
cd "$folder"
printf 'module top(output o);\nassign o = 1%sbx;\nendmodule\n' "'" >top.v
cat >bench.py <<'PY'
import cocotb
from cocotb.triggers import Timer


@cocotb.test()
async def reads(dut):
    await Timer(1, "ns")
    assert int(dut.o.value) == 0
PY
cat >run.py <<'PY'
import sys
from cocotb_tools.runner import get_results, get_runner

runner = get_runner("icarus")
runner.build(sources=["top.v"], hdl_toplevel="top", build_dir="build", timescale=("1ns", "1ps"), always=True)
print("failed", get_results(runner.test(hdl_toplevel="top", test_module="bench", build_dir="build"))[1])
PY
run() { env -i PATH="$PATH" HOME="$folder" PYTHONPATH="$folder" "$@" venv/bin/python run.py 2>/dev/null | grep '^failed'; }
unset_=$(run COCOTB_NOTHING=1)
zeros=$(run COCOTB_RESOLVE_X=zeros)
echo "an output that is x, compared with 0: unset: $unset_ of 1; COCOTB_RESOLVE_X=zeros: $zeros of 1"
[ "$unset_" = "failed 1" ] && [ "$zeros" = "failed 0" ]
