"""A host at the array's own ports, cycle by cycle: the same generators drive the stepped model and the RTL.

A program yields the inputs of a cycle and receives that cycle's outputs. In every cycle it also offers the input word
that waits, if one does, and takes the output word that is offered, as hardware beside a processor does.
"""

from collections import deque
from collections.abc import Generator
from typing import Protocol, TypeVar

from model.config import ArrayConfig
from model.registers import ADDRESS, READ_LATENCY, Control
from model.stepped.signals import Inputs
from sw.host.transports.transport import TransportError
from sw.image.words import PIECE_BITS, Words, integers_as_words, words_as_integers

T = TypeVar("T")


class PortOutputs(Protocol):
    """The outputs of one cycle; reading one may be costly, so a program reads only what it needs."""

    @property
    def i_ready(self) -> int: ...
    @property
    def o_valid(self) -> int: ...
    @property
    def o_data(self) -> int: ...
    @property
    def o_last(self) -> int: ...
    @property
    def reg_read_data(self) -> int: ...
    @property
    def interrupt(self) -> int: ...


Program = Generator[Inputs, PortOutputs, T]


class PortHost:
    """Register accesses and streams as programs.

    Parameters
    ----------
    config : the array's.
    limit : cycles that may pass without a word taken or given before a stream counts as stuck.
    """

    def __init__(self, config: ArrayConfig, limit: int = 1_000_000):
        self.pieces = config.stream_bits // PIECE_BITS
        self.waiting: deque[tuple[int, int]] = deque()  # input word, last
        self.received: deque[int] = deque()
        self._config = config
        self._limit = limit

    def reset(self) -> Program[None]:
        """Reset the array and forget what is under way."""
        self._forget()
        for _ in range(2):
            yield Inputs(reset=1)

    def read(self, address: int) -> Program[int]:
        """A register."""
        for _ in range(READ_LATENCY):
            yield from self.cycle(address)
        return (yield from self.cycle(address)).reg_read_data

    def write(self, address: int, value: int) -> Program[None]:
        """A register; a soft reset, which takes effect a cycle later, also drops the words that are under way."""
        yield from self.cycle(address, 1, value)
        if address == ADDRESS["CONTROL"] and value >> Control.RESET & 1:
            yield from self.cycle()
            self._forget()

    def send(self, words: Words) -> Program[None]:
        """Offer all words; returns when the array has taken them."""
        self.offer(words)
        idle = 0
        while self.waiting:
            before = len(self.waiting)
            yield from self.cycle()
            idle = 0 if len(self.waiting) < before else idle + 1
            if idle > self._limit:
                raise TransportError(f"the array took no input word for {idle} cycles, {before} are left")

    def receive(self, count: int) -> Program[Words]:
        """Wait for `count` words."""
        idle = 0
        while len(self.received) < count:
            before = len(self.received)
            yield from self.cycle()
            idle = 0 if len(self.received) > before else idle + 1
            if idle > self._limit:
                raise TransportError(f"{count} output words were wanted, {before} came, then none for {idle} cycles")
        return self.take(count)

    def cycle(self, address: int = 0, write: int = 0, value: int = 0) -> Program[PortOutputs]:
        """One cycle with this register access."""
        data, last = self.waiting[0] if self.waiting else (0, 0)
        outputs = yield Inputs(
            i_valid=int(bool(self.waiting)),
            i_data=data,
            i_last=last,
            o_ready=1,
            reg_address=address,
            reg_write=write,
            reg_write_data=value,
        )
        if self.waiting and outputs.i_ready:
            self.waiting.popleft()
        if outputs.o_valid:
            self.received.append(outputs.o_data)
        return outputs

    def offer(self, words: Words) -> None:
        """Queue a transfer for the cycles to come."""
        values = words_as_integers(words)
        self.waiting.extend((value, 0) for value in values[:-1])
        self.waiting.extend((value, 1) for value in values[-1:])

    def take(self, count: int) -> Words:
        """The oldest `count` received words."""
        return integers_as_words(self._config, [self.received.popleft() for _ in range(count)])

    def _forget(self) -> None:
        self.waiting.clear()
        self.received.clear()
