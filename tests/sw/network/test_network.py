from typing import Any

import numpy as np
import pytest

from model.errors import EieError
from sw.network.layer import Layer
from sw.network.network import Connected, Network, check_inputs


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def test_forward():
    first = Layer("a", np.array([[1, -1], [2, 0]], np.float32), np.array([0, -1], np.float32), relu=True)
    second = Layer("b", np.array([[1, 10]], np.float32), np.array([-5], np.float32), relu=False)
    x = np.array([[1, 3], [2, 1]], np.float32)
    assert Network((first, second)).forward(x).tolist() == [[5], [26]]


def test_inputs_are_checked():
    network = Network((Layer("a", ones(1, 2), ones(1), relu=False),))
    for x, sentence in (
        (ones(2), r"shape \(n, 2\), got \(2,\)"),
        (ones(3, 3), r"shape \(n, 2\), got \(3, 3\)"),
        (np.array([[np.inf, 0]], np.float32), "must be finite"),
        (np.array([[1j, 0]]), "must be real"),
    ):
        with pytest.raises(EieError, match=sentence):
            network.forward(x)


def test_inputs_of_another_shape_are_shown_the_way() -> None:
    for shape, way in (
        ((3, 8, 8), r"got \(3, 8, 8\): x\[None\] is a batch of one"),
        ((192,), r"x\[None\]"),
        ((2, 8, 8, 3), r"x.transpose\(0, 3, 1, 2\) puts the channels first"),
        ((2, 3, 64), r"x.reshape\(len\(x\), -1\) flattens each"),
        ((2, 3, 7, 8), r"got \(2, 3, 7, 8\)$"),
    ):
        with pytest.raises(EieError, match=way):
            check_inputs(np.zeros(shape), (3, 8, 8))


def test_layers_of_wrong_arrays() -> None:
    weight = np.ones((2, 3), np.float32)
    double: Any = weight.astype(np.float64)
    with pytest.raises(EieError, match=r"a\.bias must have shape \(2,\), got \(3,\)"):
        Layer("a", weight, np.zeros(3, np.float32), relu=False)
    with pytest.raises(EieError, match=r"a\.weight must be float32, got float64"):
        Layer("a", double, np.zeros(2, np.float32), relu=False)
    with pytest.raises(EieError, match="must have 1 to 255 bytes, printable"):
        Layer("a\x1b", weight, np.zeros(2, np.float32), relu=False)
    with pytest.raises(NotImplementedError):
        _ = Connected().weight_shapes
