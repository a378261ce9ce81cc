"""sw/formats/caffemodel.py: the weights of both forms of layers, at their places in the .prototxt's network."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from model.errors import EieError
from sw.formats.network_file import load_network
from tests.support.files.caffemodel import caffemodel, field
from tests.support.networks.formats import assert_refuses_cuts, assert_survives_damage

pytest.importorskip("google.protobuf")
PROTOTXT = """
input: "data" input_dim: 1 input_dim: 2 input_dim: 6 input_dim: 6
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 3 kernel_size: 3 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc" inner_product_param { num_output: 5 } }
"""
RNG = np.random.default_rng(0)
KERNEL, BIAS = RNG.normal(size=(3, 2, 3, 3)).astype(np.float32), RNG.normal(size=3).astype(np.float32)
MATRIX, OFFSET = RNG.normal(size=(5, 48)).astype(np.float32), RNG.normal(size=5).astype(np.float32)
LAYERS: dict[str, Sequence[np.ndarray]] = {"data": [], "conv": [KERNEL, BIAS], "relu": [], "fc": [MATRIX, OFFSET]}


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    path = tmp_path / "deploy.prototxt"
    path.write_text(PROTOTXT)
    return path


def read(graph: Path, data: bytes) -> list[tuple[str, np.ndarray, np.ndarray, bool]]:
    path = graph.with_name("net.caffemodel")
    path.write_bytes(data)
    return [(layer.name, layer.weight, layer.bias, layer.relu) for layer in load_network(path, graph).layers]


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_and_biases(graph: Path, old: bool, dtype: type) -> None:
    found = read(
        graph, caffemodel({name: [each.astype(dtype) for each in blobs] for name, blobs in LAYERS.items()}, old)
    )
    assert [(name, relu) for name, _, _, relu in found] == [("conv", True), ("fc", False)]
    for (_, weight, bias, _), (wanted, offset) in zip(found, ((KERNEL, BIAS), (MATRIX, OFFSET)), strict=True):
        np.testing.assert_array_equal(weight, wanted)
        np.testing.assert_array_equal(bias, offset)


def test_a_layer_without_biases(graph: Path) -> None:
    found = read(graph, caffemodel({**LAYERS, "fc": [MATRIX]}))
    assert not found[1][2].any()


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        ({"conv": [KERNEL, BIAS]}, "applies layer fc, the weight file must have it"),
        ({**LAYERS, "more": [MATRIX]}, "does not apply more"),
        (
            {**LAYERS, "fc": [MATRIX.T.copy(), OFFSET]},
            r"layer fc: its weights must have shape \(5, 48\), got \(48, 5\)",
        ),
        ({**LAYERS, "fc": [MATRIX, BIAS]}, r"layer fc: its biases must have shape \(5,\), got \(3,\)"),
        ({**LAYERS, "fc": [MATRIX, OFFSET, OFFSET]}, "must have weights and biases, it has 3 blobs"),
        ({"data": []}, "must hold layers with weights, it holds none"),
    ],
)
def test_refuses_what_does_not_fit(graph: Path, layers: dict[str, Sequence[np.ndarray]], sentence: str) -> None:
    with pytest.raises(EieError, match=sentence):
        read(graph, caffemodel(layers))


def test_refuses_a_layer_twice_and_blobs_of_another_size(graph: Path) -> None:
    with pytest.raises(EieError, match="each layer must be in the file once, conv is not"):
        read(graph, caffemodel(LAYERS) + caffemodel({"conv": [KERNEL]}))
    seven = field(5, MATRIX.tobytes()) + field(7, field(1, b"\x07"))
    cut = field(100, field(1, b"fc") + field(7, seven))
    with pytest.raises(EieError, match="must hold as many numbers as its shape"):
        read(graph, cut)


def test_wants_a_prototxt(tmp_path: Path) -> None:
    path = tmp_path / "net.caffemodel"
    path.write_bytes(caffemodel(LAYERS))
    with pytest.raises(EieError, match=r"must come with its network's deploy .prototxt as graph \(--graph\)"):
        load_network(path)


def test_damaged_files(graph: Path) -> None:
    path = graph.with_name("net.caffemodel")
    path.write_bytes(caffemodel(LAYERS))
    assert_refuses_cuts(lambda each: load_network(each, graph), path, 7)
    assert_survives_damage(lambda each: load_network(each, graph), path, 200)
