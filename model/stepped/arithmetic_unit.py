"""Arithmetic unit (stages D to O): local row, weight, product, accumulation with bypass, write-back."""

from typing import NamedTuple

from model.config import ArrayConfig
from model.fixed_point import larger, wrap, write_back
from model.map_descriptor import MAP_ROW_BITS
from model.stepped.address_stages import AddressStages, Placed
from model.stepped.memory import SynchronousMemory
from model.stepped.signals import PeSignals
from model.stepped.sparse_matrix_memory import SparseMatrixMemory


class Operation(NamedTuple):
    """An operation in stages W to K: `value` is what the stage needs of the number flowing through.

    W: activation, with its coordinate. X: weight (or bias), with `factor` the activation. R: product. C: operand, with
    `factor` the product. K: sum.
    """

    write_back: bool
    row: int
    value: int
    factor: int = 0
    destination: int = 0
    y: int = 0
    x: int = 0


class Output(NamedTuple):
    """An operation in stage O; `row`: of the output."""

    row: int
    value: int


class ArithmeticUnit:
    """An operation per cycle; four operations on one row may follow each other because sums are bypassed."""

    def __init__(self, config: ArrayConfig, source: SparseMatrixMemory) -> None:
        self._config = config
        self._source = source
        row_bits = max((config.activation_depth - 1).bit_length(), config.index_bits) + 1
        self._row_mask = (1 << (MAP_ROW_BITS if config.maps else row_bits)) - 1
        self.address_stages = AddressStages()
        self._constants = SynchronousMemory(config.constant_depth, 0)
        self._accumulators = SynchronousMemory(config.accumulators, 0)
        self.reset()

    def reset(self) -> None:
        self.address_stages.reset()
        self.previous_row = 0
        self.w: Operation | None = None
        self.x: Operation | None = None
        self.r: Operation | None = None
        self.c: Operation | None = None
        self.k: Operation | None = None
        self.o: Output | None = None
        self.overflow = False
        self._next_w: Operation | None = None
        self._next_x: Operation | None = None
        self._next_r: Operation | None = None
        self._next_c: Operation | None = None
        self._next_k: Operation | None = None
        self._next_o: Output | None = None
        self._next_row = 0
        self._next_overflow = False

    def is_misplaced(self, pe: PeSignals) -> bool:
        """Whether an entry past the layer's last row is in the stage that looks: W, with `maps` U."""
        if self._config.maps:
            return self.address_stages.is_misplaced(pe)
        w = self.w
        return w is not None and not w.write_back and w.row >= pe.control.descriptor.out_rows

    def is_filler(self) -> bool:
        """Whether stage D holds a filler."""
        d = self._source.d
        return d is not None and not d.write_back and d.code == 0

    def compute(self, pe: PeSignals) -> None:
        self._address(pe)
        self._multiply(pe)
        self._accumulate(pe)
        write = pe.loader.constant_write
        if write is not None:
            value = write.value(pe.number, self._config.lanes)
            if value is not None:
                self._constants.write(write.address, value)

    def _address(self, pe: PeSignals) -> None:
        """Stage D."""
        d = self._source.d
        self._next_w = None
        self._next_row = self.previous_row
        if d is None:
            return
        if d.write_back:
            self._constants.read(d.address)
            self._next_w = Operation(True, d.row, d.activation, destination=d.destination)
            return
        row = (d.run if d.first else self.previous_row + 1 + d.run) & self._row_mask
        self._constants.read(pe.control.layer << self._config.code_bits | d.code)
        self._next_row = row
        if d.code != 0:
            self._next_w = Operation(False, row, d.activation, y=d.y, x=d.x)

    def _multiply(self, pe: PeSignals) -> None:
        """Stages W and X."""
        w, x = self.w, self.x
        leaving = None
        if w is not None and (self._config.maps or not self.is_misplaced(pe)):
            weight = self._constants.output
            leaving = Placed(w.write_back, w.row, weight, w.value, w.y, w.x, w.destination)
        if self._config.maps:
            self.address_stages.compute(pe, leaving)
            leaving = self.address_stages.leaving(pe)
        self._next_x = None
        if leaving is not None:
            self._next_x = Operation(
                leaving.write_back, leaving.row, leaving.weight, leaving.activation, leaving.destination
            )
        self._next_r = None
        if x is not None:
            self._next_r = Operation(x.write_back, x.row, x.value * x.factor, destination=x.destination)
            self._accumulators.read(x.row)

    def _accumulate(self, pe: PeSignals) -> None:
        """Stages R, C, K."""
        r, c, k = self.r, self.c, self.k
        self._next_c = None
        if r is not None:
            operand = self._accumulators.output
            if k is not None and k.row == r.row:
                operand = k.value
            self._next_c = Operation(r.write_back, r.row, operand, r.value, r.destination)
        self._next_k = None
        self._next_overflow = self.overflow
        if c is not None:
            operand = k.value if k is not None and k.row == c.row else c.value
            geometry = pe.control.descriptor.map
            takes_larger = geometry is not None and geometry.maximum and not c.write_back
            exact = larger(operand, c.factor) if takes_larger else operand + c.factor
            wrapped = wrap(exact, self._config.accumulator_bits)
            self._next_k = Operation(c.write_back, c.row, wrapped, destination=c.destination)
            self._next_overflow |= wrapped != exact
            self._accumulators.write(c.row, 0 if c.write_back else wrapped)
        self._next_o = None
        if k is not None and k.write_back and pe.control.stores:
            layer = pe.control.descriptor
            limit = 0 if layer.map is None else layer.map.limit
            value = write_back(k.value, layer.shift, layer.relu, limit, self._config.activation_bits)
            self._next_o = Output(k.destination, value)
        if pe.control.clears_counters:
            self._next_overflow = False

    def commit(self) -> None:
        self.address_stages.commit()
        self.w, self.x, self.r = self._next_w, self._next_x, self._next_r
        self.c, self.k, self.o = self._next_c, self._next_k, self._next_o
        self.previous_row = self._next_row
        self.overflow = self._next_overflow
        self._constants.commit()
        self._accumulators.commit()
