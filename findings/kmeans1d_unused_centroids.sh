#!/usr/bin/env bash
# kmeans1d 0.5.0: with more clusters than distinct values the centroids that no value takes are 0.0, and come first.
# Seen: three distinct values into five clusters give two centroids of 0.0 that are no mean of anything.
# Do: ask for at most as many clusters as there are distinct values.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check kmeans1d==0.5.0
"$folder/venv/bin/python" - <<'PY'
import sys
import kmeans1d

clusters, centroids = kmeans1d.cluster([4.0, 4.0, 7.0, 7.0, 9.0], 5)
print(f"clusters {clusters}, centroids {centroids}")
sys.exit(not (centroids[:2] == [0.0, 0.0] and min(clusters) == 2))
PY
