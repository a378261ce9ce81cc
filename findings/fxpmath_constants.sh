#!/usr/bin/env bash
# fxpmath 0.4.10: a plain number beside a Fxp is first cast into that Fxp's own format, by cutting and saturating, without a word.
# Seen: with 8 bits, 4 of them fractions, 1.5 * 0.3 is 0.375 (0.3 was cut to 0.25), 1.5 + 0.03 is 1.5, 1.5 + 100 is 7.9375; two Fxp
# give a wider, exact result. Do: make a Fxp of every constant, with a format that holds it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check fxpmath==0.4.10 numpy==2.3.5
"$folder/venv/bin/python" - <<'PY'
import sys
from fxpmath import Fxp

x = Fxp(1.5, signed=True, n_word=8, n_frac=4)
plain = [float((x * 0.3)()), float((x + 0.03)()), float((x + 100)()), (x * 0.3).dtype]
exact = [float((x * Fxp(0.3, True, 12, 10))()), float((x + Fxp(100, True, 8, 0))()), (x * Fxp(0.3, True, 12, 10)).dtype]
print(f"1.5 * 0.3, 1.5 + 0.03, 1.5 + 100 with plain numbers: {plain}")
print(f"1.5 * 0.3, 1.5 + 100 with Fxp of their own: {exact}")
sys.exit(not (plain == [0.375, 1.5, 7.9375, "fxp-s8/4"] and abs(exact[0] - 0.45) < 0.002 and exact[1] == 101.5))
PY
