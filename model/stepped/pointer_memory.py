"""Pointer read (stages B and P): start and end of a column slice in one cycle, from two banks."""

from model.config import ArrayConfig
from model.stepped.memory import SynchronousMemory
from model.stepped.signals import PeSignals


class PointerMemory:
    """Even and odd pointers in separate banks, so that p[a] and p[a+1] are read together, one cycle after stage B."""

    def __init__(self, config: ArrayConfig) -> None:
        self.banks = [SynchronousMemory(config.pointer_depth // 2, 0) for _ in range(2)]
        self.reset()

    def reset(self) -> None:
        self.p_valid = False
        self.p_activation = 0
        self._p_odd = 0
        self._next_valid = False
        self._next_activation = 0
        self._next_odd = 0

    @property
    def pointers(self) -> tuple[int, int]:
        """(start, end) of the slice in stage P."""
        even, odd = self.banks[0].output, self.banks[1].output
        return (odd, even) if self._p_odd else (even, odd)

    def compute(self, pe: PeSignals) -> None:
        control = pe.control
        self._next_valid = control.broadcast_valid
        if control.broadcast_valid:
            address = control.broadcast_pointer
            self._next_activation = control.broadcast_activation
            self._next_odd = address & 1
            self.banks[0].read((address + 1) >> 1)
            self.banks[1].read(address >> 1)
        write = pe.decoder.pointer_write
        if write is not None:
            self.banks[write.address & 1].write(write.address >> 1, write.data)

    def commit(self) -> None:
        self.p_valid = self._next_valid
        self.p_activation = self._next_activation
        self._p_odd = self._next_odd
        self.banks[0].commit()
        self.banks[1].commit()
