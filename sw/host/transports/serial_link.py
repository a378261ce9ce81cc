"""An array behind a serial port (`hw/bus/serial_link.py`)."""

import os
from typing import Any, Protocol

import numpy as np

from model.config import ArrayConfig
from model.errors import EieError
from model.serial_protocol import DONE, MAX_PIECES, WORD_BYTES, Command
from sw.extras import pip_install
from sw.host.transports.transport import TransportError
from sw.host.transports.window import WindowStreams
from sw.image.words import Words


class Line(Protocol):
    """What is used of `serial.Serial`."""

    def read(self, size: int, /) -> bytes: ...
    def write(self, data: bytes, /) -> Any: ...
    def close(self) -> None: ...


def open_line(port: str, baud: int, seconds: float = 2.0) -> Line:
    """A serial port, 8N1. EieError if pyserial is missing or the port cannot be opened."""
    try:
        import serial
    except ImportError as error:
        raise EieError(f"a serial port needs pyserial: {pip_install('serial')}") from error
    try:
        line: Line = serial.Serial(port, baud, timeout=seconds)
    except (OSError, ValueError) as error:
        # pyserial's own sentence repeats the port and the system's words; a file that is no port has no number.
        number = getattr(error, "errno", None)
        raise EieError(f"cannot open serial port {port}: {os.strerror(number) if number else error}") from error
    return line


class SerialTransport(WindowStreams):
    """Registers and streams as commands of `model.serial_protocol`; bursts of pieces share a command.

    Parameters
    ----------
    line : an open serial port with a read timeout.
    config : the array's.
    seconds : time without progress after which a stream counts as stuck.
    """

    def __init__(self, line: Line, config: ArrayConfig, seconds: float = 10.0):
        super().__init__(self, config, seconds)
        self._line = line

    def read(self, address: int) -> int:
        return int.from_bytes(self._ask(bytes([Command.READ, address]), WORD_BYTES), "little")

    def write(self, address: int, value: int) -> None:
        self._do(bytes([Command.WRITE, address]) + value.to_bytes(WORD_BYTES, "little"))

    def put_pieces(self, pieces: Words, last: bool) -> None:
        for first in range(0, pieces.size, MAX_PIECES):
            burst = pieces[first : first + MAX_PIECES]
            final = last and first + burst.size == pieces.size
            command = Command.SEND_LAST if final else Command.SEND
            self._do(bytes([command, burst.size]) + burst.astype("<u4").tobytes())

    def get_pieces(self, count: int) -> Words:
        data = b"".join(
            self._ask(bytes([Command.GET, burst]), burst * WORD_BYTES)
            for burst in (min(MAX_PIECES, count - first) for first in range(0, count, MAX_PIECES))
        )
        return np.frombuffer(data, dtype="<u4").astype(np.uint32)

    def close(self) -> None:
        self._line.close()

    def _do(self, command: bytes) -> None:
        answer = self._ask(command, 1)
        if answer[0] != DONE:
            raise TransportError(f"serial link: {DONE:#04x} was wanted after a command, got {answer[0]:#04x}")

    def _ask(self, command: bytes, size: int) -> bytes:
        self._line.write(command)
        answer = self._line.read(size)
        if len(answer) != size:
            raise TransportError(f"serial link: {size} bytes were wanted, {len(answer)} came in time")
        return answer
