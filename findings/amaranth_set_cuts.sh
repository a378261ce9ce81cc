#!/usr/bin/env bash
# Amaranth 0.5.10, sim: a number too large for a signal loses its upper bits in `ctx.set`, without a warning; an assignment of a
# constant that is too large does the same.
# Seen: with warnings as errors, 16 to a signal of 4 bits is 0, 21 is 5; cocotb raises in the same place. Do: check before it is set.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check amaranth==0.5.10
"$folder/venv/bin/python" -W error - <<'PY'
import sys
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

given, through, constant = Signal(4), Signal(4), Signal(4)
m = Module()
m.d.comb += [through.eq(given), constant.eq(21)]
simulator = Simulator(m)
seen = []


async def bench(context):
    for value in (16, 21):
        context.set(given, value)
        seen.append(context.get(through))
    seen.append(context.get(constant))


simulator.add_testbench(bench)
simulator.run()
print(f"16 and 21 set to 4 bits arrive as {seen[0]} and {seen[1]}, a constant 21 as {seen[2]}")
sys.exit(seen != [0, 5, 5])
PY
