"""What the driver asks of the way to an array: registers, and the two streams."""

from typing import Protocol

from model.errors import EieError
from sw.image.words import Words


class TransportError(EieError):
    """The array did not answer as it should; the message says what was wanted and what came."""


class Transport(Protocol):
    """A way to an array. Stream words are `sw.image.words.Words`."""

    def read(self, address: int) -> int:
        """The register at a word address (`model.registers`)."""
        ...

    def write(self, address: int, value: int) -> None:
        """Write a 32-bit register."""
        ...

    def send(self, words: Words) -> None:
        """One transfer: these words, the last of them marked as its end."""
        ...

    def receive(self, count: int) -> Words:
        """The next `count` output words; TransportError if they do not come in the time that this transport gives."""
        ...

    def close(self) -> None:
        """Let go of the hardware; further calls are not allowed."""
        ...
