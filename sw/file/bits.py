"""Bits of the small parts of a model file: numbers of any width, most significant bit first, padded to whole bytes."""

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.coding.bitstream import decode_symbols, encode_streams, lookup_table
from sw.coding.huffman import codewords

LONGEST_CODE = 15  # of every Huffman code in the file
MAX_UNARY = 63


class BitWriter:
    """Collects bits."""

    def __init__(self):
        self._parts: list[bytes] = []  # a byte per bit

    @property
    def bits(self) -> int:
        """Written so far."""
        return sum(map(len, self._parts))

    def number(self, value: int, width: int) -> None:
        """An unsigned number of `width` bits; none for width 0."""
        if width:
            self._parts.append(bytes(map(int, f"{value:0{width}b}")))

    def unary(self, value: int) -> None:
        """That many ones, at most MAX_UNARY, then a zero."""
        self._parts.append(b"\1" * value + b"\0")

    def gamma(self, value: int) -> None:
        """A number of 1 or more: its bits but the first, after their count in unary (Elias gamma)."""
        width = value.bit_length() - 1
        self.unary(width)
        self.number(value - (1 << width), width)

    def numbers(self, values: NDArray[np.int64], width: int) -> None:
        """Unsigned numbers of `width` bits each."""
        places = np.arange(width - 1, -1, -1)
        self._parts.append((values[:, np.newaxis] >> places & 1).astype(np.uint8).tobytes())

    def symbols(self, symbols: NDArray[np.uint8], lengths: NDArray[np.uint8]) -> None:
        """Huffman codes of symbols, canonical with these lengths."""
        data, bits = huffman_stream(symbols, lengths)
        self._parts.append(np.unpackbits(data)[:bits].tobytes())

    def extend(self, other: "BitWriter") -> None:
        """All bits of another writer."""
        self._parts += other._parts

    def to_bytes(self) -> bytes:
        """All bits, the last byte padded with zeros."""
        return np.packbits(np.frombuffer(b"".join(self._parts), np.uint8)).tobytes()


class BitReader:
    """Reads bits front to back and never past the end.

    Parameters
    ----------
    data : the bytes that hold them.
    what : names them in EieErrors.

    Members
    -------
    array : the bytes as uint8.
    position : the next bit.
    """

    def __init__(self, data: bytes, what: str):
        self._data = data
        self.array = np.frombuffer(data, np.uint8) if data else np.zeros(0, np.uint8)
        self._what = what
        self.position = 0

    def number(self, width: int) -> int:
        """An unsigned number."""
        start, end = self._advance(width)
        packed = int.from_bytes(self._data[start // 8 : -(-end // 8)], "big")
        return packed >> (-end % 8) & ((1 << width) - 1)

    def unary(self) -> int:
        """Ones before the next zero, which is read as well."""
        for value in range(MAX_UNARY + 1):
            if not self.number(1):
                return value
        raise EieError(f"{self._what}: a unary number must be at most {MAX_UNARY}, got more")

    def gamma(self) -> int:
        """A number of 1 or more."""
        width = self.unary()
        return 1 << width | self.number(width)

    def numbers(self, count: int, width: int) -> NDArray[np.int64]:
        """(count,) int64 unsigned numbers of `width` bits each, at most 32."""
        start, end = self._advance(count * width)
        bits = np.unpackbits(self.array[start // 8 : -(-end // 8)])[start % 8 : start % 8 + count * width]
        values = np.zeros(count, np.int64)
        for place in range(width):
            values = values << 1 | bits[place::width]
        return values

    def symbols(self, count: int, lengths: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(count,) uint8 Huffman-coded symbols, canonical with these lengths of at most LONGEST_CODE bits."""
        self.require(count)
        lookup = lookup_table(lengths, LONGEST_CODE)
        symbols, self.position = decode_symbols(self.array, self.position, count, lookup, self._what)
        return symbols

    def align(self) -> int:
        """Skip the bits that pad the last byte, which must be zero; the number of whole bytes read so far."""
        padding = self.number(-self.position % 8)
        if padding:
            raise EieError(f"{self._what}: the bits that pad the last byte must be zero, got {padding}")
        return self.position // 8

    def require(self, bits: int) -> None:
        """Every count is bounded by the bits that are there before anything is allocated for it."""
        if self.position + bits > 8 * len(self._data):
            raise EieError(
                f"{self._what}: {bits} more bits must follow bit {self.position}, it has {8 * len(self._data)}"
            )

    def _advance(self, bits: int) -> tuple[int, int]:
        self.require(bits)
        start = self.position
        self.position += bits
        return start, self.position


def whole_bytes(bits: int) -> int:
    """Bytes that hold so many bits."""
    return -(-bits // 8)


def huffman_stream(symbols: NDArray[np.uint8], lengths: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    """The bytes of one canonical Huffman stream, padded with zero bits, and its bits."""
    offsets = np.array([0, symbols.size], np.int64)
    data, bits = encode_streams(symbols.astype(np.uint16), offsets, codewords(lengths), lengths)
    return data[0], int(bits[0])
