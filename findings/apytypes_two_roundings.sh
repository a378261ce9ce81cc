#!/usr/bin/env bash
# apytypes 0.5.1: a fixed-point number made of a float is rounded half away from zero, `cast` cuts downwards, and a plain number beside
# one is first wrapped into its format.
# Seen: 0.5, 1.5, -0.5 with 4 integer bits and no fraction are 1, 2, -1 when made, and 0, 1, -1 when cast there; 1.5 + 100 is 5.5.
# Do: name the quantisation and the overflow in every cast; make a fixed-point number of every constant.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check apytypes==0.5.1
"$folder/venv/bin/python" - <<'PY'
import sys
from apytypes import fx

values = (0.5, 1.5, -0.5)
made = [float(fx(value, int_bits=4, frac_bits=0)) for value in values]
cast = [float(fx(value, int_bits=4, frac_bits=4).cast(int_bits=4, frac_bits=0)) for value in values]
added = float(fx(1.5, int_bits=4, frac_bits=4) + 100)
print(f"{values} made as whole numbers: {made}; made with fractions and cast: {cast}; 1.5 + 100 = {added}")
sys.exit(not (made == [1, 2, -1] and cast == [0, 1, -1] and added == 5.5))
PY
