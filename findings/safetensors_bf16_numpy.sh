#!/usr/bin/env bash
# safetensors 0.8.0, safetensors.numpy: a BF16 tensor is read from a file only if the caller has imported ml_dtypes before, and from
# bytes never.
# Seen: load_file raises TypeError, with `import ml_dtypes` it gives the numbers; load raises KeyError either way.
# Do: import ml_dtypes and read files, or widen the bytes oneself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.3.5 ml_dtypes==0.5.4
cd "$folder"
cat >read.py <<'PY'
import json
import struct
import sys
from safetensors.numpy import load, load_file

if "ml_dtypes" in sys.argv:
    import ml_dtypes
header = json.dumps({"w": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
data = struct.pack("<Q", len(header)) + header + bytes([0x80, 0x3F, 0x00, 0x40])  # 1 and 2
with open("w.safetensors", "wb") as file:
    file.write(data)
seen = []
for read in (lambda: load_file("w.safetensors"), lambda: load(data)):
    try:
        seen.append(read()["w"].astype(float).tolist())
    except Exception as error:
        seen.append(type(error).__name__)
print(*seen)
PY
without=$(venv/bin/python read.py)
with=$(venv/bin/python read.py ml_dtypes)
echo "load_file and load of the BF16 numbers 1 and 2: $without; after import ml_dtypes: $with"
[ "$without" = "TypeError KeyError" ] && [ "$with" = "[1.0, 2.0] KeyError" ]
