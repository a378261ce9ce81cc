"""A second reader of `.eie` files, in plain Python, written from docs/contract/eie_format.md and nothing else.

It shares no line with `sw/file`: what both read alike is what the document says.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

RANGED = {2, 3, 4, 5, 8, *range(13, 26), 28}  # operations whose results are calibrated
FIELDS = {0: "v" * 10, 1: "v" * 10, 6: "ff", 7: "f", 8: "ff", 9: "l", 10: "l", 11: "vvvv", 12: "vv", 13: "v", 14: "v"}
FIELDS |= {15: "vf", 26: "v", 27: "v", 28: "lb"}
OF_TWO = {2, 3, 4, 5, 16}


class Bytes:
    """Whole bytes: the header."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        self.at += count
        assert self.at <= len(self.data)
        return self.data[self.at - count : self.at]

    def u8(self) -> int:
        return self.take(1)[0]

    def varint(self) -> int:
        value = 0
        for place in range(5):
            byte = self.u8()
            value |= (byte & 127) << 7 * place
            if byte < 128:
                return value
        raise AssertionError("a varint has at most 5 bytes")


class Bits:
    """Most significant first: a section."""

    def __init__(self, data: bytes):
        self.text, self.at = "".join(f"{byte:08b}" for byte in data), 0

    def take(self, count: int) -> int:
        self.at += count
        assert self.at <= len(self.text)
        return int(self.text[self.at - count : self.at] or "0", 2)

    def pad(self) -> None:
        assert self.take(-self.at % 8) == 0

    def unary(self) -> int:
        ones = 0
        while self.take(1):
            ones += 1
        assert ones <= 63
        return ones

    def gamma(self) -> int:
        bits = self.unary()
        return (1 << bits) | self.take(bits)

    def used_lengths(self, count: int) -> list[int]:
        lengths = [self.take(4)]
        while len(lengths) < count:
            lengths.append(lengths[-1] + unfold(self.unary(), positive_first=True))
        assert all(1 <= length <= 15 for length in lengths)
        assert lengths == [1] or sum(2.0**-length for length in lengths) == 1
        return lengths

    def lengths(self, alphabet: int) -> dict[int, int]:
        """By symbol, of those that are used."""
        used = list(range(alphabet))
        if not self.take(1):
            present, used, at = bool(self.take(1)), [], 0
            while at < alphabet:
                stretch = self.gamma()
                used += range(at, at + stretch) if present else ()
                present, at = not present, at + stretch
            assert at == alphabet
        return dict(zip(used, self.used_lengths(len(used)), strict=True))

    def huffman(self, lengths: dict[int, int]) -> Iterator[int]:
        """Symbols without end."""
        codewords, code, before = {}, 0, 0
        for length, symbol in sorted((length, symbol) for symbol, length in lengths.items()):
            code <<= length - before
            codewords[length, code] = symbol
            code, before = code + 1, length
        while True:
            word, length = 0, 0
            while (length, word) not in codewords:
                word, length = word << 1 | self.take(1), length + 1
            yield codewords[length, word]

    def ascending(self, count: int) -> list[int]:
        width = self.take(6)
        numbers = [unfold(self.take(width), positive_first=False)]
        if count == 1:
            return numbers
        if self.take(1):
            symbols = self.huffman(self.lengths(33))
            sizes = [next(symbols) for _ in range(count - 1)]
            gaps = [(1 << size - 1) | self.take(size - 1) if size else 0 for size in sizes]
        else:
            low = self.take(5)
            gaps = [(self.unary() << low) | self.take(low) for _ in range(count - 1)]
        for gap in gaps:
            numbers.append(numbers[-1] + gap + 1)
        return numbers

    def form(self) -> Any:
        """What makes float32 numbers of integers."""
        if self.take(1):
            exponent = self.take(8)
            return lambda number: float32(number * 2.0 ** (exponent - 149))
        shift = self.take(5)
        return lambda number: float32(-1 if number < 0 else 1, abs(number) << shift)


def unfold(number: int, *, positive_first: bool) -> int:
    """0, 1, -1, 2, -2, .. or 0, -1, 1, -2, 2, .."""
    size = (number + 1) // 2
    return size if number % 2 == positive_first else -size


def float32(value: float, magnitude: int | None = None) -> float:
    """A number that must be float32 exactly; the sign of one whose magnitude bits are given."""
    if magnitude is not None:
        return value * struct.unpack("<f", struct.pack("<I", magnitude))[0] if magnitude else 0.0
    assert struct.unpack("<f", struct.pack("<f", value))[0] == value
    return value


def read(data: bytes) -> tuple[list[dict[str, Any]], list[list[float]] | None]:
    """Layers, each with `name`, `relu`, `shape`, `weight` (row-major) and `bias`; calibration, in its four parts.

    These are bits of activations that it is for, largest magnitudes of these, sums, results.
    """
    start = Bytes(data)
    assert start.take(4) == b"\x89EIE"
    assert start.u8() in (2, 3, 4)
    size = start.varint()
    header, ranged = Bytes(start.take(size)), 0
    checked(start, 0)
    count, flags = header.varint(), header.u8()
    if flags & 3 == 2:
        for _ in range(header.u8()):
            header.varint()
        ranged = sum(operation(header) in RANGED for _ in range(header.varint()))
    layers = [record(header) for _ in range(count)]
    assert header.at == size
    for layer in layers:
        at = start.at
        section(layer, Bits(start.take(layer["bytes"])))
        checked(start, at)
    calibration = None
    assert flags >> 2 in (0, 1, 3)
    if flags & 4:
        at = start.at
        calibration = [[8.0 if flags & 8 else 16.0]]
        calibration += [list(struct.unpack(f"<{n}f", start.take(4 * n))) for n in (count + 1, count, ranged)]
        checked(start, at)
    assert start.at == len(data)
    return layers, calibration


def checked(file: Bytes, at: int) -> None:
    """The next four bytes are the checksum of what is before them."""
    wanted = zlib.crc32(file.data[at : file.at])
    assert int.from_bytes(file.take(4), "little") == wanted


def operation(header: Bytes) -> int:
    """Its code, of those with a second byte; -1 of others."""
    first, code, sources = header.u8(), -1, 1
    kind = first & 7
    if kind in (2, 3):
        header.take(3 if first & 64 else 6)
    elif kind == 7:
        code = header.u8()
        for field in FIELDS.get(code, ""):
            if field == "b":  # an ONNX model, which this reader leaves to others
                header.take(header.varint())
                continue
            for _ in range(header.varint() if field == "l" else 1):
                header.take(4) if field == "f" else header.varint()
        sources = 2 if code in OF_TWO else 1
    if first & 8:
        for _ in range(header.varint() if kind == 5 or code == 28 else sources):
            header.varint()
    return code


def record(header: Bytes) -> dict[str, Any]:
    """A layer's part of the header."""
    name, flags, bits = header.take(header.u8()).decode(), header.u8(), header.u8()
    if flags & 32:
        [header.varint() for _ in range(9)]
    elif flags & 16:
        header.take(4)
        header.varint()
    shape = [header.varint() for _ in range(4 if flags & 8 else 2)]
    layer = {"name": name, "relu": bool(flags & 1), "biases": flags & 2, "columns_first": flags & 4, "shape": shape}
    return layer | {"lead_bits": bits >> 4, "entries": header.varint(), "bytes": header.varint()}


def section(layer: dict[str, Any], bits: Bits) -> None:
    """Its weights and biases."""
    rows, lead, entries = layer["shape"][0], layer["lead_bits"], layer["entries"]
    columns = product(layer["shape"][1:])
    runs, codes, values = {}, {}, []
    if entries and lead:
        runs = bits.lengths(symbol_of(rows * columns - 1, lead) + 1)
        bits.pad()
    if entries:
        above = bits.take(8)
        used = [*range(0 if not lead and bits.take(1) else 1, above + 1)]
        codes = dict(zip(used, bits.used_lengths(len(used)), strict=True))
        bits.pad()
        form = bits.form()
        values = [0.0, *map(form, bits.ascending(above))]
        bits.pad()
    layer["bias"] = biases(bits, rows) if layer["biases"] else [0.0] * rows
    bits.pad()
    places = list(range(entries))
    if entries and lead:
        symbols, place = bits.huffman(runs), -1
        for number in range(entries):
            place += run_of(next(symbols), lead, bits) + 1
            places[number] = place
        bits.pad()
    layer["weight"] = [0.0] * (rows * columns)
    for place, code in zip(places, bits.huffman(codes) if entries else (), strict=False):
        row, column = (place % rows, place // rows) if layer["columns_first"] else divmod(place, columns)
        layer["weight"][row * columns + column] = values[code]
    bits.pad()
    assert bits.at == len(bits.text)


def biases(bits: Bits, rows: int) -> list[float]:
    """Of one layer."""
    form, low, distinct = bits.form(), bits.take(5), bits.take(8) + 1
    high = bits.ascending(distinct)
    chosen = [0] * rows
    if distinct > 1:
        symbols = bits.huffman(dict(enumerate(bits.used_lengths(distinct))))
        chosen = [next(symbols) for _ in range(rows)]
    return [form((high[number] << low) + bits.take(low)) for number in chosen]


def symbol_of(run: int, lead: int) -> int:
    """Of a run of zeros."""
    tail = max(run.bit_length() - lead, 0)
    return tail * (1 << lead - 1) + (run >> tail)


def run_of(symbol: int, lead: int, bits: Bits) -> int:
    """Of a symbol whose tail comes next."""
    half = 1 << lead - 1
    tail = max(symbol // half - 1, 0)
    return (symbol - tail * half << tail) | bits.take(tail)


def product(sizes: Sequence[int]) -> int:
    """Of all of them."""
    return sizes[0] * product(sizes[1:]) if sizes else 1
