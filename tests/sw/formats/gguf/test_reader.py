"""sw/formats/gguf: what the package gguf writes is read, equal to what it reads itself; other types by name."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.errors import EieError
from sw.formats.assumptions import Assumptions
from sw.formats.gguf.reader import OTHERS, READ
from sw.formats.network_file import load_network
from tests.support.files.gguf_files import gguf, whole
from tests.support.networks.formats import assert_refuses_cuts, assert_survives_damage

KINDS = [name for name, _, _ in READ.values()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.gguf"


def values(*shape: int) -> np.ndarray:
    return np.random.default_rng(shape).normal(size=shape).astype(np.float32)


def write(path: Path, kind: str, alignment: int | None = None) -> dict[str, np.ndarray]:
    """A file of two layers as the package writes it, and what it makes of its weights."""
    package: Any = pytest.importorskip("gguf", reason="writes the files of these tests")
    quants: Any = pytest.importorskip("gguf.quants")
    writer = package.GGUFWriter(str(path), "mnist-fc")
    writer.add_description("two layers")
    writer.add_array("words", ["one", "two", "three"])
    writer.add_array("numbers", [1.5, 2.5])
    if alignment is not None:
        writer.add_custom_alignment(alignment)
    kept: dict[str, np.ndarray] = {}
    for name, array in {"fc1.weight": values(96, 64), "fc1.bias": values(96), "fc2.weight": values(10, 96)}.items():
        if kind == "F64" or name.endswith("bias"):
            kept[name] = array.astype(np.float64 if kind == "F64" else np.float32)
            writer.add_tensor(name, kept[name])
            continue
        of = package.GGMLQuantizationType[kind]
        packed = quants.quantize(array, of)
        kept[name] = quants.dequantize(packed, of)
        writer.add_tensor(name, packed, raw_dtype=of)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return kept


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("alignment", [None, 64])
def test_what_the_package_writes(path: Path, kind: str, alignment: int | None) -> None:
    kept = write(path, kind, alignment)
    said: list[str] = []
    network = load_network(path, assumptions=Assumptions(say=said.append))
    assert [(layer.name, layer.relu) for layer in network.layers] == [("fc1", True), ("fc2", False)]
    for layer in network.layers:
        np.testing.assert_array_equal(layer.weight, kept[f"{layer.name}.weight"].astype(np.float32))
    np.testing.assert_array_equal(network.layers[0].bias, kept["fc1.bias"].astype(np.float32))
    assert any("fc1, fc2 one after another" in sentence for sentence in said)
    assert any("2 tensors of 8-bit blocks" in sentence for sentence in said) == (kind == "Q8_0")


def test_damaged_files(path: Path) -> None:
    write(path, "Q8_0")
    assert_refuses_cuts(load_network, path, 101)
    assert_survives_damage(load_network, path, 300)


def test_types_have_the_packages_numbers() -> None:
    package: Any = pytest.importorskip("gguf", reason="knows the types of ggml")
    known = {kind.value: kind.name for kind in package.GGMLQuantizationType}
    mine = OTHERS | {number: name for number, (name, _, _) in READ.items()}
    assert {number: known[number] for number in mine} == mine


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (gguf({b"a.weight": ((32, 2), 12, 0)}, bytes(64)), "a.weight must be of type F32, .*, got Q4_K: convert"),
        (gguf({b"a.weight": ((32, 2), 99, 0)}, bytes(64)), "got type 99"),
        (gguf({b"a.weight": ((31, 2), 8, 0)}, bytes(68)), r"rows of whole blocks of 32 numbers, got shape \(2, 31\)"),
        (gguf({b"a.weight": ((3, 2), 0, 0)}, bytes(23)), "must have bytes 0 to 24 of 23 for itself"),
        (gguf({b"a.weight": ((3, 2), 0, 0), b"b.weight": ((2, 1), 0, 0)}, bytes(64)), "bytes 0 to 8 of 64 for itself"),
        (gguf({b"a.weight": ((3, 2), 0, 8)}, bytes(64)), "must begin at a multiple of 32 bytes, got 8"),
        (gguf({b"a.weight": ((3, 0), 0, 0)}, bytes(64)), r"must not be empty, .* got \(0, 3\)"),
        (gguf({b"a.weight": ((1,) * 5, 0, 0)}, bytes(64)), "must have 1 to 4 axes, got 5"),
        (gguf({b"a.weight": ((), 0, 0)}, bytes(64)), "must have 1 to 4 axes, got 0"),
        (gguf({b"\xff.weight": ((3, 2), 0, 0)}, bytes(64)), "must be UTF-8 text"),
        (gguf({b"a" * 2000: ((3, 2), 0, 0)}, bytes(64)), "must have at most 1024 bytes, got 2000"),
        (gguf({}, b""), "at least one NAME.weight"),
        (gguf({}, b"", version=1), "of version 2 or 3, little-endian, got 1"),
        (gguf({}, b"", version=3 << 24), "of version 2 or 3, little-endian"),
        (gguf({}, b"", counts=(1 << 40, 0)), "at most 65536 tensors and metadata"),
        (gguf({}, b"", [(b"general.alignment", whole(12))]), "must be a multiple of 8, got 12"),
        (gguf({}, b"", [(b"general.alignment", struct.pack("<IQ", 10, 32))]), "must be a multiple of 8, got None"),
        (gguf({}, b"", [(b"a", struct.pack("<2IQ", 9, 9, 1))]), "no arrays of arrays, got type 9"),
        (gguf({}, b"", [(b"a", struct.pack("<2IQ", 9, 8, 1 << 30))]), "at most 1048576 texts"),
        (gguf({}, b"", [(b"a", struct.pack("<2IQ", 9, 12, 1 << 60))]), "this is not a whole GGUF file"),
        (b"GGML" + bytes(60), "this is no GGUF file"),
        (b"GGUF", "it ends at byte 4, inside its header"),
    ],
)
def test_refused(path: Path, data: bytes, sentence: str) -> None:
    path.write_bytes(data)
    with pytest.raises(EieError, match=sentence):
        load_network(path)


def test_a_name_twice(path: Path) -> None:
    one = {b"a.weight": ((3, 2), 0, 0), b"b.weight": ((3, 2), 0, 32)}
    path.write_bytes(gguf(one, bytes(64)).replace(b"b.weight", b"a.weight"))
    with pytest.raises(EieError, match="names of tensors must be unique"):
        load_network(path)
