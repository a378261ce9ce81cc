#!/usr/bin/env bash
# Amaranth 0.5.10, lib.data: `.eq` between views of two layouts of equal width copies bits, whatever their fields are, without a word.
# Seen: (code: 4, run: 2) assigned from (run: 2, code: 4) has other fields afterwards; no warning. Do: assign field by field.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check amaranth==0.5.10
"$folder/venv/bin/python" -W error - <<'PY'
import sys
from amaranth.hdl import Module, Signal
from amaranth.lib import data
from amaranth.sim import Delay, Simulator

source = Signal(data.StructLayout({"run": 2, "code": 4}))
target = Signal(data.StructLayout({"code": 4, "run": 2}))
m = Module()
m.d.comb += target.eq(source)
simulator = Simulator(m)


async def bench(context):
    context.set(source, {"run": 1, "code": 10})
    await context.delay(1e-6)
    global seen
    seen = context.get(target.code), context.get(target.run)


simulator.add_testbench(bench)
simulator.run()
print(f"code 10 and run 1 arrive as code {seen[0]} and run {seen[1]}")
sys.exit(seen == (10, 1))
PY
