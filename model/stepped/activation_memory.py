"""Activation read and write: two banks that swap roles per layer, and the activations that wait for broadcast."""

from model.config import ArrayConfig
from model.fixed_point import wrap
from model.map_descriptor import MapDescriptor
from model.stepped.arithmetic_unit import ArithmeticUnit
from model.stepped.function_unit import FunctionUnit
from model.stepped.memory import SynchronousMemory
from model.stepped.signals import PeSignals


class ActivationMemory:
    """`current`: this PE's activation of the row being scanned or just exhausted; `ahead`: that of the row after it.

    `pending` says that the activation of the row being scanned is not zero and not yet selected. `second`: what the
    memory gave in the cycle before, for products at write-back.
    """

    def __init__(self, config: ArrayConfig, source: ArithmeticUnit, functions: FunctionUnit) -> None:
        self._config = config
        self._source = source
        self._functions = functions
        banks = 1 if config.maps else 2
        self.words = SynchronousMemory(banks * config.activation_depth, 0)
        self.reset()

    def reset(self) -> None:
        self.current = 0
        self.ahead = 0
        self.pending = False
        self.second = 0
        self._next_second = 0
        self._next_current = 0
        self._next_ahead = 0
        self._next_pending = False

    def compute(self, pe: PeSignals) -> None:
        depth, control = self._config.activation_depth, pe.control
        output = self._functions.z if self._config.functions else self._source.o
        other_bank = 0 if self._config.maps else 1 - control.bank
        if control.read:
            self.words.read(control.bank * depth + control.next_row)
        if output is not None:
            self.words.write(other_bank * depth + output.row, output.value)
        write = pe.loader.activation_write
        if write is not None:
            value = write.value(pe.number, self._config.lanes)
            if value is not None:
                self.words.write(write.address, wrap(value, self._config.activation_bits))
        self._next_second = self.words.output
        self._next_current = self.ahead if control.shift else self.current
        self._next_ahead = self.words.output if control.shift else self.ahead
        if control.take:
            self._next_pending = _is_active(control.descriptor.map, self._next_ahead)
        else:
            self._next_pending = self.pending and pe.number not in control.selects

    def commit(self) -> None:
        self.current = self._next_current
        self.ahead = self._next_ahead
        self.pending = self._next_pending
        self.second = self._next_second
        self.words.commit()


def _is_active(geometry: MapDescriptor | None, activation: int) -> bool:
    """Whether an activation is to be broadcast, or pushed."""
    if geometry is None:
        return activation != 0
    if geometry.maximum:
        return True
    return activation > 0 if geometry.positive else activation != 0
