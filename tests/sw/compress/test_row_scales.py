"""sw/compress/row_scales.py: the same function, weights that 8 bits hold exactly, and nothing where nothing is won."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from model.errors import EieError
from sw.compress.pipeline import compress, is_exact
from sw.compress.row_scales import scale_rows, scaled_names
from sw.network.graph import ApplyLayer, Convolution, Flatten, Graph, Lstm, Node, both_sides
from sw.network.layer import Layer
from sw.network.network import Network
from sw.network.operations import Elementwise

RANDOM = np.random.default_rng(7)


def of_integers(*shape: int) -> NDArray[np.float32]:
    """Weights as a file of 8-bit integers has them: a scale for every row, which reaches 127."""
    steps = RANDOM.integers(-127, 128, (shape[0], int(np.prod(shape[1:]))))
    steps[:, 0] = 127
    scales = np.float32(RANDOM.uniform(0.001, 0.5, (shape[0], 1)))
    return (steps.astype(np.float32) * scales).reshape(shape)


def layer(name: str, weight: NDArray[np.float32], relu: bool = True, convolution: Convolution | None = None) -> Layer:
    return Layer(name, weight, RANDOM.normal(size=len(weight)).astype(np.float32), relu, convolution)


def branches() -> Network:
    """A depthwise and a full convolution, added, and a linear layer."""
    layers = (
        layer("first", of_integers(32, 2, 3, 3), convolution=Convolution(padding=both_sides((1, 1)))),
        layer("depthwise", of_integers(32, 1, 3, 3), False, Convolution(padding=both_sides((1, 1)), groups=32)),
        layer("1x1", of_integers(32, 32, 1, 1), False, Convolution()),
        layer("out", of_integers(5, 32 * 4 * 4), False),
    )
    nodes = (
        Node(ApplyLayer(), (0,)),
        Node(ApplyLayer(), (1,)),
        Node(ApplyLayer(), (1,)),
        Node(Elementwise(kind="add"), (2, 3)),
        Node(Flatten(), (4,)),
        Node(ApplyLayer(), (5,)),
    )
    return Network(layers, Graph(input_shape=(2, 4, 4), nodes=nodes))


def chain() -> Network:
    return Network((layer("a", of_integers(40, 12)), layer("b", of_integers(14, 40), False)))


@pytest.mark.parametrize("make", [branches, chain])
def test_8_bits_hold_scaled_integers_exactly(make: Callable[[], Network]) -> None:
    network = make()
    x = RANDOM.normal(size=(5, *network.input_shape)).astype(np.float32)
    wanted = network.forward(x)
    made = scale_rows(network)
    assert scaled_names(made) == [f"{each.name} scale" for each in network.layers]
    assert [each.name for each in made.layers[::2]] == [each.name for each in network.layers]
    bits = {**dict.fromkeys((each.name for each in made.layers), 8)}
    shared = compress(made, code_bits=bits)
    assert all(is_exact(each, small) for each, small in zip(made.layers, shared.layers, strict=True))
    for outputs in (made.forward(x), shared.to_network().forward(x)):
        np.testing.assert_allclose(outputs, wanted, atol=1e-5 * np.abs(wanted).max())
    plain = compress(network, code_bits=8).to_network().forward(x)
    assert np.abs(plain - wanted).max() > 1e-3 * np.abs(wanted).max()


def test_a_scale_is_one_depthwise_tap_or_a_diagonal() -> None:
    made = {each.name: each for each in scale_rows(branches()).layers}
    assert made["first scale"].weight.shape == (32, 1, 1, 1)
    assert made["first scale"].convolution == Convolution(groups=32)
    assert made["first scale"].relu
    assert not made["1x1 scale"].relu
    diagonal = made["out scale"].weight
    assert diagonal.shape == (5, 5)
    assert np.count_nonzero(diagonal) == 5
    assert (np.diag(diagonal) > 0).all()


def test_layers_that_win_nothing_stay() -> None:
    few = layer("few", RANDOM.choice(np.array([-0.5, 0, 0.25, 0.5], np.float32), (8, 10)))
    alike = layer("alike", RANDOM.normal(size=(60, 8)).astype(np.float32))
    alike.weight[:, 0] = 4
    empty = layer("empty", np.zeros((3, 60), np.float32))
    network = Network((few, alike, empty))
    made = scale_rows(network)
    assert [each.name for each in made.layers] == ["few", "alike", "empty"]
    assert all(new is old for new, old in zip(made.layers, network.layers, strict=True))


def test_a_layer_that_scales_would_bring_further_away_stays() -> None:
    """Rows of the same values but for one that is larger: over it they would be others in every row."""
    weight = np.tile(np.linspace(-0.2, 0.2, 20, dtype=np.float32), (6, 3))
    weight[:, 0] = np.linspace(0.25, 1, 6)
    (kept,) = scale_rows(Network((layer("a", weight),)), 12).layers
    assert kept.weight is weight


def test_rows_without_weights_have_the_scale_of_others() -> None:
    weight = of_integers(4, 300)
    weight[2] = 0
    first, second = scale_rows(Network((layer("a", weight),))).layers
    assert not first.weight[2].any()
    assert not first.bias.any()
    np.testing.assert_allclose(second.weight[2, 2], second.weight.max())


def test_few_codes_hold_few_scales_none_too_small() -> None:
    weight = (RANDOM.normal(size=(40, 50)) * np.exp(RANDOM.normal(size=(40, 1)) * 2)).astype(np.float32)
    network = Network((layer("a", weight),))
    made = scale_rows(network, 15)
    assert len(np.unique(np.diag(made.layers[1].weight))) <= 15
    assert np.abs(made.layers[0].weight).max() <= 1 + 1e-6
    x = RANDOM.normal(size=(3, 50)).astype(np.float32)
    wanted = network.forward(x)
    np.testing.assert_allclose(made.forward(x), wanted, atol=1e-5 * np.abs(wanted).max())
    shared, plain = (compress(each, code_bits=4).to_network().forward(x) for each in (made, network))
    small = np.argsort(np.abs(weight).max(axis=1))[:20]
    assert np.abs((shared - wanted)[:, small]).max() < 0.5 * np.abs((plain - wanted)[:, small]).max()


def test_recurrent_layers_stay() -> None:
    layers = (layer("lstm", of_integers(24, 11), False), layer("out", of_integers(80, 6), False))
    nodes = (Node(Lstm(), (0,)), Node(ApplyLayer(), (1,)))
    made = scale_rows(Network(layers, Graph(input_shape=(4, 5), nodes=nodes)))
    assert [each.name for each in made.layers] == ["lstm", "out", "out scale"]
    assert made.out_features == 80


def test_what_cannot_be_scaled_is_refused() -> None:
    unknown = Network((layer("a", of_integers(4, 3)),), Graph(input_shape=(3,), nodes=()))
    with pytest.raises(EieError, match="needs to know how layers are connected"):
        scale_rows(unknown)
    taken = Network((layer("a", of_integers(20, 30)), layer("a scale", of_integers(20, 20))))
    with pytest.raises(EieError, match='are called "NAME scale", and this network has such a layer already'):
        scale_rows(taken)
