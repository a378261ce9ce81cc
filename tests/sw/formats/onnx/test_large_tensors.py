"""sw/formats/onnx/large_tensors.py: large constants are read from the file, once, and are what they were."""

import tracemalloc
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.errors import EieError
from sw.formats.network_file import load_network
from sw.formats.onnx.large_tensors import BLOCK, LARGE, FileBytes, message
from sw.formats.onnx.model import open_model
from sw.protobuf_size import fields
from tests.support.files.onnx_graphs import assert_equals_reference, model, node, numpy_helper, onnx, values, write

WIDE = (64, LARGE // 4 // 64)  # the smallest matrix that stays in the file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.onnx"


def two_layers() -> Any:
    """A matrix as it is and one to be turned, and small ones."""
    constants = {"a": values(*WIDE), "b": values(64), "c": values(3), "d": values(64, WIDE[1])}
    nodes = [
        node("Gemm", "x a b", "h", transB=1),
        node("MatMul", "h d", "i"),
        node("MatMul", "i e", "y"),
    ]
    return model(nodes, {**constants, "e": values(WIDE[1], 2)}, ["n", WIDE[1]])


def test_they_are_what_they_were(path: Path) -> None:
    content = two_layers()
    network = assert_equals_reference(path, content, 2, WIDE[1])
    assert sorted(open_model(path).places) == [0, 3]
    for layer, name in zip(network.layers, "ad", strict=False):
        wanted = next(numpy_helper.to_array(each) for each in content.graph.initializer if each.name == name)
        np.testing.assert_array_equal(layer.weight, wanted if name == "a" else wanted.T)
        assert layer.weight.flags.c_contiguous


@pytest.mark.parametrize("kind", [np.float16, np.float64, np.int8])
def test_other_types(path: Path, kind: type[np.generic]) -> None:
    array = (values(512, 2048) * 10).astype(kind)
    nodes = [node("Cast", "w", "v", to=onnx.TensorProto.FLOAT), node("MatMul", "x v", "y")]
    write(path, model(nodes, {"w": array}, ["n", 512]))
    assert open_model(path).places
    np.testing.assert_array_equal(load_network(path).layers[0].weight, array.T.astype(np.float32))


def test_whole_numbers_of_64_bits_stay_with_the_model(path: Path) -> None:
    write(path, model([node("MatMul", "x w", "y")], {"w": np.ones((512, 512), np.int64)}, ["n", 512]))
    assert not open_model(path).places


def test_a_graph_in_two_parts(path: Path) -> None:
    """Protobuf makes one of both, whose initializers are numbered through."""
    content = two_layers()
    last = onnx.GraphProto(initializer=[content.graph.initializer[-1], content.graph.initializer[3]])
    del content.graph.initializer[3:]
    whole = content.SerializeToString() + onnx.ModelProto(graph=last).SerializeToString()
    path.write_bytes(whole)
    np.testing.assert_array_equal(load_network(path).layers[1].weight, values(64, WIDE[1]).T)
    assert sorted(open_model(path).places) == [0, 4]


def test_bytes_given_twice_are_the_librarys(path: Path) -> None:
    content = two_layers()
    first = content.graph.initializer.pop(0).SerializeToString()
    twice = first + onnx.TensorProto(raw_data=values(*WIDE, seed=1).tobytes()).SerializeToString()
    graph = message(5, twice) + content.graph.SerializeToString()
    content.ClearField("graph")
    path.write_bytes(content.SerializeToString() + message(7, graph))
    assert sorted(open_model(path).places) == [3]
    np.testing.assert_array_equal(load_network(path).layers[0].weight, values(*WIDE, seed=1))


def test_too_few_bytes_for_their_shape(path: Path) -> None:
    content = two_layers()
    content.graph.initializer[0].dims[0] += 1
    with pytest.raises(EieError, match=r"constant a must take \d+ bytes for its shape \(65, 4096\), it has 1048576"):
        load_network(write(path, content))


def test_a_file_that_becomes_shorter(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path, two_layers())
    opened = open_model(path)
    path.write_bytes(path.read_bytes()[:LARGE])
    monkeypatch.setattr("sw.formats.onnx.reader.open_model", lambda _: opened)
    with pytest.raises(EieError, match=r"constant a must be in .*net\.onnx from byte \d+ on"):
        load_network(path)


def test_memory_is_that_of_the_file(path: Path) -> None:
    """Also of a matrix to be turned and of a bias that is folded into its layer."""
    constants = {"w": values(1024, 2048), "b": values(2048)}
    write(path, model([node("MatMul", "x w", "h"), node("Add", "h b", "y")], constants, ["n", 1024]))
    load_network(path)
    tracemalloc.start()
    try:
        load_network(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.2 * path.stat().st_size


def test_bytes_of_a_file() -> None:
    data = np.random.default_rng(0).bytes(2 * BLOCK + 5)
    source = FileBytes(BytesIO(data))
    places = [0, BLOCK - 1, BLOCK, 2 * BLOCK + 4, 3]
    assert [source[at] for at in places] == [data[at] for at in places]
    assert len(source) == len(data)
    assert source.part(7, BLOCK + 9) == data[7 : BLOCK + 9]
    for at in (len(data), len(data) + BLOCK, 1 << 70):
        with pytest.raises(IndexError):
            source[at]


def test_a_file_cut_off_while_it_is_read() -> None:
    file = BytesIO(bytes(BLOCK))
    source = FileBytes(file)
    file.truncate(10)
    with pytest.raises(EieError, match="the file had 65536 bytes and ends now at byte 10"):
        source[0]


def test_lengths_of_any_size() -> None:
    for size in (0, 127, 128, 1 << 14, 1 << 21):
        made = message(5, bytes(size))
        (each,) = fields(FileBytes(BytesIO(made)), 0, len(made))
        assert (each.number, each.stop - each.start, each.stop) == (5, size, len(made))
