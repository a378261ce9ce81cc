"""sim/npy.py: .npy files read without trusting them."""

import io
import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from model.errors import EieError
from sim.npy import read_inputs, read_labels, write_array


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def declared(shape: str, payload: bytes = b"", descr: str = "'<f4'") -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + payload


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", ">f4", "uint8", "int64", "bool"])
def test_real_numbers_of_any_type(tmp_path: Path, dtype: str) -> None:
    values = np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype)
    (tmp_path / "x.npy").write_bytes(npy(values))
    inputs = read_inputs(tmp_path / "x.npy", 3)
    assert inputs.dtype == np.float32
    np.testing.assert_array_equal(inputs, values.astype(np.float32))


def test_one_input_and_fortran_order(tmp_path: Path) -> None:
    (tmp_path / "one.npy").write_bytes(npy(np.arange(3.0)))
    assert read_inputs(tmp_path / "one.npy", 3).shape == (1, 3)
    values = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    (tmp_path / "fortran.npy").write_bytes(npy(values))
    np.testing.assert_array_equal(read_inputs(tmp_path / "fortran.npy", 3), values)


def test_inputs_of_several_axes_come_flattened(tmp_path: Path) -> None:
    values = np.arange(24.0).reshape(2, 2, 3, 2)
    for name, array in (("images", values), ("flat", values.reshape(2, 12)), ("fortran", np.asfortranarray(values))):
        (tmp_path / f"{name}.npy").write_bytes(npy(array))
        np.testing.assert_array_equal(read_inputs(tmp_path / f"{name}.npy", 2, 3, 2), values.reshape(2, 12))
    (tmp_path / "one.npy").write_bytes(npy(values[1]))
    np.testing.assert_array_equal(read_inputs(tmp_path / "one.npy", 2, 3, 2), values[1:].reshape(1, 12))
    with pytest.raises(
        EieError, match=r"has shape \(2, 2, 3, 2\); wanted \(inputs, 3, 4\) or \(inputs, 12\) with at least"
    ):
        read_inputs(tmp_path / "images.npy", 3, 4)


def test_labels(tmp_path: Path) -> None:
    for dtype in ("uint8", "int64", "uint64", ">i2"):
        (tmp_path / "y.npy").write_bytes(npy(np.array([3, 0, 7]).astype(dtype)))
        labels = read_labels(tmp_path / "y.npy", 3)
        assert (labels.dtype, labels.tolist()) == (np.int64, [3, 0, 7])
    with pytest.raises(EieError, match=r"has shape \(3,\); wanted one label for each of 4 inputs$"):
        read_labels(tmp_path / "y.npy", 4)
    (tmp_path / "y.npy").write_bytes(npy(np.array([1.0])))
    with pytest.raises(EieError, match="holds float64 values; wanted whole numbers"):
        read_labels(tmp_path / "y.npy", 1)


def test_round_trip(tmp_path: Path) -> None:
    values = np.array([[1.5, -2.25]], dtype=np.float32)
    write_array(tmp_path / "y.npy", values)
    np.testing.assert_array_equal(read_inputs(tmp_path / "y.npy", 2), values)
    assert [path.name for path in tmp_path.iterdir()] == ["y.npy"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is not a .npy file"),
        (b"\x93NUMPY", "is not a .npy file"),
        (b"PK\x03\x04 not a zip", "is not a .npy file"),
        (pickle.dumps([1.0, 2.0, 3.0]), "is not a .npy file"),
        (npy(np.array([[1, "a", None]], dtype=object)), "holds Python objects; wanted real numbers"),
        (npy(np.zeros((1, 3), dtype=[("a", "f4"), ("b", "i4")])), "wanted real numbers"),
        (npy(np.zeros((2, 3)))[:-1], "has 175 bytes; its header wants 176, no more and no less"),
        (npy(np.zeros((2, 3))) + b"\0", "no more and no less"),
        (npy(np.zeros((2, 4))), r"has shape \(2, 4\); wanted \(inputs, 3\)"),
        (npy(np.zeros((1, 1, 3))), "has shape"),
        (npy(np.zeros((0, 3))), "at least one input"),
        (npy(np.array(1.0)), r"has shape \(\); wanted"),
        (npy(np.zeros((1, 3), dtype=complex)), "complex128 values; wanted real numbers"),
        (npy(np.zeros((1, 3), dtype="U4")), "wanted real numbers"),
        (npy(np.array([[0, np.nan, 1]])), "input 0 has nan at position 1"),
        (npy(np.array([[0, 1, 1], [0, 0, -np.inf]])), "input 1 has -inf at position 2"),
        (npy(np.array([[1e300, 0, 0]])), "wanted finite float32"),
        (declared("(True, 3)", bytes(12)), r"has shape \(True, 3\); wanted whole numbers"),
        (declared("(1099511627776, 3)"), "its header wants 13194139533440, no more and no less"),
        (declared("(10**30, 3)"), "is not a .npy file"),
        (declared("(99999999999999999999999999, 3)"), "its header wants 1199999999999999999999999988 | wants 12"),
        (declared("(-1, 3)", b"\0" * 12), "at least one input"),
        (declared("(-1, -3)", b"\0" * 12), "at least one input"),
        (declared("(" * 3000), "is not a .npy file"),
        (declared("(1, 3)", b"\0" * 12, "'|O'"), "holds Python objects"),
    ],
)
def test_refused_with_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "x.npy").write_bytes(content)
    tracemalloc.start()
    with pytest.raises(EieError, match=sentence) as error:
        read_inputs(tmp_path / "x.npy", 3)
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()
    assert "\n" not in str(error.value)


def test_archive_folder_and_missing_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.zeros((1, 3)))
    with pytest.raises(EieError, match=r"is not a \.npy file"):
        read_inputs(tmp_path / "x.npz", 3)
    with pytest.raises(EieError, match=r"cannot read .*: Is a directory"):
        read_inputs(tmp_path, 3)
    with pytest.raises(EieError, match=r"cannot read .*missing\.npy: No such file"):
        read_inputs(tmp_path / "missing.npy", 3)


def test_every_bit_flip_of_a_header_is_read_or_refused(tmp_path: Path) -> None:
    content = npy(np.arange(6, dtype=np.float32).reshape(2, 3))
    path = tmp_path / "x.npy"
    sentences: list[str] = []
    for bit in range(8 * 80):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            inputs = read_inputs(path, 3)
        except EieError as error:
            sentences.append(str(error))
        else:
            assert inputs.shape == (2, 3)
            assert np.isfinite(inputs).all()
    assert sentences
    assert not any("\n" in sentence for sentence in sentences)
