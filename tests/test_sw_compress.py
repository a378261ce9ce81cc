from itertools import pairwise

import numpy as np
import pytest

from sw.compress import compress
from sw.errors import EieError
from sw.layer import Layer
from sw.network import Network
from sw.prune import prune


def make_network(sizes: tuple[int, ...] = (50, 40, 10)) -> Network:
    random = np.random.default_rng(7)
    layers = [
        Layer(
            f"fc{index}",
            random.normal(size=(outputs, inputs)).astype(np.float32),
            random.normal(size=outputs).astype(np.float32),
            relu=index < len(sizes) - 2,
        )
        for index, (inputs, outputs) in enumerate(pairwise(sizes))
    ]
    return Network(tuple(layers))


def test_prunes_shares_and_keeps_biases():
    network = make_network()
    compressed = compress(network, density=0.2, code_bits=3)
    for layer, small in zip(network.layers, compressed.layers, strict=True):
        pruned = prune(layer.weight, density=0.2)
        assert ((small.dense() != 0) == (pruned != 0)).all()
        assert 6 <= np.unique(small.dense()).size <= 8
        assert np.abs(small.dense() - pruned).max() < 0.8
        assert (small.bias == layer.bias).all()
        assert small.relu == layer.relu
    assert compressed.calibration is None


def test_one_code_per_distinct_weight_loses_nothing():
    weight = np.array([[0, 1, 2, 3], [-1, 0, -2, 3]], np.float32)
    network = Network((Layer("a", weight, np.zeros(2, np.float32), relu=False),))
    assert (compress(network, code_bits=3).layers[0].dense() == weight).all()


def test_a_centroid_of_zero_keeps_its_own_code():
    weight = np.array([[-3, -1, 1, 3]], np.float32)
    network = Network((Layer("a", weight, np.zeros(1, np.float32), relu=False),))
    layer = compress(network, code_bits=1).layers[0]
    assert layer.codebook.tolist() == [0, 0]
    assert layer.codes.tolist() == [1, 1, 1, 1]


def test_density_by_layer_and_progress():
    done: list[str] = []
    compressed = compress(make_network(), density={"fc1": 0.1}, progress=done.append)
    assert [layer.positions.size for layer in compressed.layers] == [2000, 40]
    assert done == ["fc0", "fc1"]


def test_threshold():
    network = make_network()
    compressed = compress(network, threshold=1.0)
    kept = [int((np.abs(layer.weight) >= 1).sum()) for layer in network.layers]
    assert [layer.positions.size for layer in compressed.layers] == kept


def test_calibration_is_that_of_the_compressed_network():
    network = make_network()
    inputs = np.random.default_rng(1).normal(size=(70, 50)).astype(np.float32)
    compressed = compress(network, density=0.2, calibration=inputs)
    assert compressed.calibration is not None
    outputs = compressed.to_network().forward(inputs)
    assert compressed.calibration.activations[[0, 2]] == pytest.approx([np.abs(inputs).max(), np.abs(outputs).max()])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"code_bits": 0}, "code_bits must be between 1 and 8, got 0"),
        ({"density": 2.0}, "above 0 and at most 1, got 2.0"),
        ({"density": {"fc2": 0.5}}, "density must name layers of fc0, fc1, got 'fc2'"),
        ({"density": 0.5, "threshold": 0.5}, "got density and threshold"),
        ({"calibration": np.zeros((1, 49))}, r"shape \(n, 50\), got \(1, 49\)"),
        ({"calibration": np.zeros((0, 50))}, "at least one input"),
    ],
)
def test_bad_options(options: dict, sentence: str):
    with pytest.raises(EieError, match=sentence):
        compress(make_network(), **options)
