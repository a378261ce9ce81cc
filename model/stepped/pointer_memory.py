"""Pointer read (stages B, P and Q): start and end of a column slice in one cycle, from two banks per broadcast."""

from typing import NamedTuple

from model.config import ArrayConfig
from model.registers import PeError
from model.stepped.memory import SynchronousMemory
from model.stepped.own_activation import OwnActivation
from model.stepped.parity import is_wrong
from model.stepped.signals import Broadcast, PeSignals


class Reading(NamedTuple):
    """A broadcast in stage P; `odd`: its first pointer lies in the odd bank."""

    activation: int
    odd: int
    y: int
    x: int


class Slice(NamedTuple):
    """A column slice in stage Q, its pointers as the memory holds them."""

    activation: int
    start: int
    end: int
    y: int
    x: int


class PointerMemory:
    """Even and odd pointers in separate banks, so that p[a] and p[a+1] are read together; a copy per broadcast."""

    def __init__(self, config: ArrayConfig, own: OwnActivation) -> None:
        self._config = config
        self._own = own
        self._mask = (1 << config.pointer_bits) - 1
        self.copies = [
            [SynchronousMemory(config.pointer_depth // 2, 0) for _ in range(2)]
            for _ in range(config.broadcasts_per_cycle)
        ]
        self.reset()

    def reset(self) -> None:
        nothing = (None,) * self._config.broadcasts_per_cycle
        self.p: tuple[Reading | None, ...] = nothing
        self.q: tuple[Slice | None, ...] = nothing
        self._next_p = self.p
        self._next_q = self.q

    @property
    def banks(self) -> list[SynchronousMemory[int]]:
        """The even and the odd bank of the first broadcast's copy."""
        return self.copies[0]

    @property
    def on_the_way(self) -> int:
        """Broadcasts in stages P and Q."""
        return sum(stage is not None for stage in (*self.p, *self.q))

    def is_empty(self, q: Slice) -> bool:
        """Whether a slice in stage Q has no entries, or none that can be trusted."""
        return q.start == q.end or bool(self._errors_of(q))

    def _errors_of(self, q: Slice) -> list[PeError]:
        parity = self._config.parity
        errors: list[PeError] = []
        if q.end & self._mask < q.start & self._mask:
            errors.append(PeError.POINTER)
        if is_wrong(q.start, parity) or is_wrong(q.end, parity):
            errors.append(PeError.PARITY)
        return errors

    @property
    def errors(self) -> list[PeError]:
        """What is wrong in stage Q."""
        return [error for q in self.q if q is not None for error in self._errors_of(q)]

    def arriving(self, pe: PeSignals) -> tuple[Broadcast | None, ...]:
        """What stage B works on: the lanes of the broadcast register, in local mode the PE's own activation."""
        if not pe.control.local:
            return pe.control.broadcasts
        shared, *others = pe.control.broadcasts
        own = shared._replace(activation=self._own.value) if shared is not None and self._own.valid else None
        return (own, *(None for _ in others))

    def compute(self, pe: PeSignals) -> None:
        self._next_q = tuple(self._slice(reading, banks) for reading, banks in zip(self.p, self.copies, strict=True))
        readings: list[Reading | None] = []
        for broadcast, banks in zip(self.arriving(pe), self.copies, strict=True):
            if broadcast is None:
                readings.append(None)
                continue
            readings.append(Reading(broadcast.activation, broadcast.pointer & 1, broadcast.y, broadcast.x))
            banks[0].read((broadcast.pointer + 1) >> 1)
            banks[1].read(broadcast.pointer >> 1)
        self._next_p = tuple(readings)
        write = pe.decoder.pointer_write
        if write is not None:
            for banks in self.copies:
                banks[write.address & 1].write(write.address >> 1, write.data)

    def _slice(self, reading: Reading | None, banks: list[SynchronousMemory[int]]) -> Slice | None:
        if reading is None:
            return None
        even, odd = banks[0].output, banks[1].output
        start, end = (odd, even) if reading.odd else (even, odd)
        return Slice(reading.activation, start, end, reading.y, reading.x)

    def commit(self) -> None:
        self.p, self.q = self._next_p, self._next_q
        for banks in self.copies:
            banks[0].commit()
            banks[1].commit()
