from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import EieError
from sw.compress.entropy_sharing import share_by_entropy
from sw.compress.pipeline import choose_code_bits, compress, is_exact
from sw.compress.prune import prune
from sw.file.model_file import from_bytes, to_bytes
from sw.network.graph import UNCONNECTED, Convolution
from sw.network.layer import Layer
from sw.network.network import Network


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


SHARED = {
    "one value": [0.7],
    "binary": [-0.1, 0.1],
    "ternary": [-0.3, 0, 0.2],
    "fixed-point grid": np.arange(-128, 128) / 64,
    "denormals": [-1e-45, 1e-45, 3e-45, 1e-39],
    "negative zero": [-0.0, 1.5],
    "far apart": [-3e38, 1e-45, 3e38],
    "255 values": np.linspace(-1, 1, 255),
    "float16": np.random.default_rng(2).normal(size=200).astype(np.float16),
}


def network_of(weight: np.ndarray, convolution: Convolution | None = None) -> Network:
    layer = Layer("a", weight, np.linspace(-1, 1, len(weight), dtype=np.float32), False, convolution)
    return Network((layer,), UNCONNECTED if convolution else None)


@pytest.mark.parametrize("kind", SHARED)
@pytest.mark.parametrize("shape", [(30, 40), (10, 4, 5, 6)])
def test_weights_that_are_shared_already_pass_exactly(kind: str, shape: tuple[int, ...]):
    values = np.array(SHARED[kind], np.float32)
    weight = np.random.default_rng(1).permutation(np.resize(values, 1200)).reshape(shape)
    network = network_of(weight, None if len(shape) == 2 else Convolution())
    compressed = from_bytes(to_bytes(compress(network)))
    layer = compressed.layers[0]
    assert (layer.dense() == weight).all()
    assert layer.dense().tobytes() == (weight + np.float32(0)).tobytes()
    assert layer.bias.tobytes() == network.layers[0].bias.tobytes()
    distinct = np.count_nonzero(np.unique(weight))
    assert 2 ** (layer.code_bits - 1) <= distinct < 2**layer.code_bits
    assert is_exact(network.layers[0], layer)


@given(st.integers(0, 1 << 16), st.integers(1, 255), st.floats(0.05, 1))
def test_shared_weights_that_are_pruned_keep_their_values(seed: int, values: int, density: float):
    random = np.random.default_rng(seed)
    weight = random.choice(random.normal(size=values).astype(np.float32), (40, 30))
    network = network_of(weight)
    layer = compress(network, density=density, code_bits=8).layers[0]
    assert (layer.dense() == prune(weight, density=density)).all()
    assert is_exact(network.layers[0], layer)


@pytest.mark.parametrize(
    ("distinct", "weights", "code_bits"),
    [(1, 1, 1), (15, 15, 4), (16, 16, 4), (16, 31, 4), (16, 32, 5), (255, 509, 4), (255, 510, 8), (256, 9999, 4)],
)
def test_code_bits_follow_from_how_often_a_value_occurs(distinct: int, weights: int, code_bits: int):
    values = np.resize(np.arange(1, distinct + 1, dtype=np.float32), weights)
    assert choose_code_bits(values) == code_bits


def test_a_layer_without_weights_has_a_codebook():
    network = network_of(np.zeros((3, 4), np.float32))
    layer = compress(network).layers[0]
    assert (layer.code_bits, layer.positions.size) == (1, 0)
    assert is_exact(network.layers[0], layer)


def test_equal_networks_give_equal_bytes():
    choices: list[dict[str, Any]] = [{}, {"init": "forgy", "seed": 5}, {"init": "exact"}, {"sensitivity": 0.5}]
    for options in choices:
        first, again = (to_bytes(compress(make_network(), **options)) for _ in range(2))
        assert first == again


def test_a_step_shares_by_entropy():
    network = make_network()
    coarse, fine = (compress(network, step=step).layers for step in (1.0, 0.1))
    for layer, wide, narrow in zip(network.layers, coarse, fine, strict=True):
        values = layer.weight.ravel()
        centroids, codes = share_by_entropy(values, 255, 1.0)
        assert (wide.dense().ravel() == centroids[codes]).all()
        assert 2 ** (wide.code_bits - 1) <= centroids.size < 2**wide.code_bits
        assert wide.code_bits < narrow.code_bits
        assert np.abs(narrow.dense() - layer.weight).mean() < np.abs(wide.dense() - layer.weight).mean()
    assert [layer.code_bits for layer in compress(network, step=0.1, code_bits=3).layers] == [3, 3]


def test_options_by_layer():
    layers = compress(make_network(), code_bits={"fc0": 6}, threshold={"fc1": 1.0}).layers
    assert [layer.code_bits for layer in layers] == [6, 4]
    assert layers[0].positions.size == 2000
    assert layers[1].positions.size == np.count_nonzero(np.abs(make_network().layers[1].weight) >= 1)
    assert not is_exact(make_network().layers[0], layers[0])


def test_a_layer_can_be_pruned_otherwise_than_another():
    layers = compress(make_network(), threshold={"fc1": 1.0}, sensitivity={"fc0": 0.5}).layers
    weights = [layer.weight for layer in make_network().layers]
    assert layers[0].positions.size == np.count_nonzero(np.abs(weights[0]) >= 0.5 * weights[0].std())
    assert layers[1].positions.size == np.count_nonzero(np.abs(weights[1]) >= 1)


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
        ({"code_bits": {"fc1": 9}}, "code_bits must be between 1 and 8, got 9"),
        ({"sensitivity": {"fc1": -1}}, "sensitivity must be finite and not negative, got -1"),
        ({"density": {"fc1": 0.5}, "threshold": 0.5}, "got density and threshold"),
        ({"step": {"fc0": 0.0}}, "step must be positive and finite, got 0.0"),
        ({"init": "random"}, "one of linear, density, forgy, exact, got 'random'"),
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


def test_one_weight_for_each_output_is_pruned_only_by_name():
    """A scale behind a residual sum, say: without its weight a channel is gone."""
    random = np.random.default_rng(3)
    first, second = (random.normal(size=shape).astype(np.float32) for shape in ((12, 1, 1, 1), (12, 12, 1, 1)))
    scale = Layer("bn", first, np.zeros(12, np.float32), False, Convolution(groups=12))
    conv = Layer("conv", second, np.zeros(12, np.float32), False, Convolution())
    network = Network((scale, conv), UNCONNECTED)
    kept = [layer.positions.size for layer in compress(network, density=0.25).layers]
    assert kept == [12, 36]
    kept = [layer.positions.size for layer in compress(network, density={"bn": 0.25, "conv": 0.5}).layers]
    assert kept == [3, 72]
    with pytest.raises(EieError, match="density must be"):
        compress(Network((scale,), UNCONNECTED), density=2.0)
