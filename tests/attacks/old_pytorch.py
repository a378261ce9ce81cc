"""Attacks on PyTorch's format from before version 1.6, `.pt` and `.th`: five pickles, then counts and numbers."""

import pickle
import struct

from tests.attacks.corpus import attack
from tests.support.files.pickles import PROTOCOL, dictionary, name, sequence, tensor, text, whole

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001
SYSTEM = {"protocol_version": VERSION, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}


def storage(key: str, count: int, kind: str = "FloatStorage") -> bytes:
    """The persistent id of a storage."""
    return sequence(text("storage"), name(f"torch {kind}"), text(key), text("cpu"), whole(count), b"N") + b"Q"


GOOD = dictionary(a__weight=tensor(storage("0", 6), (2, 3), (3, 1)))


def file(
    value: bytes = GOOD,
    keys: tuple[object, ...] = ("0",),
    counts: tuple[int, ...] = (6,),
    numbers: bytes = bytes(24),
    **system: object,
) -> bytes:
    """A file of one pickled value, and of storages of which the last has these numbers."""
    plain = (MAGIC, VERSION, {**SYSTEM, **system})
    begin = b"".join(pickle.dumps(each, 2) for each in plain)
    behind = b"".join(struct.pack("<Q", count) for count in counts)
    return begin + PROTOCOL + value + b"." + pickle.dumps(list(keys), 2) + behind + numbers


@attack("pytorch", "th")
def old_format_of_nothing_known() -> bytes:
    """A bare pickle of a dictionary, as no version of PyTorch wrote it."""
    return pickle.dumps({"a.weight": [1.0]})


@attack("pytorch", "th")
def old_format_runs_a_command() -> bytes:
    """A fourth pickle that would run a command."""
    return file(name("os system") + sequence(text("touch /tmp/attacked")) + b"R")


@attack("th")
def command_in_the_magic_number() -> bytes:
    """A first pickle that would run a command instead of being a number."""
    return PROTOCOL + name("os system") + sequence(text("touch /tmp/attacked")) + b"R." + file()


@attack("th")
def command_in_the_keys() -> bytes:
    """A list of storages that would be made by a command."""
    good = file()
    keys = pickle.dumps(["0"], 2)
    return good.replace(keys, PROTOCOL + name("os system") + sequence(text("touch /tmp/attacked")) + b"R.")


@attack("th")
def cut_in_half() -> bytes:
    """The first half of a file."""
    data = file()
    return data[: len(data) // 2]


@attack("th")
def numbers_cut_off() -> bytes:
    """Five numbers where six are said to be."""
    return file()[:-4]


@attack("th")
def count_of_2_to_62() -> bytes:
    """A storage that says of itself that it has 2**62 numbers."""
    return file(counts=(1 << 62,))


@attack("th")
def count_of_the_tensor() -> bytes:
    """A tensor whose storage is said to have 2**40 numbers, where it has six."""
    return file(dictionary(a__weight=tensor(storage("0", 1 << 40), (2, 3), (3, 1))))


@attack("th")
def storage_twice() -> bytes:
    """A storage that is there twice, with other numbers."""
    return file(keys=("0", "0"), counts=(6,), numbers=bytes(24) + struct.pack("<Q", 6) + b"\xff" * 24)


@attack("th")
def storage_of_nobody() -> bytes:
    """A storage that no tensor shows, whose size nothing says."""
    return file(keys=("1",))


@attack("th")
def keys_that_are_no_texts() -> bytes:
    """Keys of storages that are lists and numbers."""
    return file(keys=(["0"], 0))


@attack("th")
def two_types() -> bytes:
    """A storage of which one tensor says that it holds floats, and another one whole numbers."""
    parts = {kind: tensor(storage("0", 6, kind), (2, 3), (3, 1)) for kind in ("FloatStorage", "IntStorage")}
    return file(dictionary(a__weight=parts["FloatStorage"], b__weight=parts["IntStorage"]))


@attack("th")
def behind_the_storage() -> bytes:
    """A tensor that ends behind its storage."""
    return file(dictionary(a__weight=tensor(storage("0", 6), (2, 3), (3, 1), offset=1)))


@attack("th")
def big_endian() -> bytes:
    """Numbers whose bytes are the other way round."""
    return file(little_endian=False)


@attack("th")
def many_pickles() -> bytes:
    """A hundred thousand empty dictionaries in a row, none of them a magic number."""
    return pickle.dumps({}, 2) * 100_000


@attack("th")
def not_finite() -> bytes:
    """Weights of NaN."""
    return file(numbers=struct.pack("<6f", *[float("nan")] * 6))


@attack("th")
def bytes_behind() -> bytes:
    """A second network behind the first."""
    return file() + file()
