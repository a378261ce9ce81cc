"""sw/formats/npz.py: what it reads, what it refuses before it allocates, and that what it writes comes back."""

import io
import re
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model.errors import EieError
from sw.formats.network_file import load_network, save_network
from sw.formats.npz import FREE
from tests.support.networks.formats import (
    assert_equal,
    assert_refuses_cuts,
    assert_survives_damage,
    branching,
    networks,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.npz"


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def header(shape: str, descr: str = "'<f4'") -> bytes:
    """The beginning of a .npy file that declares any shape."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\0" + len(text).to_bytes(2, "little") + text


def write(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)


@pytest.mark.parametrize("kind", networks())
def test_saved_networks_load(path: Path, kind: str):
    network = networks()[kind]
    save_network(network, path)
    assert_equal(load_network(path), network)
    first = path.read_bytes()
    save_network(network, path)
    assert path.read_bytes() == first


def test_numpy_reads_what_is_saved(path: Path):
    save_network(networks()["chain"], path)
    with np.load(path, allow_pickle=False) as arrays:
        assert set(arrays) == {"z.weight", "z.bias", "a.weight", "a.bias", "m.weight", "m.bias", "__order__"}
        assert str(arrays["__order__"]) == "z,a,m"


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_saves(path: Path, save: Callable[..., None]):
    first = np.asfortranarray(np.random.default_rng(0).normal(size=(5, 4)))
    arrays = {"a.weight": first, "b.weight": ones(3, 5).astype(">f4"), "a.bias": ones(5).astype(np.float16)}
    save(path, **arrays)
    network = load_network(path)
    assert [layer.name for layer in network.layers] == ["a", "b"]
    assert network.layers[0].weight.flags.c_contiguous
    np.testing.assert_array_equal(network.layers[0].weight, first.astype(np.float32))
    assert [layer.weight.dtype for layer in network.layers] == [np.dtype("=f4")] * 2


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"a.weight": npy(np.array([[1, None]], dtype=object))}, r"a.weight must hold floating-point .*, got object"),
        ({"a.weight": npy(ones(2, 2).astype(np.int8))}, "a.weight must hold floating-point .*, got int8"),
        ({"a.weight": npy(ones(2, 2).astype(np.longdouble))}, "a.weight must hold floating-point .*, got float128"),
        ({"a.weight": npy(np.zeros((2, 2), "f4,f4"))}, "a.weight must hold floating-point"),
        ({"a.weight": npy(ones(2, 2) * np.nan)}, "a.weight must be finite"),
        ({"a.weight": npy(ones(0, 2))}, "not be empty"),
        ({"a.weight": npy(ones(2))}, r"a.weight must be 2-D .*, got shape \(2,\)"),
        ({"a.weight": npy(ones(2, 2)), "mean": npy(ones(2))}, "NAME.bias, got mean"),
        ({"a.weight": b"pickle"}, "a.weight must be an array in numpy's format"),
        ({"a.weight": b""}, "a.weight must be an array in numpy's format"),
        ({"a.weight": header("(1 << 40, 1 << 40)")}, "a.weight must be an array in numpy's format"),
        ({"a.weight": header("(1099511627776, 1099511627776)")}, "a.weight must take the .* bytes of its member"),
        ({"a.weight": header(f"({'9' * 4000}, {'9' * 4000})")}, "a.weight must take the .* bytes of its member"),
        ({"a.weight": header("(-1, -4)") + bytes(16)}, "a.weight must take the .* bytes of its member"),
        ({"a.weight": header("(True, 2)") + bytes(8)}, r"a.weight must have a shape of whole numbers, got \(True, 2\)"),
        ({"a.weight": header("(2, 2)") + bytes(17)}, "a.weight must take the .* bytes of its member"),
        ({"a.weight": header("(2, 2)") + bytes(15)}, "a.weight must take the .* bytes of its member"),
        ({"a.weight": header("(2, 2)", "'|O'") + bytes(32)}, "a.weight must hold floating-point .*, got object"),
        ({"a.weight": header("[2, 2]") + bytes(16)}, "a.weight must be an array in numpy's format"),
        ({"a.weight": b"\x93NUMPY\x03\0" + header("(2, 2)")[8:]}, "a.weight must be an array in numpy's format"),
        ({"a.weight": npy(ones(2, 2)), "__graph__": npy(ones(2))}, "__graph__ must be one text"),
        ({"a.weight": npy(ones(2, 2)), "__graph__": npy(np.array("{"))}, "the graph must be JSON"),
        ({"a.weight": npy(ones(2, 2)), "__graph__": npy(np.array(["{}"]))}, "__graph__ must be one text"),
        ({"a.weight": npy(ones(2, 2)), "__order__": npy(np.array("b"))}, "the order b must name each of a"),
        ({}, "at least one NAME.weight"),
    ],
)
def test_refused(path: Path, members: dict[str, bytes], sentence: str):
    write(path, members)
    with pytest.raises(EieError, match=sentence):
        load_network(path)


def test_members_that_are_no_arrays(path: Path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.weight.npy", npy(ones(2, 2)))
        archive.writestr("readme.txt", "text")
    with pytest.raises(EieError, match=r"arrays \(NAME.npy\) only, got readme.txt"):
        load_network(path)


def test_arrays_of_one_name(path: Path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.weight.npy", npy(ones(2, 2)))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.weight.npy", npy(ones(2, 2)))
    with pytest.raises(EieError, match="each member once"):
        load_network(path)


def test_bombs_are_refused_before_they_unpack(path: Path):
    write(path, {"a.weight": npy(np.zeros((1 << 13, 1 << 12), np.float32))}, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size * 1000 < FREE * 8
    with pytest.raises(EieError, match=r"must unpack to at most \d+ bytes, it declares 1342"):
        load_network(path)
    write(path, {"a.weight": npy(ones(2, 2))}, zipfile.ZIP_LZMA)
    with pytest.raises(EieError, match=r"a.weight.npy must not be compressed in this way"):
        load_network(path)


def test_a_member_larger_than_it_declares(path: Path):
    write(path, {"a.weight": header("(2, 2)") + bytes(1 << 20)}, zipfile.ZIP_DEFLATED)
    declared, real = (
        (len(header("(2, 2)")) + 16).to_bytes(4, "little"),
        (len(header("(2, 2)")) + (1 << 20)).to_bytes(4, "little"),
    )
    data = path.read_bytes()
    assert data.count(real) == 2
    path.write_bytes(data.replace(real, declared))
    with pytest.raises(EieError, match="this is not a whole npz file: Bad CRC-32"):
        load_network(path)


@pytest.mark.parametrize("damaged", [0, 1])
def test_a_wrong_checksum_is_known_before_anything_takes_memory(path: Path, damaged: int):
    """Neither the member that is damaged nor the one before it is unpacked for nothing."""
    bits = npy((np.random.default_rng(1).integers(0, 40, (1024, 1024)) == 0).astype(np.float32))
    write(path, {"a.weight": bits, "b.weight": bits}, zipfile.ZIP_DEFLATED)
    assert len(bits) > 15 * path.stat().st_size
    checksum = zlib.crc32(bits).to_bytes(4, "little")
    data = path.read_bytes()
    places = [match.start() for match in re.finditer(re.escape(checksum), data)]
    assert len(places) == 4
    for place in places[damaged::2]:  # in the member's own head and in the directory
        data = data[:place] + b"\0\0\0\0" + data[place + 4 :]
    path.write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(EieError, match="this is not a whole npz file: Bad CRC-32"):
            load_network(path)
        assert tracemalloc.get_traced_memory()[1] < 10 * path.stat().st_size
    finally:
        tracemalloc.stop()


def test_encrypted_members(path: Path):
    write(path, {"a.weight": npy(ones(2, 2))})
    data = bytearray(path.read_bytes())
    directory = data.index(b"PK\x01\x02")
    data[6] |= 1
    data[directory + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(EieError, match=r"this is not a whole npz file: .*encrypted"):
        load_network(path)


def test_missing_and_damaged_files(path: Path):
    with pytest.raises(EieError, match=r"cannot read .*net.npz: No such file"):
        load_network(path)
    write(path, {"a.weight": npy(ones(3, 4)), "a.bias": npy(ones(3))}, zipfile.ZIP_DEFLATED)
    assert_refuses_cuts(load_network, path, 3)
    save_network(branching(), path)
    assert_refuses_cuts(load_network, path, 37)
    assert_survives_damage(load_network, path, 400)
