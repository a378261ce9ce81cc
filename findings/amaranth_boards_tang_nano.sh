#!/usr/bin/env bash
# amaranth-boards 0.0.21 with Amaranth 0.5.10: the build plan of the Tang Nano 9K calls nextpnr-gowin, which nextpnr 0.8 and later
# no longer have: there it is nextpnr-himbaechel with the family and the constraints as --vopt.
# Seen: the plan's script names nextpnr-gowin and no himbaechel. Do: run one's own command on the plan's files, with
# --vopt family=GW1N-9C --vopt cst=top.cst.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check amaranth==0.5.10 amaranth-boards==0.0.21
cd "$folder"
venv/bin/python - <<'PY'
import sys
from amaranth.hdl import Module, Signal
from amaranth_boards.tang_nano_9k import TangNano9kPlatform

top = Module()
count = Signal(24)
top.d.sync += count.eq(count + 1)
plan = TangNano9kPlatform(toolchain="Apicula").build(top, do_build=False)
scripts = "".join(
    text if isinstance(text, str) else text.decode() for name, text in plan.files.items() if name.endswith(".sh")
)
named = [tool for tool in ("nextpnr-gowin", "nextpnr-himbaechel") if tool in scripts.lower().replace("_", "-")]
print(f"files {sorted(plan.files)}; the script names {named}")
sys.exit(named != ["nextpnr-gowin"])
PY
