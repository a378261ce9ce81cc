#!/usr/bin/env bash
# torch 2.13.0, torch.ao.quantization: symmetric observers of 8 bits divide the largest magnitude by 127.5, not by 127 as
# TensorFlow Lite does, so the largest weight of every channel is not held.
# Seen: of weights up to 1.0 the scale is 1/127.5; 1.0 becomes 127, which stands for 0.99608; with quint8 the zero point is 128 and
# 1.0 would be 255.5. With quant_min=-127 the scale is 1/127 and 1.0 is held. Do: give quant_min=-127, quant_max=127.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check torch==2.13.0 numpy==2.3.5
"$folder/venv/bin/python" -W ignore - <<'PY'
import sys
import torch
from torch.ao.quantization.observer import MinMaxObserver, PerChannelMinMaxObserver

weights = torch.tensor([[-1.0, 0.25, 1.0]])
options = dict(dtype=torch.qint8, qscheme=torch.per_tensor_symmetric)
channels = dict(dtype=torch.qint8, qscheme=torch.per_channel_symmetric)
steps = []
for observer in (
    MinMaxObserver(**options),
    PerChannelMinMaxObserver(**channels),
    MinMaxObserver(**options | {"dtype": torch.quint8}),
    MinMaxObserver(**options, quant_min=-127, quant_max=127),
):
    observer(weights)
    scale, zero = (float(each) for each in observer.calculate_qparams())
    low, high = observer.quant_min, observer.quant_max
    held = float(torch.fake_quantize_per_tensor_affine(weights, scale, int(zero), low, high)[0, 2])
    steps.append((round(1 / scale, 3), int(zero), round(held, 5)))
    print(f"{type(observer).__name__} {low}..{high}: 1 / scale {steps[-1][0]}, zero point {int(zero)}, 1.0 becomes {held:.5f}")
wanted = [(127.5, 0, 0.99608), (127.5, 0, 0.99608), (127.5, 128, 0.99608), (127.0, 0, 1.0)]
sys.exit(steps != wanted)
PY
