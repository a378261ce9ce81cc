#!/usr/bin/env bash
# zipnn 0.5.4: compress changes the bytes that it was given.
# Seen: a bytearray of float32 numbers is another one afterwards. Do: give it a copy.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check zipnn==0.5.4 numpy==2.3.5
"$folder/venv/bin/python" - <<'PY'
import sys
import numpy as np
from zipnn import ZipNN

numbers = np.random.default_rng(1).normal(0, 0.05, 1 << 16).astype(np.float32)
given = bytearray(numbers.tobytes())
before = bytes(given)
ZipNN(bytearray_dtype="float32").compress(given)
changed = sum(a != b for a, b in zip(before, given, strict=True))
print(f"{changed} of {len(before)} bytes of the input are others after compress")
sys.exit(changed == 0)
PY
