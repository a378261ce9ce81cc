#!/usr/bin/env bash
# Amaranth 0.5.10, lib.data.Struct: with `from __future__ import annotations` a Struct loses its fields, without an error.
# Seen: the layout of a Struct with two fields has 0 bits. Do: no such import in a file that describes hardware.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check amaranth==0.5.10
cat >"$folder/plain.py" <<'PY'
from amaranth.lib import data


class Pair(data.Struct):
    code: 4
    run: 4
PY
{ echo "from __future__ import annotations"; cat "$folder/plain.py"; } >"$folder/future.py"
cd "$folder"
venv/bin/python - <<'PY'
import sys
from amaranth.hdl import Shape

sizes = []
for name in ("plain", "future"):
    try:
        pair = __import__(name).Pair
        sizes.append(Shape.cast(pair).width)
    except Exception as error:
        sizes.append(f"{type(error).__name__}: {error}")
print(f"bits of the Struct: {sizes[0]} without the import, {sizes[1]} with it")
sys.exit(sizes != [8, 0])
PY
