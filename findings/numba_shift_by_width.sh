#!/usr/bin/env bash
# numba 0.68.1: a shift by the width of the integer or more takes the count modulo 64, where numpy shifts everything out.
# Seen: 1 << 64 is 1 and -5 >> 64 is -5 in a compiled function, 0 and -1 in numpy; a shift of an int32 by 40 is one of 64 bits.
# Do: treat a count of the whole width as a case of its own, as in masks of n bits, (1 << n) - 1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check numba==0.68.1 numpy==2.3.5
"$folder/venv/bin/python" -W ignore - <<'PY'
import sys
import numba
import numpy as np


def shifts(one, five, count, small, by):
    return one << count, five >> count, small << by


numbers = np.int64(1), np.int64(-5), np.int64(64), np.int32(1), np.int32(40)
plain = [int(each) for each in shifts(*numbers)]
compiled = [int(each) for each in numba.njit(shifts)(*numbers)]
print(f"1 << 64, -5 >> 64, int32(1) << 40: numpy {plain}, numba {compiled}")
sys.exit(not (plain == [0, -1, 0] and compiled == [1, -5, 1 << 40]))
PY
