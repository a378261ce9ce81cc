#!/usr/bin/env bash
# huffman 0.1.2, dahuffman 0.4.2, bitarray 3.12.3: three Huffman coders count three different sizes for the same weights.
# Wanted: one code a symbol, of at least one bit: 1 bit for one symbol, 4 bits each for sixteen equally frequent ones.
# Seen: huffman codes a single symbol in 0 bits, from which no length comes back; dahuffman always adds a symbol for the end, so
# of two equal symbols one takes 2 bits, and of sixteen one takes 5; bitarray does what was wanted.
# Do: say whose sizes they are; count the end symbol, and a single symbol as one bit.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check huffman==0.1.2 dahuffman==0.4.2 bitarray==3.12.3
"$folder/venv/bin/python" - <<'PY'
import sys
import bitarray.util
import dahuffman
import huffman


def lengths(symbols):
    """Bits of each symbol's code, sorted, of equally frequent symbols, by the three."""
    frequencies = dict.fromkeys(range(symbols), 1000)
    own = dahuffman.HuffmanCodec.from_frequencies(frequencies).get_code_table()
    return [
        sorted(len(code) for code in huffman.codebook(frequencies.items()).values()),
        sorted(own[symbol][0] for symbol in frequencies),
        sorted(len(code) for code in bitarray.util.huffman_code(frequencies).values()),
    ]


found = {symbols: lengths(symbols) for symbols in (1, 2, 16)}
for symbols, (first, second, third) in found.items():
    print(f"{symbols} symbols: huffman {first}, dahuffman {second}, bitarray {third}")
ends = [[1], [1, 2], [4] * 15 + [5]]
sys.exit(
    not (
        [each[0] for each in found.values()] == [[0], [1, 1], [4] * 16]
        and [each[1] for each in found.values()] == ends
        and [each[2] for each in found.values()] == [[1], [1, 1], [4] * 16]
    )
)
PY
