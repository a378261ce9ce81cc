#!/usr/bin/env bash
# cocotb 2.1.0 on Icarus, cocotb_tools.runner: `test()` returns normally whether a test fails or passes.
# Seen: with a test that fails it returns the path of the results file, which says so. Do: read the results, ask for the count.
# Needs Icarus Verilog (iverilog).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check cocotb==2.1.0
cd "$folder"
printf 'module top(input clk);\nendmodule\n' >top.v
cat >bench.py <<'PY'
import cocotb


@cocotb.test()
async def fails(dut):
    raise AssertionError("wanted to fail")
PY
env -i PATH="$PATH" HOME="$folder" PYTHONPATH="$folder" venv/bin/python - <<'PY' 2>&1 | grep -v INFO | tail -n 4
import sys
from cocotb_tools.runner import get_results, get_runner

runner = get_runner("icarus")
runner.build(sources=["top.v"], hdl_toplevel="top", build_dir="build", timescale=("1ns", "1ps"))
results = runner.test(hdl_toplevel="top", test_module="bench", build_dir="build", results_xml="results.xml")
total, failed = get_results(results)
print(f"test() returned {type(results).__name__}; the results file: {failed} of {total} failed")
sys.exit((total, failed) != (1, 1))
PY
