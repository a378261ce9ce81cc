from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from model.errors import EieError
from sw.network.compressed import Calibration, CompressedLayer, CompressedNetwork
from tests.support.networks.random_networks import make_layer


def tiny(**changes: Any) -> CompressedLayer:
    layer = CompressedLayer(
        name="fc",
        shape=(2, 3),
        code_bits=1,
        codebook=np.array([0, 0.5], np.float32),
        bias=np.array([1, 2], np.float32),
        relu=False,
        positions=np.array([1, 5]),
        codes=np.array([1, 1], np.uint8),
    )
    return replace(layer, **changes)


def test_dense_and_forward():
    network = CompressedNetwork(layers=(tiny(),))
    assert network.layers[0].dense().tolist() == [[0, 0.5, 0], [0, 0, 0.5]]
    assert network.to_network().forward(np.array([[1, 2, 4]], np.float32)).tolist() == [[2, 4]]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"shape": (2, 1, 1, 3)}, r"shape \(out, in\) and not be empty, got \(2, 1, 1, 3\)"),
        ({"shape": (1 << 21, 3)}, "1 to 1048576 outputs and inputs"),
        ({"shape": (1 << 20, 1 << 20)}, "at most 2147483648 weights, got 1048576 x 1048576"),
        ({"code_bits": 9}, "code_bits must be between 1 and 8, got 9"),
        ({"code_bits": 2}, r"codebook must be float32 of shape \(4,\), got float32 of shape \(2,\)"),
        ({"codebook": np.array([1, 2], np.float32)}, "entry 0 zero"),
        ({"codebook": np.array([0, np.nan], np.float32)}, "must be finite"),
        ({"bias": np.zeros(3, np.float32)}, r"bias must be float32 of shape \(2,\)"),
        ({"bias": np.array([0, np.inf], np.float32)}, "biases must be finite"),
        ({"positions": np.array([5, 5])}, "must ascend from 0 to at most 5"),
        ({"positions": np.array([1, 6])}, "must ascend from 0 to at most 5"),
        ({"positions": np.array([-1, 5])}, "must ascend from 0 to at most 5"),
        ({"codes": np.array([0, 1], np.uint8)}, "between 1 and 1, got 0 to 1"),
        ({"codes": np.array([1, 2], np.uint8)}, "between 1 and 1, got 1 to 2"),
        ({"codes": np.array([1], np.uint8)}, r"codes must be uint8 of shape \(2,\)"),
        ({"name": "a,b"}, "no comma"),
        ({"name": " a"}, "no space around it"),
        ({"name": "\ud800"}, "valid UTF-8"),
    ],
)
def test_refused_layers(changes: dict[str, Any], sentence: str):
    with pytest.raises(EieError, match=sentence):
        tiny(**changes)


def test_refused_networks():
    with pytest.raises(EieError, match="1 to 1024 layers, got 0"):
        CompressedNetwork(layers=())
    with pytest.raises(EieError, match="names must be unique, got 1 names for 2"):
        CompressedNetwork(layers=(make_layer(0, (3, 3), 1), make_layer(0, (3, 3), 1)))
    with pytest.raises(EieError, match="b must take the 2 outputs of fc, but it has 3 inputs"):
        CompressedNetwork(layers=(tiny(), tiny(name="b")))


def test_refused_calibrations():
    good = np.array([1, 2], np.float32)
    for values in (good.astype(np.float64), -good, good * np.float32(np.nan)):
        with pytest.raises(EieError, match="finite float32 magnitudes"):
            Calibration(activations=values, partial_sums=good[:1])
    with pytest.raises(EieError, match=r"must have shapes \(\(2,\), \(1,\), \(0,\)\), got \(\(2,\), \(2,\), \(0,\)\)"):
        CompressedNetwork(layers=(tiny(),), calibration=Calibration(activations=good, partial_sums=good))
