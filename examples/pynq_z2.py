"""A network on a PYNQ-Z2, from what a PC prepared; needs Python 3.8, numpy, gcc and pynq, and nothing of eie.

    sudo -E python3 pynq_z2.py eie.bit C_FOLDER X.npy [Y.npy]

C_FOLDER is what `eie driver NET.eie` wrote for the array of the overlay (docs/zynq.md). Outputs, in the network's
units, go to Y.npy. In a notebook: `Network("eie.bit", "C_FOLDER").run(x)`.
"""

import ctypes
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np

SOURCE = """
#include "eie_driver.h"
#include "eie_network.h"
static eie_bus bus;
static const eie_network *const net = &eie_the_network;
void set_bus(uint32_t (*read)(void *, uint32_t), void (*write)(void *, uint32_t, uint32_t))
{ bus.read = read; bus.write = write; }
int load(void) { return eie_load(&bus, net); }
int run(const int16_t *inputs, int16_t *outputs) { return eie_run(&bus, net, inputs, outputs); }
uint32_t cycles(void) { return eie_read_counters(&bus).cycles; }
uint32_t in_features(void) { return net->in_features; }
uint32_t out_features(void) { return net->out_features; }
uint32_t activation_bits(void) { return net->activation_bits; }
int input_fraction_bits(void) { return net->input_fraction_bits; }
int output_fraction_bits(void) { return net->output_fraction_bits; }
"""
READER = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint32)
WRITER = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32)
CODES = {-1: "no array answers", -2: "another array than the network was laid out for", -3: "timeout"}
CODES.update({-4: "an error of the array", -5: "a sum left its accumulator", -6: "an input has too many bits"})


class Network:
    """A network loaded into the array of an overlay, by the C driver compiled on the board.

    bitstream : of `eie verilog --bus axi-lite --ip`, its .hwh beside it. folder : of `eie driver`.
    """

    def __init__(self, bitstream, folder):
        pynq = import_module("pynq")  # there is one only on a board
        self._registers = pynq.Overlay(bitstream).eie.mmio
        folder = Path(folder)
        source, library = folder / "pynq.c", folder / "pynq.so"
        source.write_text(SOURCE)
        command = ["gcc", "-std=c99", "-O2", "-shared", "-fPIC", source, folder / "eie_driver.c", "-o", library]
        subprocess.run([str(part) for part in command], check=True)
        self._c = ctypes.CDLL(str(library.resolve()))
        self._callbacks = (
            READER(lambda _, address: int(self._registers.read(4 * address))),
            WRITER(lambda _, address, value: self._registers.write(4 * address, value)),
        )
        self._c.set_bus(*self._callbacks)
        self._check(self._c.load())

    def run(self, x):
        """(in_features,) real numbers to (out_features,), in the network's units."""
        bits, wanted = self._c.activation_bits(), self._c.in_features()
        if np.shape(x) != (wanted,) or not np.isfinite(x).all():
            raise ValueError(f"wanted {wanted} finite numbers, got {np.shape(x)}")
        scaled = np.rint(np.ldexp(np.asarray(x, np.float64), self._c.input_fraction_bits()))
        fixed = np.clip(scaled, -(1 << bits - 1), (1 << bits - 1) - 1).astype(np.int16)
        outputs = np.zeros(self._c.out_features(), np.int16)
        self._check(self._c.run(fixed.ctypes.data_as(ctypes.c_void_p), outputs.ctypes.data_as(ctypes.c_void_p)))
        return np.ldexp(outputs.astype(np.float64), -self._c.output_fraction_bits())

    def cycles(self):
        """Of the last run, from start to done."""
        return self._c.cycles() & 0xFFFFFFFF

    def _check(self, code):
        if code:
            raise RuntimeError(CODES.get(code, f"code {code} of the driver"))


def main(bitstream, folder, inputs_file, outputs_file=None):
    """Print the largest output and the cycles of every input."""
    network, outputs = Network(bitstream, folder), []
    for number, x in enumerate(np.load(inputs_file)):
        outputs.append(network.run(x))
        print(f"input {number}: output {int(np.argmax(outputs[-1]))}, {network.cycles()} cycles")
    if outputs_file:
        np.save(outputs_file, np.array(outputs))


if __name__ == "__main__":
    main(*sys.argv[1:])
