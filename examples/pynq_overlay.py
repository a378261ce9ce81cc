"""A network on a PYNQ board, beside its model: values and cycles must be equal.

    python3 pynq_overlay.py eie.bit PRESET NET.eie X.npy

PRESET is the array of which `eie verilog --bus axi --ip` made the overlay (docs/zynq.md).
"""

import sys

import numpy as np

import eie


def main(bitstream: str, preset: str, network_file: str, inputs_file: str) -> int:
    """How many inputs differ."""
    config, inputs = eie.preset(preset), np.load(inputs_file)
    found = {}
    for place in (f"pynq:{bitstream}", "model"):
        with eie.Accelerator(eie.open_place(place, config), config) as machine:
            machine.load(network_file)
            found[place] = [(machine.run(x).tolist(), machine.counters().cycles) for x in inputs]
    board, model = found.values()
    for number, (one, other) in enumerate(zip(board, model, strict=True)):
        print(
            f"input {number}: output {int(np.argmax(one[0]))}, {one[1]} cycles, {'equal' if one == other else 'WRONG'}"
        )
    return sum(one != other for one, other in zip(board, model, strict=True))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) > 0)
