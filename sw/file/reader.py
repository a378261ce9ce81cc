"""Bytes, numbers of few bytes and texts of a model file's header."""

from model.errors import EieError

VARINT_BYTES = 5


def varint(value: int) -> bytes:
    """Seven bits per byte, least significant first; the top bit says that more follow."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


class Reader:
    """Reads bytes front to back and never past `end`."""

    def __init__(self, data: bytes, position: int, end: int):
        self._data = data
        self.position = position
        self._end = end

    def take(self, count: int) -> bytes:
        """The next bytes."""
        if self.position + count > self._end:
            raise EieError(f"the header must hold {count} bytes from byte {self.position}, it ends at {self._end}")
        self.position += count
        return self._data[self.position - count : self.position]

    def byte(self) -> int:
        """The next byte."""
        return self.take(1)[0]

    def varint(self) -> int:
        """The next number."""
        start, value = self.position, 0
        for place in range(VARINT_BYTES):
            byte = self.byte()
            value |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                if byte == 0 and place > 0:
                    break
                return value
        raise EieError(
            f"a number must have at most {VARINT_BYTES} bytes and no leading zeros, got more at byte {start}"
        )

    def text(self) -> str:
        """A UTF-8 text after its number of bytes."""
        raw = self.take(self.byte())
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise EieError(f"a layer name must be valid UTF-8, got {raw!r}") from error
