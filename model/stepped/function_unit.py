"""Function unit (stages O to Z) of `functions`: sigmoid or tanh of an output, times a second operand."""

from typing import NamedTuple

from model.fixed_point import write_back
from model.function_descriptor import Block
from model.function_table import function_table
from model.stepped.arithmetic_unit import ArithmeticUnit, Output
from model.stepped.signals import PeSignals

LARGEST = 1 << 15  # argument of the table


class Finishing(NamedTuple):
    """An operation in stages F to L. `value`: v, from J on y. `number` is what the stage makes it of.

    F: node, with `other` the rest. G: base, with `other` slope, not yet multiplied. H: the line. L: y * second.
    """

    row: int
    value: int
    block: Block
    number: int = 0
    other: int = 0


class FunctionUnit:
    """Takes an output from stage O in every cycle; what is in Z six cycles later is stored."""

    def __init__(self, source: ArithmeticUnit) -> None:
        self._source = source
        self._table = function_table()
        self.reset()

    def reset(self) -> None:
        self.f: Finishing | None = None
        self.g: Finishing | None = None
        self.h: Finishing | None = None
        self.j: Finishing | None = None
        self.l: Finishing | None = None
        self.z: Output | None = None
        self._next_f: Finishing | None = None
        self._next_g: Finishing | None = None
        self._next_h: Finishing | None = None
        self._next_j: Finishing | None = None
        self._next_l: Finishing | None = None
        self._next_z: Output | None = None

    def compute(self, pe: PeSignals) -> None:
        o, f, g, h, j = self._source.o, self.f, self.g, self.h, self.j
        operation = pe.control.finishing
        self._next_f = None
        if o is not None:
            block = Block() if operation is None or operation.block is None else operation.block
            magnitude = min(2 * abs(o.value), LARGEST) if block.is_tanh else abs(o.value)
            node = min(magnitude >> 6, len(self._table) - 1)
            self._next_f = Finishing(o.row, o.value, block, node, magnitude - 64 * node)
        self._next_g = None
        if f is not None:
            base, slope = self._table[f.number]
            self._next_g = f._replace(number=base, other=slope * f.other)
        self._next_h = None if g is None else g._replace(number=64 * g.number + g.other)
        self._next_j = None if h is None else h._replace(value=_function(h))
        self._next_l = None if j is None else j._replace(number=j.value * pe.second)
        self._next_z = None if self.l is None else Output(self.l.row, _product(self.l))

    def commit(self) -> None:
        self.f, self.g, self.h = self._next_f, self._next_g, self._next_h
        self.j, self.l, self.z = self._next_j, self._next_l, self._next_z


def _function(h: Finishing) -> int:
    """y of stage H."""
    if not h.block.function:
        return h.value
    if h.block.is_tanh:
        middle = 1 << 22
        return write_back(middle - h.number if h.value < 0 else h.number - middle, 7, relu=False)
    return write_back((1 << 23) - h.number if h.value < 0 else h.number, 8, relu=False)


def _product(stage: Finishing) -> int:
    """z of stage L."""
    if not stage.block.product:
        return stage.value
    return write_back(stage.number, stage.block.product_shift, relu=False)
