"""Attacks on the files of weights: safetensors, npz, and Deep Compression's .net."""

import io
import json
import struct
import zipfile
from typing import Any

import numpy as np

from tests.attacks.commands import net, net_layer, zipped
from tests.attacks.corpus import attack


def safetensors(header: Any, data: bytes = b"") -> bytes:
    """A file of this header, a text or what becomes JSON, and these numbers."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(*shape: int, begin: int = 0, end: int | None = None, dtype: str = "F32") -> dict[str, Any]:
    """A tensor in a header."""
    size = 4 * int(np.prod(shape)) if end is None else end
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, begin + size if end is None else end]}


@attack("safetensors")
def header_bomb() -> bytes:
    """A header of 2**63 bytes."""
    return struct.pack("<Q", 1 << 63) + b"{}"


@attack("safetensors")
def header_of_all_the_file() -> bytes:
    """A header a byte longer than the file."""
    return struct.pack("<Q", 65) + b"{" * 64


@attack("safetensors")
def deep_header() -> bytes:
    """A header of a million open brackets."""
    return safetensors(b'{"a":' + b"[" * (1 << 20))


@attack("safetensors")
def overlapping_tensors() -> bytes:
    """Two tensors of the same bytes."""
    return safetensors({"a.weight": tensor(2, 3), "b.weight": tensor(2, 3)}, bytes(24))


@attack("safetensors")
def gap_between_tensors() -> bytes:
    """Bytes that belong to no tensor."""
    return safetensors({"a.weight": tensor(2, 3), "b.weight": tensor(3, 2, begin=32, end=56)}, bytes(56))


@attack("safetensors")
def offsets_backwards() -> bytes:
    """A tensor that ends before it begins."""
    return safetensors({"a.weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [24, 0]}}, bytes(24))


@attack("safetensors")
def negative_offsets() -> bytes:
    """A tensor that begins before the file."""
    return safetensors({"a.weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [-24, 0]}}, bytes(24))


@attack("safetensors")
def size_overflow() -> bytes:
    """A shape whose product is 0 modulo 2**64."""
    return safetensors({"a.weight": {"dtype": "F32", "shape": [1 << 32, 1 << 32], "data_offsets": [0, 0]}})


@attack("safetensors")
def negative_size() -> bytes:
    """A shape of -1 rows."""
    return safetensors({"a.weight": {"dtype": "F32", "shape": [-1, -6], "data_offsets": [0, 24]}}, bytes(24))


@attack("safetensors")
def empty_of_huge_shape() -> bytes:
    """No byte for a tensor of 0 x 2**60 weights."""
    return safetensors({"a.weight": tensor(0, 1 << 60, end=0)})


@attack("safetensors")
def empty_of_too_many_bytes() -> bytes:
    """No byte for 0 x 2**60 numbers of 8 bytes, whose sizes numpy refuses in its own words (found by fuzzing)."""
    return safetensors({"a.weight": {"dtype": "F64", "shape": [0, 1 << 60], "data_offsets": [0, 0]}})


@attack("safetensors")
def duplicate_keys() -> bytes:
    """One name for two tensors."""
    one, two = (json.dumps(tensor(2, 3, begin=begin, end=begin + 24)) for begin in (0, 24))
    return safetensors(f'{{"a.weight":{one},"a.weight":{two}}}'.encode(), bytes(48))


@attack("safetensors")
def not_finite() -> bytes:
    """Weights of NaN and infinity."""
    values = np.array([1, np.nan, np.inf, -np.inf, 0, 1], "<f4")
    return safetensors({"a.weight": tensor(2, 3)}, values.tobytes())


@attack("safetensors")
def overflow_to_infinity() -> bytes:
    """Float64 weights that float32 cannot hold."""
    header = {"a.weight": tensor(1, 1, end=8, dtype="F64")}
    return safetensors(header, struct.pack("<d", 1e300))


@attack("safetensors")
def integer_weights() -> bytes:
    """Weights that are whole numbers."""
    return safetensors({"a.weight": tensor(2, 3, dtype="I32")}, bytes(24))


@attack("safetensors")
def name_with_escape() -> bytes:
    """A tensor name that would clear the terminal and write a line of its own."""
    return safetensors({"\x1b[2J\nerror: all is well\u202e": tensor(2, 3)}, bytes(24))


@attack("safetensors")
def name_of_a_megabyte() -> bytes:
    """A tensor name of a million characters."""
    return safetensors({"x" * (1 << 20) + ".weight": tensor(2, 3)}, bytes(24))


@attack("safetensors")
def names_of_thousands_of_layers() -> bytes:
    """Twenty thousand layers of one weight each."""
    header = {f"l{i}.weight": tensor(1, 1, begin=4 * i, end=4 * i + 4) for i in range(20_000)}
    return safetensors(header, bytes(80_000))


@attack("safetensors")
def order_of_others() -> bytes:
    """Metadata whose order names a layer that is not there, in a million names."""
    return safetensors({"__metadata__": {"order": "a," * (1 << 19)}, "b.weight": tensor(2, 3)}, bytes(24))


@attack("safetensors")
def graph_of_deep_json() -> bytes:
    """Metadata whose graph is 100,000 brackets deep."""
    return safetensors({"__metadata__": {"graph": "[" * 100_000}, "b.weight": tensor(2, 3)}, bytes(24))


@attack("safetensors")
def graph_of_many_lists() -> bytes:
    """Metadata whose graph is four million bytes of empty lists, which take twenty times their text."""
    return safetensors({"__metadata__": {"graph": "[" + "[]," * (1 << 20) + "0]"}, "b.weight": tensor(2, 3)}, bytes(24))


@attack("safetensors")
def digits_in_a_name() -> bytes:
    """Layer names of thousands of digits, which are sorted as numbers."""
    header = {f"{i}{'9' * 5000}.weight": tensor(1, 1, begin=4 * i, end=4 * i + 4) for i in range(2)}
    return safetensors(header, np.full(2, np.nan, "<f4").tobytes())


@attack("safetensors")
def pickle() -> bytes:
    """A pickle that would run a command, under another name."""
    return b"\x80\x04cos\nsystem\n(X\x04\x00\x00\x00truetR."


def npy(header: str, data: bytes = b"", version: int = 1) -> bytes:
    """An array of numpy's format with this text as its header."""
    text = header.encode("latin1") + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(text)) + text + data


def described(shape: str, dtype: str = "'<f4'", data: bytes = b"") -> bytes:
    """An array of this shape and these numbers."""
    return npy(f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}", data)


def archive(member: bytes) -> bytes:
    """An npz file of one array."""
    return zipped({"a.weight.npy": member})


# Each is an array that every reader of arrays must refuse: as weights, as inputs and as labels.
ARRAYS: dict[str, tuple[str, bytes]] = {
    "shape_overflow": ("A shape whose product overflows 64 bits.", described(f"({1 << 40}, {1 << 40})")),
    "huge_shape": ("A shape of a terabyte in a file of a hundred bytes.", described(f"({1 << 20}, {1 << 18})")),
    "negative_shape": ("A shape of -1 rows.", described("(-1, -6)", data=bytes(24))),
    "boolean_shape": ("A shape of truth values, which count as 1.", described("(True, True)", data=bytes(4))),
    "object_array": ("Python objects, which numpy would unpickle.", described("(2, 3)", "'|O'", b"\x80\x04N.")),
    "structured": ("A structured type that nests itself.", described("(1, 1)", "[('f0', [('f0', '<f4')])]", bytes(4))),
    "complex_numbers": ("Complex weights.", described("(2, 3)", "'<c8'", bytes(48))),
    "text_of_a_gigabyte": ("Texts of a billion characters each.", described("(1, 1)", "'<U1000000000'")),
    "no_dictionary": ("A header that is no dictionary.", npy("[" * 200 + "]" * 200)),
    "deep_header": ("A header of brackets that Python's parser cannot nest.", npy("(" * 9000)),
    "header_bomb": ("A header of 4 GB.", npy("{}", version=2)[:8] + b"\xff\xff\xff\xff" + b"{}"),
    "code_in_header": ("A header that would import a module if it were run.", npy("__import__('os').abort()")),
    "digits": ("A size of five thousand digits.", described(f"({'9' * 5000}, 1)")),
    "version_9": ("A version of the format that does not exist.", npy("{}")[:6] + b"\x09\x00" + bytes(100)),
    "cut_off": ("Fewer numbers than its shape says.", described("(2, 3)", data=bytes(23))),
    "bytes_behind": ("More numbers than its shape says.", described("(2, 3)", data=bytes(25))),
    "not_finite": ("NaN and infinity.", described("(1, 2)", data=np.array([np.nan, np.inf], "<f4").tobytes())),
    "no_dimension": ("A number instead of an array.", described("()", data=bytes(4))),
    "sixty_dimensions": ("Sixty dimensions.", described("(" + "1, " * 60 + ")", data=bytes(4))),
    "empty_of_huge_shape": ("No byte for 0 x 2**60 weights.", described(f"(0, {1 << 60})")),
}


@attack("npz")
def zip_bomb() -> bytes:
    """A hundred megabytes of zeros in a hundred kilobytes."""
    return archive(described("(5000, 5000)", data=bytes(100_000_000)))


@attack("npz")
def zip_bomb_with_bad_checksum() -> bytes:
    """Forty megabytes of zeros whose checksum is wrong, so that all of them are unpacked before that is known."""
    data = bytearray(archive(described("(3200, 3125)", data=bytes(40_000_000))))
    place = data.index(b"PK\x01\x02")
    for at in (14, place + 16):
        data[at] ^= 1
    return bytes(data)


@attack("npz")
def overlapping_members() -> bytes:
    """A thousand members that are the same bytes of the file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(zipfile.ZipInfo("l0.weight.npy"), described("(1000, 1000)", data=bytes(4_000_000)))
        first = made.infolist()[0]
        for number in range(1, 1000):
            other = zipfile.ZipInfo(f"l{number}.weight.npy")
            for field in ("compress_type", "CRC", "compress_size", "file_size", "header_offset"):
                setattr(other, field, getattr(first, field))
            made.filelist.append(other)
    return file.getvalue()


@attack("npz")
def member_twice() -> bytes:
    """Two members of one name."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for _ in range(2):
            info = zipfile.ZipInfo("a.weight.npy")
            made.NameToInfo.clear()
            made.writestr(info, described("(2, 3)", data=bytes(24)))
    return file.getvalue()


@attack("npz")
def member_outside() -> bytes:
    """A member whose name leads out of the folder."""
    return zipped({"../../a.weight.npy": described("(2, 3)", data=bytes(24)), "/etc/passwd": b""})


@attack("npz")
def encrypted_member() -> bytes:
    """A member that wants a password."""
    data = bytearray(archive(described("(2, 3)", data=bytes(24))))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


@attack("npz")
def size_of_the_directory() -> bytes:
    """A directory that says that a member unpacks to 4 GB."""
    data = bytearray(archive(described("(2, 3)", data=bytes(24))))
    place = data.index(b"PK\x01\x02")
    data[place + 24 : place + 28] = b"\xfe\xff\xff\xff"
    return bytes(data)


@attack("npz")
def many_empty_members() -> bytes:
    """Fifty thousand members without a byte."""
    return zipped({f"l{number}.weight.npy": b"" for number in range(50_000)}, zipfile.ZIP_STORED)


@attack("npz")
def lzma_member() -> bytes:
    """A member packed in another way, whose dictionary would take gigabytes."""
    return zipped({"a.weight.npy": described("(2, 3)", data=bytes(24))}, zipfile.ZIP_LZMA)


@attack("npz")
def graph_of_a_number() -> bytes:
    """Connections that are numbers instead of a text."""
    arrays = {"a.weight.npy": described("(2, 3)", data=bytes(24)), "__graph__.npy": described("(1,)", data=bytes(4))}
    return zipped(arrays)


@attack("net")
def no_header() -> bytes:
    """No byte at all."""
    return b""


@attack("net")
def entries_overflow() -> bytes:
    """2**32 - 1 entries in each layer."""
    return net([0xFFFFFFFF, 0xFFFFFFFF], net_layer(9, b"", b""), net_layer(5, b"", b""))


@attack("net")
def runs_past_the_end() -> bytes:
    """Runs that lead outside the matrix."""
    return net([8, 0], net_layer(9, b"\x11" * 4, b"\xff" * 4), net_layer(5, b"", b""))


@attack("net")
def codebook_not_zero() -> bytes:
    """A codebook whose code 0 is not 0."""
    return net([0, 0], b"\x00\x00\x80\x3f" + bytes(60 + 36), net_layer(5, b"", b""))


@attack("net")
def codebook_not_finite() -> bytes:
    """A codebook of NaN and infinity."""
    codebook = np.array([0, np.nan, np.inf, *[1] * 13], "<f4").tobytes()
    return net([2, 0], codebook + bytes(36) + b"\x21" + b"\x00", net_layer(5, b"", b""))


@attack("net")
def biases_not_finite() -> bytes:
    """Biases of NaN."""
    return net([0, 0], bytes(64) + np.full(9, np.nan, "<f4").tobytes(), net_layer(5, b"", b""))


@attack("net")
def half_byte_left_over() -> bytes:
    """A half byte behind the last code in which something could hide."""
    return net([1, 0], net_layer(9, b"\xf1", b"\x00"), net_layer(5, b"", b""))


@attack("net")
def bytes_behind_the_end() -> bytes:
    """Bytes that belong to no layer."""
    return net([0, 0], net_layer(9, b"", b""), net_layer(5, b"", b""), b"\x00")


@attack("net")
def many_entries_outside() -> bytes:
    """Four megabytes of entries for a matrix of a hundred weights."""
    count = 1 << 22
    return net([count, 0], net_layer(9, bytes(count // 2), bytes(count // 2)), net_layer(5, b"", b""))
