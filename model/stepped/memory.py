"""A memory with one synchronous read port and one write port."""

from typing import Generic, TypeVar

Word = TypeVar("Word")


class SynchronousMemory(Generic[Word]):
    """`depth` words; a read presented in one cycle is the `output` of the next, and stays until the next read.

    A read of the word being written gives the old word. Neither contents nor output know of reset. Addresses
    past the end, which only malformed images produce, read as `blank` and write nothing.
    """

    __slots__ = ("_blank", "_data", "_read", "_write", "output", "words")

    def __init__(self, depth: int, blank: Word) -> None:
        self.words = [blank] * depth
        self.output = blank
        self._blank = blank
        self._read = -1
        self._write = -1
        self._data = blank

    def read(self, address: int) -> None:
        """Present a read in this cycle."""
        self._read = address

    def write(self, address: int, data: Word) -> None:
        """Present a write in this cycle."""
        self._write = address
        self._data = data

    def commit(self) -> None:
        """The clock edge."""
        if self._read >= 0:
            self.output = self.words[self._read] if self._read < len(self.words) else self._blank
            self._read = -1
        if self._write >= 0:
            if self._write < len(self.words):
                self.words[self._write] = self._data
            self._write = -1
