"""Streams through registers: the host's side of the stream window, and a window in front of the stepped model."""

import time
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np

from model.config import ArrayConfig
from model.registers import ADDRESS, WINDOW_START, Control
from sw.host.transports.model import ModelTransport
from sw.host.transports.transport import TransportError
from sw.image.words import PIECE_BITS, Words, words_as_integers

MODEL_DEPTH = 512  # pieces in each direction, as in hw/bus/stream_window.py
CYCLES_PER_LOOK = 16
ROOM = 0x7FFF  # in STREAM_STATUS
TAKEN = 0x8000


class Registers(Protocol):
    """32-bit registers by word address."""

    def read(self, address: int) -> int: ...
    def write(self, address: int, value: int) -> None: ...


class WindowStreams:
    """`send` and `receive` of a transport, over the stream window's registers.

    Parameters
    ----------
    registers : where the window is.
    config : the array's.
    seconds : time without progress after which a stream counts as stuck.
    """

    def __init__(self, registers: Registers, config: ArrayConfig, seconds: float = 10.0):
        self._registers = registers
        self._pieces = config.stream_bits // PIECE_BITS
        self._seconds = seconds

    def send(self, words: Words) -> None:
        pieces = words.ravel()
        sent = 0
        for room in self._progress("took no input word", lambda status: status & ROOM):
            burst = pieces[sent : sent + room]
            sent += burst.size
            self.put_pieces(burst, sent == pieces.size)
            if sent == pieces.size:
                break
        next(self._progress("did not take all input words", lambda status: status & TAKEN))
        if self._registers.read(ADDRESS["STREAM_STATUS"]) >> 31:
            self._registers.write(ADDRESS["STREAM_STATUS"], 0)
            raise TransportError(
                "the stream window had room for every piece, yet it lost one: is another host writing?"
            )

    def receive(self, count: int) -> Words:
        wanted = count * self._pieces
        pieces = np.empty(0, np.uint32)
        for held in self._progress("gave no output word", lambda status: status >> 16 & 0x7FFF):
            pieces = np.concatenate([pieces, self.get_pieces(min(held, wanted - pieces.size))])
            if pieces.size == wanted:
                break
        return pieces.reshape(count, self._pieces)

    def put_pieces(self, pieces: Words, last: bool) -> None:
        """Pieces for which there is room; with `last` the final one ends the transfer."""
        for number, piece in enumerate(pieces, start=1):
            name = "STREAM_LAST" if last and number == pieces.size else "STREAM_IN"
            self._registers.write(ADDRESS[name], int(piece))

    def get_pieces(self, count: int) -> Words:
        """Pieces that are there."""
        pieces = np.empty(count, np.uint32)
        for number in range(count):
            pieces[number] = self._registers.read(ADDRESS["STREAM_OUT"])
            self._registers.write(ADDRESS["STREAM_POP"], 0)
        return pieces

    def _progress(self, complaint: str, share: Callable[[int], int]) -> Iterator[int]:
        """That share of STREAM_STATUS whenever it is not 0; TransportError when it stays 0 for too long."""
        since = time.monotonic()
        while True:
            amount = share(self._registers.read(ADDRESS["STREAM_STATUS"]))
            if amount:
                yield amount
                since = time.monotonic()
            elif time.monotonic() - since > self._seconds:
                raise TransportError(f"the array {complaint} for {self._seconds:g} s")


class ModelWindow:
    """The stepped model behind a stream window: registers are all that a host needs of it.

    Parameters
    ----------
    config : the array to model.
    """

    def __init__(self, config: ArrayConfig):
        self.model = ModelTransport(config)
        self._host = self.model.host
        self._word: list[int] = []
        self._out: list[int] = []
        self._lost = 0

    def read(self, address: int) -> int:
        if address < WINDOW_START:
            return self.model.read(address)
        self._idle()
        if address == ADDRESS["STREAM_STATUS"]:
            pieces = len(self._host.waiting) * self._host.pieces + len(self._word)
            return (
                MODEL_DEPTH - pieces
                | (TAKEN if not pieces else 0)
                | min(len(self._out), MODEL_DEPTH) << 16
                | self._lost << 31
            )
        if address == ADDRESS["STREAM_OUT"] and self._out:
            return self._out[0]
        return 0

    def write(self, address: int, value: int) -> None:
        if address < WINDOW_START:
            self.model.write(address, value)
            if address == ADDRESS["CONTROL"] and value >> Control.RESET & 1:
                self._word.clear()
                self._out.clear()
        elif address in (ADDRESS["STREAM_IN"], ADDRESS["STREAM_LAST"]):
            self._put(value, address == ADDRESS["STREAM_LAST"])
        elif address == ADDRESS["STREAM_STATUS"]:
            self._lost = 0
        elif address == ADDRESS["STREAM_POP"]:
            del self._out[:1]

    def close(self) -> None:
        """Nothing is held."""

    def _put(self, piece: int, last: bool) -> None:
        if len(self._host.waiting) * self._host.pieces + len(self._word) >= MODEL_DEPTH:
            self._lost = 1
            return
        self._word.append(piece)
        if len(self._word) == self._host.pieces:
            (word,) = words_as_integers(np.array([self._word], np.uint32))
            self._host.waiting.append((word, int(last)))
            self._word.clear()

    def _idle(self) -> None:
        """Time goes by while a host looks: a cycle per look would make a waiting host wait for long."""
        for _ in range(CYCLES_PER_LOOK):
            self.model.run(self._host.cycle())
        words = self._host.take(len(self._host.received))
        self._out += [int(piece) for piece in words.ravel()]
