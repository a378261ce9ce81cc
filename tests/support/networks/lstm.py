"""One step of an LSTM in fractions, number by number, and LSTMs of torch as networks."""

from fractions import Fraction
from math import floor

import numpy as np
from numpy.typing import NDArray

from model.function_table import SIGMOID_TABLE
from sw.network.compressed import CompressedNetwork
from sw.network.graph import ApplyLayer, Graph, Lstm, Node, Shape
from tests.support.networks.random_networks import make_layer


def rounded(value: Fraction, fraction_bits: int) -> int:
    """Half up to so many fraction bits, saturated to 16 bits."""
    return min(max(floor(value * Fraction(2) ** fraction_bits + Fraction(1, 2)), -(1 << 15)), (1 << 15) - 1)


def sigmoid(x: Fraction) -> Fraction:
    """Straight lines between the table's nodes, 1/32 apart, without rounding; constant from 16 on."""
    node, rest = divmod(min(abs(x), Fraction(16)) * 32, 1)
    low = Fraction(int(SIGMOID_TABLE[int(node)]))
    value = low + rest * (int(SIGMOID_TABLE[min(int(node) + 1, 512)]) - low)
    return value / (1 << 17) if x >= 0 else 1 - value / (1 << 17)


def unit(value: Fraction) -> Fraction:
    """What the functions' results are kept as."""
    return Fraction(rounded(value, 15), 1 << 15)


def plain_cell(
    gates: NDArray[np.int16], gate_bits: int, cell: NDArray[np.int16], cell_bits: int, output_bits: int
) -> tuple[list[int], list[int]]:
    """`sw.network.lstm_cell.fixed_cell` of one input."""
    arguments = [Fraction(rounded(Fraction(int(gate)) / Fraction(2) ** gate_bits, 11), 1 << 11) for gate in gates]
    units = len(gates) // 4
    hs: list[int] = []
    cells: list[int] = []
    for index in range(units):
        i, f, g, o = arguments[index::units]
        before = Fraction(int(cell[index])) / Fraction(2) ** cell_bits
        kept = rounded(unit(sigmoid(f)) * before, cell_bits)
        after = kept + rounded(unit(sigmoid(i)) * unit(2 * sigmoid(2 * g) - 1), cell_bits)
        cells.append(min(max(after, -(1 << 15)), (1 << 15) - 1))
        seen = Fraction(rounded(after / Fraction(2) ** cell_bits, 11), 1 << 11)
        hs.append(rounded(unit(sigmoid(o)) * unit(2 * sigmoid(2 * seen) - 1), output_bits))
    return hs, cells


def make_lstm_network(seed: int, input_shape: Shape = (6, 5)) -> CompressedNetwork:
    """Two LSTMs, of 4 and 3 units, behind each other, and a linear layer on the last output."""
    layers = (
        make_layer(seed, (16, input_shape[1] + 4), 0.5, name="lstm.l0"),
        make_layer(seed + 1, (12, 7), 0.6, name="lstm.l1"),
        make_layer(seed + 2, (5, 3), 0.7, name="out"),
    )
    nodes = (Node(Lstm(sequence=True), (0,)), Node(Lstm(), (1,)), Node(ApplyLayer(), (2,)))
    return CompressedNetwork(layers=layers, graph=Graph(input_shape=input_shape, nodes=nodes))
