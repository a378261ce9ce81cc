#!/usr/bin/env bash
# numba 0.68.1: sum and mean of float32 add one after another in float32, where numpy adds in pairs.
# Seen: the mean of ten million times 0.1 is 0.1088 in a compiled function and 0.1 in numpy; a float32 array times 2.0 is float64 in
# a compiled function and float32 in numpy. Do: astype(np.float64) first, and compare with the function's own .py_func.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check numba==0.68.1 numpy==2.3.5
"$folder/venv/bin/python" -W ignore - <<'PY'
import sys
import numba
import numpy as np


@numba.njit
def mean(values):
    return values.mean()


@numba.njit
def doubled(values):
    return values * 2.0


values = np.full(10_000_000, 0.1, np.float32)
compiled, plain = float(mean(values)), float(mean.py_func(values))
kinds = doubled(values[:2]).dtype, doubled.py_func(values[:2]).dtype
print(f"mean: numba {compiled:.6f}, numpy {plain:.6f}; times 2.0: numba {kinds[0]}, numpy {kinds[1]}")
sys.exit(not (abs(compiled - 0.1088) < 1e-4 and abs(plain - 0.1) < 1e-6 and kinds == (np.float64, np.float32)))
PY
