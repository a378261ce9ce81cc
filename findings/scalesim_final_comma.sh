#!/usr/bin/env bash
# scalesim 3.0.0: a row of a topology file without its final comma silently loses its last column, the sparsity.
# Seen below: the sparsity that the reader keeps for a row with the comma and for the same row without it.
# Do: end every row with a comma.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check scalesim==3.0.0 setuptools==80.9.0
cd "$folder"
printf 'Layer, M, N, K, Sparsity,\nwith, 8, 8, 64, 2:4,\n' >with.csv
printf 'Layer, M, N, K, Sparsity,\nwithout, 8, 8, 64, 2:4\n' >without.csv
venv/bin/python - <<'PY'
import sys
from scalesim.topology_utils import topologies

kept = []
for name in ("with", "without"):
    topology = topologies()
    topology.load_arrays_gemm(f"{name}.csv")
    kept.append(topology.topo_arrays[0])
    print(f"{name} the final comma: {topology.topo_arrays[0]}")
sys.exit(str(kept[0])[9:] == str(kept[1])[12:])
PY
