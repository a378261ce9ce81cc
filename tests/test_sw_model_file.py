import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support_networks import make_layer, networks

from sw.compressed import Calibration, CompressedLayer, CompressedNetwork
from sw.errors import EieError
from sw.model_file import check, from_bytes, load, save, to_bytes
from sw.quantise import calibrate


def with_crc(data: bytes) -> bytes:
    return data + struct.pack("<I", zlib.crc32(data))


def assemble(body: bytes, *sections: bytes, version: int = 1) -> bytes:
    """A file with right lengths and checksums around any header body and sections."""
    header = with_crc(b"\x89EIE" + struct.pack("<BI", version, len(body)) + body)
    return header + b"".join(with_crc(section) for section in sections)


# A 2 x 3 layer "a" of 1-bit codes and 1-bit runs: 0.5 at positions 0 and 5, two fillers cross the gap of four zeros.
BODY = bytes([1, 0]) + bytes([1, ord("a"), 0, 0, 1, 1]) + bytes([2, 3, 4, 1, 4, 4])
SECTION = bytes([0x11, 0x11]) + struct.pack("<f", 0.5) + bytes([0b01100000, 0b10010000])


def example() -> CompressedNetwork:
    layer = CompressedLayer(
        name="a",
        shape=(2, 3),
        code_bits=1,
        index_bits=1,
        codebook=np.array([0, 0.5], np.float32),
        bias=np.zeros(2, np.float32),
        relu=False,
        positions=np.array([0, 5]),
        codes=np.array([1, 1], np.uint8),
    )
    return CompressedNetwork(layers=(layer,))


def small_file() -> bytes:
    layers = (make_layer(1, (5, 9), 0.3, 3, 2, "a", relu=True), make_layer(2, (2, 5), 0.5, 2, 2, "b"))
    return to_bytes(calibrate(CompressedNetwork(layers=layers), np.ones((1, 9))))


def test_bytes_of_the_hand_made_example():
    assert to_bytes(example()) == assemble(BODY, SECTION)
    assert from_bytes(assemble(BODY, SECTION)).layers[0].dense().tolist() == [[0.5, 0, 0], [0, 0, 0.5]]


def test_flags_biases_and_calibration_of_the_example():
    body = bytes([1, 1]) + BODY[2:5] + bytes([3]) + BODY[6:]
    section = SECTION[:6] + struct.pack("<2f", 1, -2) + SECTION[6:]
    data = assemble(body, section, struct.pack("<3f", 1, 2, 4))
    network = from_bytes(data)
    assert network.layers[0].relu
    assert network.layers[0].bias.tolist() == [1, -2]
    assert network.calibration is not None
    assert network.calibration.activations.tolist() == [1, 2]
    assert network.calibration.partial_sums.tolist() == [4]
    assert to_bytes(network) == data


@given(networks(), st.booleans())
def test_round_trip(network: CompressedNetwork, calibrated: bool):
    if calibrated:
        network = calibrate(network, np.ones((2, network.in_features)))
    data = to_bytes(network)
    loaded = from_bytes(data)
    check(data)
    check(data, full=True)
    assert to_bytes(loaded) == data
    for ours, theirs in zip(network.layers, loaded.layers, strict=True):
        assert (ours.dense() == theirs.dense()).all()
        assert (ours.bias == theirs.bias).all()
        assert (ours.codes == theirs.codes).all()
        assert (ours.name, ours.relu, ours.code_bits) == (theirs.name, theirs.relu, theirs.code_bits)


def test_save_and_load(tmp_path: Path):
    path = tmp_path / "net.eie"
    report = save(example(), path)
    assert report.bytes == path.stat().st_size
    assert to_bytes(load(path)) == path.read_bytes()
    check(path, full=True)
    path.write_bytes(b"nothing")
    for read in (load, check):
        with pytest.raises(EieError, match=r"net.eie: a model file must have at least 13 bytes, got 7"):
            read(path)
        with pytest.raises(EieError, match="cannot read"):
            read(tmp_path / "missing")


def test_every_truncation_is_refused():
    data = small_file()
    for size in range(len(data)):
        for full in (False, True):
            with pytest.raises(EieError):
                check(data[:size], full)
    with pytest.raises(EieError, match=f"the file must have {len(data)} bytes, got {len(data) + 1}"):
        check(data + b"\0")


def test_every_bit_flip_is_refused():
    data = small_file()
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(EieError):
            check(bytes(flipped))


def body(**changes: int | bytes) -> bytes:
    """The example's header body with some fields replaced."""
    fields: dict[str, int | bytes] = {
        "layers": 1,
        "file_flags": 0,
        "name_size": 1,
        "name": b"a",
        "kind": 0,
        "flags": 0,
        "code_bits": 1,
        "index_bits": 1,
        "outputs": 2,
        "inputs": 3,
        "entries": 4,
        "used": 1,
        "run_bits": 4,
        "code_bits_total": 4,
    }
    fields.update(changes)
    return b"".join(value if isinstance(value, bytes) else bytes([value]) for value in fields.values())


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"\x89EIF" + assemble(BODY, SECTION)[4:], "must begin with"),
        (assemble(BODY, SECTION, version=2), "version must be 1, got 2"),
        (assemble(body(layers=0), SECTION), "1 to 1024 layers, got 0"),
        (assemble(body(layers=b"\x81\x08"), SECTION), "1 to 1024 layers, got 1025"),
        (assemble(body(layers=2), SECTION), "the header must hold 1 bytes"),
        (assemble(body() + b"\0", SECTION), "the header must end with its last layer"),
        (assemble(body(file_flags=2), SECTION), "flags must be 0 or 1, got 2"),
        (assemble(body(file_flags=1), SECTION), "the file must have 55 bytes, got 39"),
        (assemble(body(name_size=200), SECTION), "must hold 200 bytes"),
        (assemble(body(name=b"\xff"), SECTION), "valid UTF-8"),
        (assemble(body(name=b","), SECTION), "no comma"),
        (assemble(body(name_size=0, name=b""), SECTION), "1 to 255 bytes"),
        (assemble(body(kind=1), SECTION), "kind must be 0, got 1"),
        (assemble(body(flags=4), SECTION), "flags must be at most 3, got 4"),
        (assemble(body(flags=2), SECTION), "the file must have 47 bytes, got 39"),
        (assemble(body(code_bits=9), SECTION), "code_bits must be between 1 and 8, got 9"),
        (assemble(body(index_bits=0), SECTION), "index_bits must be between 1 and 8, got 0"),
        (assemble(body(outputs=0), SECTION), "got \\(0, 3\\)"),
        (assemble(body(outputs=b"\x80\x80\x80\x80\x08"), SECTION), "got 2147483648 x 3"),
        (assemble(body(outputs=b"\x82\x00"), SECTION), "no leading zeros"),
        (assemble(body(outputs=b"\xff\xff\xff\xff\xff\x01"), SECTION), "at most 5 bytes"),
        (assemble(body(entries=7), SECTION), "at most 6 entries fit, got 7"),
        (assemble(body(used=2), SECTION), "2 used codes are too many"),
        (assemble(body(used=0), SECTION), "need at least one used code"),
        (assemble(body(run_bits=3), SECTION), "4 runs must take 1 to 15 bits each, got 3"),
        (assemble(body(code_bits_total=61), SECTION), "4 codes must take 1 to 15 bits each, got 61"),
        (assemble(body(run_bits=9), SECTION), "the file must have 40 bytes, got 39"),
        (assemble(body(run_bits=5), SECTION), "4 symbols must fill 5 bits, but they end after 4"),
        (assemble(body(entries=3, run_bits=3, code_bits_total=3), SECTION), "must be zero|filler"),
        (assemble(body(outputs=1, inputs=5), SECTION), "positions must ascend from 0 to at most 4"),
        (assemble(BODY, b"\x21" + SECTION[1:]), r"runs: code lengths must fill 32768 codewords .* fill 24576"),
        (assemble(BODY, SECTION[:1] + b"\x10" + SECTION[2:]), "no code"),
        (assemble(BODY, SECTION[:1] + b"\x01" + SECTION[2:]), "1 codes must have a length, 0 have one"),
        (assemble(BODY, b"\x00" + SECTION[1:]), "4 entries cannot have 0 symbols of runs"),
        (assemble(BODY, SECTION[:2] + struct.pack("<f", np.nan) + SECTION[6:]), "codebook must be finite"),
        (assemble(BODY, SECTION[:-1] + b"\x91"), "pad the last byte must be zero, got 1"),
        (assemble(BODY, SECTION[:-2] + b"\x61\x90"), "pad the last byte must be zero, got 1"),
        (assemble(BODY, SECTION[:-1] + b"\x50"), "a filler must have the longest run"),
        (assemble(body(flags=2), SECTION[:6] + struct.pack("<2f", 0, np.inf) + SECTION[6:]), "biases must be finite"),
        (assemble(body(flags=2), SECTION[:6] + bytes(8) + SECTION[6:]), "all zero must not be stored"),
        (assemble(body(file_flags=1), SECTION, struct.pack("<3f", 1, -1, 0)), "finite float32 magnitudes"),
        (assemble(body(file_flags=1), SECTION, struct.pack("<3f", 1, 1, np.nan)), "finite float32 magnitudes"),
        (assemble(b"\x02\x00" + BODY[2:] * 2, SECTION, SECTION), "names must be unique"),
        (
            assemble(b"\x02\x00" + BODY[2:] + BODY[2:3] + b"b" + BODY[4:], SECTION, SECTION),
            "layer b must take the 2 outputs of a, but it has 3",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_corrupted_fields_under_right_checksums(data: bytes, sentence: str):
    with pytest.raises(EieError, match=sentence):
        from_bytes(data)
    with pytest.raises(EieError, match=sentence):
        check(data, full=True)


def test_structure_is_checked_without_decoding():
    check(assemble(BODY, SECTION[:-1] + b"\x91"))
    with pytest.raises(EieError, match="codewords"):
        check(assemble(BODY, b"\x21" + SECTION[1:]))


def varint(value: int) -> bytes:
    return bytes([value & 0x7F | 0x80, value >> 7 & 0x7F | 0x80, value >> 14]) if value > 1 << 14 else bytes([value])


@pytest.mark.parametrize(("outputs", "inputs"), [(1 << 20, 1), (1, 1 << 20), (1 << 20, 1 << 11)])
def test_memory_is_bounded_by_the_file(outputs: int, inputs: int):
    sizes = varint(outputs) + (varint(inputs) if inputs != 1 << 11 else b"\x80\x10")
    data = assemble(bytes([1, 0, 1, ord("a"), 0, 0, 1, 1]) + sizes + bytes(4), bytes(2))
    tracemalloc.start()
    try:
        network = from_bytes(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert network.layers[0].shape == (outputs, inputs)
    assert peak < 4 << 20


@given(st.data())
@settings(max_examples=300)
def test_any_header_with_right_checksums_is_read_or_refused(data: st.DataObject):
    at = data.draw(st.integers(0, len(BODY) - 1))
    noise = data.draw(st.binary(min_size=1, max_size=6))
    cut = data.draw(st.integers(0, 3))
    damaged = assemble(BODY[:at] + noise + BODY[at + cut :], data.draw(st.sampled_from([SECTION, b"", SECTION * 2])))
    try:
        network = from_bytes(damaged)
    except EieError:
        return
    assert to_bytes(network) == damaged


def test_calibration_of_a_subnormal_range_survives():
    ranges = np.array([1e-45, 3e38], np.float32)
    calibration = Calibration(activations=ranges, partial_sums=ranges[:1])
    network = CompressedNetwork(layers=example().layers, calibration=calibration)
    loaded = from_bytes(to_bytes(network)).calibration
    assert loaded is not None
    assert loaded.activations.tolist() == ranges.tolist()
