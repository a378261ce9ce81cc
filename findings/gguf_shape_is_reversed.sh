#!/usr/bin/env bash
# gguf 0.19.0, GGUFReader: a tensor's `shape` is in the file's order, the reverse of what was written and of its own `data.shape`;
# of a quantised tensor `data.shape` counts bytes.
# Seen: an array of (2, 64) has shape [64, 2] beside data of (2, 64); as Q8_0 it has shape [64, 2] beside data of (2, 68), uint8.
# Do: reverse `shape`, and take the values from quants.dequantize.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check gguf==0.19.0 numpy==2.3.5
cd "$folder"
venv/bin/python - <<'PY'
import sys
import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter, quants

rows = np.linspace(-1, 1, 128, dtype=np.float32).reshape(2, 64)
kind = GGMLQuantizationType.Q8_0
writer = GGUFWriter("two.gguf", "llama")
writer.add_tensor("plain", rows)
writer.add_tensor("blocks", quants.quantize(rows, kind), raw_dtype=kind)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
seen = {each.name: ([int(size) for size in each.shape], each.data.shape) for each in GGUFReader("two.gguf").tensors}
for name, (shape, data) in seen.items():
    print(f"{name}: written {rows.shape}, shape {shape}, data.shape {data}")
sys.exit(seen != {"plain": ([64, 2], (2, 64)), "blocks": ([64, 2], (2, 68))})
PY
