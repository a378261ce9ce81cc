#!/usr/bin/env bash
# gguf 0.19.0, quants.quantize: the scale of a block of Q4_0 or Q5_0 is negative where the value of largest magnitude is positive.
# Wanted: a scale above 0, as in Q8_0, which hardware may hold without a sign.
# Seen: of values from -0.5 to 1 the scale is -1/8, so that 1 is the code 0, meant -8; of values from -1 to 0.5 it is 1/8.
# Do: read it as a signed number; codes of 4 bits do not order as the weights do.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check gguf==0.19.0 numpy==2.3.5
"$folder/venv/bin/python" - <<'PY'
import sys
import numpy as np
from gguf import GGMLQuantizationType, quants

up = np.linspace(-0.5, 1, 32, dtype=np.float32)
rows = np.stack([up, up - 0.5])
scales = {}
for kind in ("Q4_0", "Q5_0", "Q8_0"):
    blocks = quants.quantize(rows, GGMLQuantizationType[kind])
    scales[kind] = [float(np.frombuffer(block[:2].tobytes(), np.float16)[0]) for block in blocks]
    back = quants.dequantize(blocks, GGMLQuantizationType[kind])
    assert np.abs(back - rows).max() < 0.13
    print(f"{kind}: scales {scales[kind]} of values from -0.5 to 1 and from -1 to 0.5")
sys.exit(not (scales["Q4_0"] == [-0.125, 0.125] and scales["Q5_0"] == [-0.0625, 0.0625] and min(scales["Q8_0"]) > 0))
PY
