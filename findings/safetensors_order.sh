#!/usr/bin/env bash
# safetensors 0.8.0, safetensors.numpy.save: an array that is not in C order comes back with other values, without an error.
# Seen: a transposed 2 x 3 array loads with the right shape and its numbers in another order; 0.7.0 gives them back right.
# Do: np.ascontiguousarray first, and read back what was written.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for version in 0.7.0 0.8.0; do
    python3 -m venv --without-pip "$folder/$version"
    python3 -m pip --python "$folder/$version/bin/python" install --no-compile --quiet --disable-pip-version-check "safetensors==$version" numpy==2.3.5
    "$folder/$version/bin/python" - "$version" <<'PY'
import sys
import numpy as np
from safetensors.numpy import load, save

version = sys.argv[1]
wanted = np.arange(6, dtype=np.float32).reshape(2, 3).T
got = load(save({"w": wanted}))["w"]
print(f"safetensors {version}: wrote {wanted.tolist()}, read {got.tolist()}")
right = bool(np.array_equal(wanted, got))
again = load(save({"w": np.ascontiguousarray(wanted)}))["w"]
assert np.array_equal(wanted, again)
sys.exit(right is not (version == "0.7.0"))
PY
done
