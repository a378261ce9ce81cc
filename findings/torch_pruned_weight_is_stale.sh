#!/usr/bin/env bash
# torch 2.13.0, torch.nn.utils.prune: after an optimizer's step or load_state_dict a pruned module's `weight` is that of before,
# until the next forward pass, whose hook computes it.
# Seen: after a step, and after load_state_dict, `weight` differs from weight_orig * weight_mask; after a forward pass it is equal.
# Do: run the module once, or multiply the two oneself, before `weight` is read or exported.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check torch==2.13.0 numpy==2.3.5
"$folder/venv/bin/python" -W ignore - <<'PY'
import copy
import sys
import torch
from torch.nn.utils import prune

torch.manual_seed(1)
layer = torch.nn.Linear(4, 4, bias=False)
prune.l1_unstructured(layer, "weight", amount=0.5)
optimizer = torch.optim.SGD(layer.parameters(), lr=1.0)
other = {name: value + value for name, value in copy.deepcopy(layer.state_dict()).items()}
other["weight_mask"] = layer.weight_mask.clone()


def is_current():
    return bool(torch.equal(layer.weight, layer.weight_orig * layer.weight_mask))


layer(torch.ones(1, 4)).sum().backward()
seen = [is_current()]
optimizer.step()
seen.append(is_current())
layer(torch.ones(1, 4))
seen.append(is_current())
layer.load_state_dict(other)
seen.append(is_current())
layer(torch.ones(1, 4))
seen.append(is_current())
print(f"weight is weight_orig * weight_mask: at first {seen[0]}, after a step {seen[1]}, then after a forward pass {seen[2]},")
print(f"after load_state_dict {seen[3]}, then after a forward pass {seen[4]}")
sys.exit(seen != [True, False, True, False, True])
PY
