#!/usr/bin/env bash
# cocotb 2.1.0 on Icarus: a list assigned to a memory goes from its left bound to its right, $readmemh from the lowest address up.
# Seen: [10, 20, 30, 40] puts 10 at address 0 of `mem [0:3]` and at address 3 of `mem [3:0]`; $readmemh puts the first number at
# address 0 of both. Do: assign element by element, mem[address].value. Needs Icarus Verilog (iverilog).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check cocotb==2.1.0
cd "$folder"
printf '0a\n14\n1e\n28\n' >words.hex
cat >top.v <<'V'
module top(input [1:0] i, output [7:0] o);
    reg [7:0] up [0:3]; reg [7:0] down [3:0];
    assign o = up[i] ^ down[i];
    initial begin $readmemh("words.hex", up); $readmemh("words.hex", down); end
endmodule
V
cat >bench.py <<'PY'
import cocotb
from cocotb.triggers import Timer


@cocotb.test()
async def fills(dut):
    await Timer(1, "ns")
    seen = []
    for memory in (dut.up, dut.down):
        by_file = int(memory[0].value)
        memory.value = [10, 20, 30, 40]
        await Timer(1, "ns")
        seen.append(f"{by_file} and {int(memory[0].value)}")
    with open("seen.txt", "w") as file:
        file.write(f"of [0:3] {seen[0]}, of [3:0] {seen[1]}")
PY
cat >run.py <<'PY'
from cocotb_tools.runner import get_runner

runner = get_runner("icarus")
runner.build(sources=["top.v"], hdl_toplevel="top", build_dir="build", timescale=("1ns", "1ps"))
runner.test(hdl_toplevel="top", test_module="bench", build_dir="build", test_dir=".")
PY
env -i PATH="$PATH" HOME="$folder" PYTHONPATH="$folder" venv/bin/python run.py >/dev/null 2>&1
echo "address 0 from the file and from a list: $(cat seen.txt)"
[ "$(cat seen.txt)" = "of [0:3] 10 and 10, of [3:0] 10 and 40" ]
