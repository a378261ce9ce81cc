#!/usr/bin/env bash
# Runs every finding, or those that are named, and says which no longer hold: benchmarks/findings.sh [NAME..]
set -uo pipefail
cd "$(dirname "$0")/../findings"
scripts=("$@")
if [ $# = 0 ]; then
    for script in *.sh; do scripts+=("${script%.sh}"); done
fi
changed=()
for name in "${scripts[@]}"; do
    echo "== $name"
    ./"$name.sh" || changed+=("$name")
done
echo "${#scripts[@]} findings, ${#changed[@]} no longer as written${changed:+: ${changed[*]}}"
[ ${#changed[@]} = 0 ]
