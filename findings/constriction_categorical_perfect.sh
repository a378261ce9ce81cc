#!/usr/bin/env bash
# constriction 0.5.0, stream.model.Categorical: without the argument `perfect` it warns about a default and behaves as perfect=True.
# Seen: bytes equal those of perfect=True and differ from those of perfect=False. Do: always give the argument.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check constriction==0.5.0 numpy==2.3.5
"$folder/venv/bin/python" - <<'PY'
import sys
import warnings
import numpy as np
import constriction

rng = np.random.default_rng(1)
probabilities = rng.dirichlet(np.full(40, 0.3)).astype(np.float32)
symbols = rng.choice(40, 4000, p=probabilities / probabilities.sum()).astype(np.int32)


def coded(**options):
    model = constriction.stream.model.Categorical(probabilities, **options)
    coder = constriction.stream.stack.AnsCoder()
    coder.encode_reverse(symbols, model)
    return coder.get_compressed().tobytes()


with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    default = coded()
for each in caught:
    print(f"warning: {str(each.message)[:200]}")
same = [default == coded(perfect=value) for value in (True, False)]
print(f"the default codes as perfect=True: {same[0]}, as perfect=False: {same[1]}")
sys.exit(same != [True, False])
PY
