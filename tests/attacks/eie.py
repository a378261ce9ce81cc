"""Attacks on the model file; every checksum is right unless the attack says otherwise."""

import struct
import zlib
from collections.abc import Sequence

import numpy as np

from sw.file.bits import BitWriter
from sw.file.header import parse_header
from sw.file.lengths import write_lengths
from sw.file.model_file import to_bytes
from sw.file.reader import varint
from sw.file.runs import run_alphabet
from sw.network.compressed import Calibration, CompressedLayer, CompressedNetwork
from tests.attacks.corpus import attack

MAGIC = b"\x89EIE\x02"
RUNS = 1 << 4  # index_bits 1, code_bits 1
HAS_BIAS = 2


def crc(data: bytes) -> bytes:
    """Data and its checksum."""
    return data + struct.pack("<I", zlib.crc32(data))


def record(
    name: bytes = b"fc",
    out: int = 2,
    into: int = 3,
    entries: int = 0,
    size: int = 0,
    flags: int = 0,
    widths: int = RUNS,
    moves: bytes = b"",
) -> bytes:
    """A layer in the header."""
    numbers = b"".join(map(varint, (out, into, entries, size)))
    return bytes([len(name)]) + name + bytes([flags, widths]) + moves + numbers


def model(records: Sequence[bytes], sections: Sequence[bytes] = (), flags: int = 0, graph: bytes = b"") -> bytes:
    """A model file of these records and sections."""
    body = varint(len(records)) + bytes([flags]) + graph + b"".join(records)
    return crc(MAGIC + varint(len(body)) + body) + b"".join(map(crc, sections))


def network(seed: int = 0) -> CompressedNetwork:
    """A valid network of two layers."""
    rng = np.random.default_rng(seed)
    layers: list[CompressedLayer] = []
    for name, out, into in (("fc1", 9, 12), ("fc2", 5, 9)):
        positions = np.flatnonzero(rng.random(out * into) < 0.5)
        layers.append(
            CompressedLayer(
                name=name,
                shape=(out, into),
                convolution=None,
                code_bits=2,
                codebook=np.array([0, -0.5, 0.25, 1], np.float32),
                bias=rng.normal(size=out).astype(np.float32),
                relu=name == "fc1",
                positions=positions,
                codes=rng.integers(1, 4, positions.size).astype(np.uint8),
            )
        )
    ranges = np.array([1, 2, 3], np.float32)
    return CompressedNetwork(
        layers=tuple(layers), graph=None, calibration=Calibration(activations=ranges, partial_sums=ranges[1:])
    )


def section(*parts: Sequence[tuple[int, int]]) -> bytes:
    """Parts of (number, bits), each padded to whole bytes."""
    data = b""
    for part in parts:
        writer = BitWriter()
        for number, bits in part:
            writer.number(number, bits)
        data += writer.to_bytes()
    return data


RUN_TABLE = [(1, 1), (2, 4), (0, 3)]  # of a matrix of six places: four symbols of 2 bits
ONE_CODE = [(1, 8), (1, 4)]  # one code above 0, of 1 bit
ONE_VALUE = [(1, 1), (149, 8), (2, 6), (2, 2)]  # of a codebook: 1.0


@attack("eie")
def empty() -> bytes:
    """No byte at all."""
    return b""


@attack("eie")
def only_magic() -> bytes:
    """The magic and nothing behind it."""
    return b"\x89EIE"


@attack("eie")
def other_version() -> bytes:
    """A version that does not exist, with a valid network behind it."""
    return b"\x89EIE\xff" + to_bytes(network())[5:]


@attack("eie")
def header_longer_than_file() -> bytes:
    """The header's length points 4 GB past the end."""
    return MAGIC + varint((1 << 32) - 1) + bytes(64)


@attack("eie")
def endless_varint() -> bytes:
    """A number whose continuation bit never ends."""
    return MAGIC + b"\xff" * 4096


@attack("eie")
def varint_with_leading_zeros() -> bytes:
    """The same header in a longer form, so that two files would be one network."""
    body = b"\x81\x00" + b"\x00" + record()
    return crc(MAGIC + varint(len(body)) + body) + crc(b"")


@attack("eie")
def most_layers() -> bytes:
    """The header promises 2**35 - 1 layers."""
    body = varint((1 << 35) - 1) + b"\x00"
    return crc(MAGIC + varint(len(body)) + body)


@attack("eie")
def no_layers() -> bytes:
    """A network without layers."""
    return model([])


@attack("eie")
def huge_sizes() -> bytes:
    """Rows and columns of 2**34, whose product overflows 64 bits."""
    return model([record(out=1 << 34, into=1 << 34)], [b""])


@attack("eie")
def zero_rows() -> bytes:
    """A matrix without rows."""
    return model([record(out=0)], [b""])


@attack("eie")
def most_entries() -> bytes:
    """2**31 entries in a section of one byte."""
    return model([record(out=1 << 15, into=1 << 16, entries=1 << 31, size=1)], [b"\x00"])


@attack("eie")
def section_size_overflow() -> bytes:
    """A section that is said to have 2**35 - 1 bytes."""
    return model([record(size=(1 << 35) - 1, entries=1)], [b"\x00"])


@attack("eie")
def gap_between_sections() -> bytes:
    """A byte that belongs to no section between two of them."""
    first, second = record(b"a", 3, 3), record(b"b", 3, 3)
    return model([first, second]) + crc(b"") + b"\x00" + crc(b"")


@attack("eie")
def overlapping_sections() -> bytes:
    """Two sections that share their bytes: the file is one section too short for what its header says."""
    part = section(RUN_TABLE, ONE_CODE, ONE_VALUE, [(0, 1)], [(0, 1)])
    layers = [record(name, 3, 3, entries=1, size=len(part)) for name in (b"a", b"b")]
    return model(layers, [part])


@attack("eie")
def bytes_behind_the_end() -> bytes:
    """A valid network with a second one behind it."""
    return to_bytes(network()) * 2


@attack("eie")
def duplicate_names() -> bytes:
    """Two layers of one name."""
    return model([record(b"a", 3, 3)] * 2, [b"", b""])


@attack("eie")
def name_with_escape() -> bytes:
    """A layer name that would clear the terminal and write a second line."""
    return model([record(b"\x1b[2J\nerror: all is well\x07", 3, 3), record(b"b", 2, 7)], [b"", b""])


@attack("eie")
def name_not_utf8() -> bytes:
    """A layer name of bytes that are no text."""
    return model([record(b"\xff\xfe")], [b""])


@attack("eie")
def unknown_flags() -> bytes:
    """Flag bits that no version knows."""
    return model([record(flags=0xE0)], [b""])


@attack("eie")
def sizes_that_do_not_chain() -> bytes:
    """A layer that takes more values than the one before it gives."""
    return model([record(b"a", 2, 3), record(b"b", 2, 1 << 20)], [b"", b""])


@attack("eie")
def stride_zero() -> bytes:
    """A convolution that never moves on."""
    moves = bytes([0, 0, 0, 0]) + varint(1)
    body = bytes([1]) + b"c" + bytes([8 | 16, RUNS]) + moves + b"".join(map(varint, (2, 3, 1, 1, 0, 0)))
    return model([body], [b""], flags=1)


@attack("eie")
def groups_overflow() -> bytes:
    """A convolution of 2**34 groups."""
    moves = bytes([1, 1, 0, 0]) + varint(1 << 34)
    body = bytes([1]) + b"c" + bytes([8 | 16, RUNS]) + moves + b"".join(map(varint, (2, 3, 1, 1, 0, 0)))
    return model([body], [b""], flags=1)


@attack("eie")
def graph_source_before_input() -> bytes:
    """An operation that takes the value 2**34 places before it."""
    graph = bytes([1]) + varint(3) + varint(1) + bytes([8]) + varint(1 << 34)
    return model([record()], [b""], flags=2, graph=graph)


@attack("eie")
def graph_of_many_sources() -> bytes:
    """Ten megabytes of sources of concatenations, a byte each."""
    count, per = 2500, 4096
    nodes = (bytes([8 | 5]) + varint(per) + bytes(per)) * count
    graph = bytes([1]) + varint(3) + varint(count) + nodes
    return model([record()], [b""], flags=2, graph=graph)


@attack("eie")
def graph_that_doubles() -> bytes:
    """Each concatenation takes the value before it 4096 times: sizes of 3 * 4096**n."""
    node = bytes([8 | 5]) + varint(4096) + bytes(4096)
    graph = bytes([1]) + varint(3) + varint(200) + node * 200
    return model([record()], [b""], flags=2, graph=graph)


@attack("eie")
def graph_of_windows_of_nothing() -> bytes:
    """Pooling with windows, strides and padding of 0."""
    pool = bytes([2 | 64, 0, 0, 0])
    graph = bytes([3]) + b"".join(map(varint, (1, 4, 4))) + varint(2) + pool + bytes([0])
    return model([record()], [b""], flags=2, graph=graph)


@attack("eie")
def graph_of_huge_values() -> bytes:
    """An input of 2**105 elements."""
    graph = bytes([3]) + varint((1 << 35) - 1) * 3 + varint(1) + bytes([0])
    return model([record()], [b""], flags=2, graph=graph)


@attack("eie")
def kraft_over_subscribed() -> bytes:
    """Three codes of one bit."""
    codes = [(3, 8), (1, 4), (0, 1), (0, 1)]
    part = section(RUN_TABLE, codes, ONE_VALUE, [(0, 1)], [(0, 1)])
    return model([record(entries=1, size=len(part), widths=RUNS | 1)], [part])


@attack("eie")
def kraft_incomplete() -> bytes:
    """Two codes of fifteen bits: most windows are no code, on which a decoder could run for ever."""
    codes = [(2, 8), (15, 4), (0, 1)]
    part = section(RUN_TABLE, codes, ONE_VALUE, [(0, 1)], [(0, 1)])
    return model([record(entries=1, size=len(part), widths=RUNS | 1)], [part])


@attack("eie")
def code_length_sixteen() -> bytes:
    """A code length that climbs above the longest."""
    codes = [(2, 8), (15, 4), (0b10, 2)]
    part = section(RUN_TABLE, codes, ONE_VALUE, [(0, 1)], [(0, 1)])
    return model([record(entries=1, size=len(part), widths=RUNS | 1)], [part])


@attack("eie")
def no_used_symbols() -> bytes:
    """A table of runs in which no symbol is used."""
    part = section([(0, 2), (0b11000, 5)], ONE_CODE, ONE_VALUE)
    return model([record(entries=1, size=len(part))], [part])


@attack("eie")
def gamma_of_63_ones() -> bytes:
    """The longest number there can be, as the number of unused symbols."""
    part = section([(0, 2), ((1 << 63) - 1, 63), (0, 1), ((1 << 63) - 1, 63)])
    return model([record(entries=1, size=len(part))], [part])


@attack("eie")
def truncated_stream() -> bytes:
    """A stream whose last code is cut off, checksum right."""
    part = _plain_section(64)
    return model([record(out=8, into=8, entries=65 - 1, size=len(part) - 1, widths=0)], [part[:-1]])


@attack("eie")
def runs_past_the_end() -> bytes:
    """Runs that lead outside the matrix."""
    alphabet = run_alphabet(6, 1)
    table = BitWriter()
    lengths = np.zeros(alphabet, np.uint8)
    lengths[-1] = 1
    write_lengths(table, lengths)
    part = table.to_bytes() + section(ONE_CODE, ONE_VALUE, [(0, 8)], [(0, 2)])
    return model([record(entries=2, size=len(part))], [part])


@attack("eie")
def padding_bits_set() -> bytes:
    """Bits behind the end of a table, in which something could hide."""
    data = bytearray(_plain_section(8))
    data[1] |= 1
    return model([record(out=1, into=8, entries=8, size=len(data), widths=0)], [bytes(data)])


@attack("eie")
def codebook_overflow() -> bytes:
    """A codebook value that float32 cannot hold."""
    part = section([(1, 8), (0, 1), (1, 4)], [(1, 1), (255, 8), (32, 6), ((1 << 32) - 2, 32)], [(0, 1)])
    return model([record(out=1, into=1, entries=1, size=len(part), widths=0)], [part])


@attack("eie")
def codebook_infinite() -> bytes:
    """A codebook value whose bit pattern is infinity."""
    pattern = 0x7F800000 >> 23
    part = section([(1, 8), (0, 1), (1, 4)], [(0, 1), (23, 5), (9, 6), (2 * pattern, 9)], [(0, 1)])
    return model([record(out=1, into=1, entries=1, size=len(part), widths=0)], [part])


@attack("eie")
def calibration_nan() -> bytes:
    """A calibration of NaN, infinity and a negative number."""
    ranges = struct.pack("<3f", float("nan"), float("inf"), -1.0)
    return model([record()], [b"", ranges], flags=4)


@attack("eie")
def zero_biases_stored() -> bytes:
    """Biases that are all zero, so that two files would be one network."""
    part = section([(0, 1), (0, 5), (0, 5), (0, 8), (0, 6)])
    return model([record(flags=HAS_BIAS, size=len(part))], [part])


@attack("eie")
def biases_of_one_bit() -> bytes:
    """A million biases of a bit each, then a byte too many: 32 times the file as float32."""
    count = 1 << 20
    writer = BitWriter()
    for number, bits in ((0, 1), (0, 5), (1, 5), (0, 8), (0, 6)):
        writer.number(number, bits)
    writer.numbers(np.ones(count, np.int64), 1)
    part = writer.to_bytes() + b"\x00"
    return model([record(out=count, into=1, flags=HAS_BIAS, size=len(part))], [part])


@attack("eie")
def checksum_right_content_wrong() -> bytes:
    """A valid network with every bit of its sections inverted and their checksums made again."""
    data = to_bytes(network())
    position = _sections_start(data)
    out = data[:position]
    for size in _section_sizes(data):
        out += crc(bytes(byte ^ 0xFF for byte in data[position : position + size]))
        position += size + 4
    return out


@attack("eie")
def header_crc_wrong() -> bytes:
    """A valid network whose header's checksum is that of something else."""
    data = bytearray(to_bytes(network()))
    data[_sections_start(bytes(data)) - 1] ^= 1
    return bytes(data)


@attack("eie")
def four_entries_per_byte() -> bytes:
    """Eight million entries of two bits each, then a byte too many: positions would take 32 times the file."""
    return _dense_runs(1 << 23, b"\x00")


@attack("eie")
def four_entries_per_byte_last_code_zero() -> bytes:
    """Eight million codes of a bit each without runs, all zero: a matrix that is said to end in a weight."""
    count = 1 << 23
    table = section([(1, 8), (1, 1), (1, 4), (0, 1)], ONE_VALUE)
    part = table + bytes(count // 8)
    return model([record(out=1 << 12, into=1 << 11, entries=count, size=len(part), widths=0)], [part])


@attack("eie")
def good_layer_then_damage() -> bytes:
    """A large sound layer, and behind it one that is not."""
    good = _dense_runs(1 << 22, b"")
    body = good[_sections_start(good) :]
    first = record(b"good", 1 << 11, 1 << 11, 1 << 22, len(body) - 4)
    return model([first, record(b"bad", 2, 1 << 11, 1, 1)], []) + body + crc(b"\xff")


def _dense_runs(count: int, tail: bytes) -> bytes:
    """Every weight of a matrix kept: runs of 0 and one code, a bit each; `tail` is too many."""
    out = 1 << (count.bit_length() // 2)
    into = count // out
    alphabet = run_alphabet(count, 1)
    table = BitWriter()
    lengths = np.zeros(alphabet, np.uint8)
    lengths[0] = 1
    write_lengths(table, lengths)
    part = table.to_bytes() + section(ONE_CODE, ONE_VALUE) + bytes(2 * count // 8) + tail
    return model([record(b"fc", out, into, count, len(part))], [part])


def _plain_section(entries: int) -> bytes:
    """A section without runs: `entries` codes of a bit."""
    return section([(1, 8), (0, 1), (1, 4)], ONE_VALUE, [(0, 1)] * entries)


def _sections_start(data: bytes) -> int:
    return parse_header(data)[1]


def _section_sizes(data: bytes) -> list[int]:
    header, _ = parse_header(data)
    sizes = [one.section_bytes for one in header.layers]
    return [*sizes, header.calibration_bytes] if header.calibrated else sizes
