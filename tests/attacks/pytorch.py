"""Attacks on PyTorch files: archives of a pickle, of which nothing must run, and of numbers."""

import io
import struct
import zipfile

import numpy as np

from tests.attacks.commands import zipped
from tests.attacks.corpus import attack
from tests.support.files.pickles import (
    PROTOCOL,
    call,
    dictionary,
    name,
    numbers,
    sequence,
    storage,
    tensor,
    text,
    whole,
)


def file(value: bytes, size: int = 24, **records: bytes) -> bytes:
    """A file of one pickled value and one storage of zeros."""
    members = {"data.pkl": PROTOCOL + value + b".", "byteorder": b"little", "data/0": bytes(size), **records}
    return zipped({f"archive/{member}": data for member, data in members.items()}, zipfile.ZIP_STORED)


GOOD = tensor(storage("0", 6), (2, 3), (3, 1))


@attack("pytorch", "checkpoint")
def runs_a_command() -> bytes:
    """A pickle that would run a command."""
    return file(name("os system") + sequence(text("touch /tmp/attacked")) + b"R")


@attack("pytorch", "checkpoint")
def builds_with_eval() -> bytes:
    """A pickle that would evaluate a text by way of a tensor's rebuilding."""
    return file(dictionary(a__weight=call("builtins eval", text("1+1"))))


@attack("pytorch", "checkpoint")
def old_pickle_opcodes() -> bytes:
    """Opcodes of protocol 0, which make instances of any class."""
    return file(b"(ios\nsystem\n(S'true'\n")


@attack("pytorch", "checkpoint")
def stack_underflow() -> bytes:
    """A pickle that takes more than there is."""
    return file(b"uuuu")


@attack("pytorch")
def endless_memo() -> bytes:
    """A dictionary that holds itself."""
    return file(b"}q\x00X\x01\x00\x00\x00aq\x01h\x00s")


@attack("pytorch")
def nested_tuples() -> bytes:
    """A tuple in a tuple, a million deep."""
    return file(b")" + b"\x85" * (1 << 20))


@attack("pytorch")
def many_dictionaries() -> bytes:
    """Eight million empty dictionaries of a byte each, which take seventy times as much."""
    return file(b"](" + b"}" * (1 << 23) + b"e")


@attack("pytorch")
def colliding_keys() -> bytes:
    """Half a million keys whose hashes are all 0."""
    return file(b"}(" + b"".join(whole(key * ((1 << 61) - 1)) + b"N" for key in range(1 << 18)) + b"u")


@attack("pytorch")
def colliding_keys_in_turn() -> bytes:
    """Thirty thousand keys whose hashes are all 0, each put into the dictionary before the next is read."""
    return file(b"}" + b"".join(whole(key * ((1 << 61) - 1)) + b"Ns" for key in range(30_000)))


@attack("pytorch")
def doubled_tensor() -> bytes:
    """A tensor of 2**62 numbers that all are the same one."""
    return file(dictionary(a__weight=tensor(storage("0", 6), (1 << 31, 1 << 31), (0, 0))))


@attack("pytorch")
def negative_strides() -> bytes:
    """Strides that lead in front of the storage."""
    return file(dictionary(a__weight=tensor(storage("0", 6), (2, 3), (-3, -1))))


@attack("pytorch")
def offset_overflow() -> bytes:
    """An offset of 2**70."""
    return file(dictionary(a__weight=tensor(storage("0", 6), (2, 3), (3, 1), offset=1 << 70)))


@attack("pytorch")
def past_the_storage() -> bytes:
    """A tensor that ends behind its storage."""
    return file(dictionary(a__weight=tensor(storage("0", 6), (2, 3), (3, 1), offset=1)))


@attack("pytorch")
def storage_of_other_size() -> bytes:
    """A storage that is said to hold 2**40 numbers."""
    return file(dictionary(a__weight=tensor(storage("0", 1 << 40), (2, 3), (3, 1))))


@attack("pytorch")
def storage_outside() -> bytes:
    """A storage whose record leads out of the archive."""
    return file(dictionary(a__weight=tensor(storage("../../../etc/passwd", 6), (2, 3), (3, 1))))


@attack("pytorch")
def storage_of_many_types() -> bytes:
    """Numbers that are said to be of nine types, each of which would have a copy of its own."""
    kinds = {"Double": 8, "Float": 4, "Half": 2, "BFloat16": 2, "Long": 8, "Int": 4, "Short": 2, "Char": 1, "Byte": 1}
    size = 1 << 22
    tensors = {
        f"{kind}__weight": tensor(storage("0", size // bytes_, f"{kind}Storage"), (1, 1), (1, 1))
        for kind, bytes_ in kinds.items()
    }
    return file(dictionary(**tensors), size=size)


@attack("pytorch")
def shared_storage() -> bytes:
    """A thousand tensors that show one storage, each from another place."""
    tensors = {f"l{n}__weight": tensor(storage("0", 4096), (1, 3000), (1, 1), offset=n) for n in range(1000)}
    return file(dictionary(**tensors), size=4 * 4096)


@attack("pytorch")
def negative_size() -> bytes:
    """A tensor of -2 rows."""
    return file(dictionary(a__weight=tensor(storage("0", 6), (-2, 3), (3, 1))))


@attack("pytorch")
def big_endian() -> bytes:
    """Numbers whose bytes are the other way round."""
    return file(dictionary(a__weight=GOOD), byteorder=b"big")


@attack("pytorch")
def not_finite() -> bytes:
    """Weights of NaN."""
    value = PROTOCOL + dictionary(a__weight=GOOD) + b"."
    members = {"archive/data.pkl": value, "archive/data/0": np.full(6, np.nan, "<f4").tobytes()}
    return zipped(members, zipfile.ZIP_STORED)


@attack("pytorch", "checkpoint")
def no_pickle() -> bytes:
    """An archive without its pickle."""
    return zipped({"archive/byteorder": b"little"})


@attack("pytorch")
def two_pickles() -> bytes:
    """An archive of two pickles."""
    value = PROTOCOL + dictionary(a__weight=GOOD) + b"."
    return zipped({"a/data.pkl": value, "b/data.pkl": value, "a/data/0": bytes(24)}, zipfile.ZIP_STORED)


@attack("pytorch")
def packed_pickle() -> bytes:
    """A pickle of zeros packed a thousand to one."""
    return zipped({"archive/data.pkl": bytes(100_000_000)})


@attack("pytorch")
def endless_text() -> bytes:
    """A text of 4 GB in a pickle of ten bytes."""
    return file(b"X" + struct.pack("<I", 0xFFFFFFFF) + b"a")


@attack("pytorch")
def long_digits() -> bytes:
    """A number of 2 GB."""
    return file(b"\x8b" + struct.pack("<i", (1 << 31) - 1) + b"1")


@attack("pytorch")
def number_of_255_bytes() -> bytes:
    """Sizes of six hundred digits."""
    huge = numbers(1 << 2000, 1)
    return file(dictionary(a__weight=call("torch._utils _rebuild_tensor_v2", storage("0", 6), whole(0), huge, huge)))


@attack("pytorch", "checkpoint", "npz")
def directory_bomb() -> bytes:
    """An archive whose end says that it has 65,535 members where there is none."""
    return b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 65535, 65535, 0xFFFFFFF0, 0, 0)


@attack("checkpoint")
def cut_off() -> bytes:
    """The first half of a state, as an interrupted write would leave it."""
    whole_file = file(dictionary(a__weight=GOOD))
    return whole_file[: len(whole_file) // 2]


@attack("checkpoint")
def no_dictionary() -> bytes:
    """A number instead of a state."""
    import torch

    data = io.BytesIO()
    torch.save(7, data)
    return data.getvalue()


@attack("checkpoint")
def state_of_another_run() -> bytes:
    """A state with other arguments."""
    import torch

    data = io.BytesIO()
    torch.save({"arguments": "others", "state": {}}, data)
    return data.getvalue()
