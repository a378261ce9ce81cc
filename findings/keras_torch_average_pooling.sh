#!/usr/bin/env bash
# Keras 3.15.1 over torch 2.13.0: a mean with SAME padding on one side counts the last element again; over JAX padding is left out.
# Seen: average_pool of 1, 2, 3, 4, 3 wide in steps of 2, is 2, 3.667 over torch and 2, 3.5 over JAX. Do: compare with another backend.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check keras==3.15.1 torch==2.13.0 jax==0.7.2 numpy==2.3.5
cat >"$folder/pool.py" <<'PY'
import sys
import numpy
import keras

x = numpy.arange(1, 5, dtype="float32").reshape(1, 4, 1)
found = numpy.asarray(keras.ops.average_pool(x, 3, 2, "same")).reshape(-1)
print(f"{keras.backend.backend()}: {found.round(3).tolist()}")
sys.exit(not numpy.allclose(found, [2, float(sys.argv[1])], atol=1e-3))
PY
KERAS_BACKEND=torch "$folder/venv/bin/python" -W ignore "$folder/pool.py" 3.667
KERAS_BACKEND=jax "$folder/venv/bin/python" -W ignore "$folder/pool.py" 3.5
