#!/usr/bin/env bash
# distributed 2026.8.0, `dask scheduler --preload FILE.py` (and `dask worker`): the script runs several times in one process.
# Expected: once, as an import would.
# Seen: three times in a scheduler, in one module, which is imported and reloaded. A script that puts a wrapper around a
# function of another module puts the next one around the first, under one name, and that calls itself for ever.
# Do: let a preload script look whether it was there before.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check dask==2026.8.0 distributed==2026.8.0
cat > "$folder/once.py" <<'PY'
import os
with open(os.environ["RAN"], "a") as file:
    file.write("ran\n")
PY
cd "$folder"
RAN="$folder/ran" "$folder/venv/bin/python" -m dask scheduler --host 127.0.0.1 --port 0 --no-dashboard \
    --preload "$folder/once.py" --scheduler-file "$folder/scheduler.json" 2> "$folder/log" &
scheduler=$!
for _ in $(seq 600); do [ -s "$folder/scheduler.json" ] && break; sleep 0.2; done
sleep 2
kill "$scheduler"
wait "$scheduler" || true
times=$(wc -l < "$folder/ran")
echo "the preload script ran $times times"
[ "$times" = 3 ]
