"""Each kind of layer keeps its share of every output channel."""

import numpy as np
import pytest

from model.errors import EieError
from sim.simulation.tiny_pruning import DENSITIES, kinds_of, pruned_evenly, pruned_network, wanted_densities
from sw.network.graph import ApplyLayer, Convolution, Flatten, Graph, Node
from sw.network.layer import Layer
from sw.network.network import Network


def network() -> Network:
    """A layer of each kind."""
    random = np.random.default_rng(4)
    depthwise = Convolution(groups=4)
    shapes = [((4, 2, 3, 3), Convolution()), ((4, 1, 3, 3), depthwise), ((8, 4, 1, 1), Convolution()),
              ((4, 8, 3, 3), Convolution()), ((5, 16), None)]  # fmt: skip
    layers = tuple(
        Layer(f"l{at}", random.normal(size=shape).astype(np.float32), np.zeros(shape[0], np.float32), False, way)
        for at, (shape, way) in enumerate(shapes)
    )
    nodes = [Node(ApplyLayer(), (at,)) for at in range(4)] + [Node(Flatten(), (4,)), Node(ApplyLayer(), (5,))]
    return Network(layers, Graph(input_shape=(2, 8, 8), nodes=tuple(nodes)))


def test_kinds_and_their_shares() -> None:
    dense = network()
    assert kinds_of(dense) == ["first", "depthwise", "1x1", "window", "linear"]
    pruned = pruned_network(dense, DENSITIES)
    for kind, before, after in zip(kinds_of(dense), dense.layers, pruned.layers, strict=True):
        kept = np.count_nonzero(after.weight.reshape(len(after.weight), -1), axis=1)
        assert set(kept.tolist()) == {round(DENSITIES[kind] * before.weight[0].size)}
        np.testing.assert_array_equal(after.weight[after.weight != 0], before.weight[after.weight != 0])


def test_the_largest_of_every_channel_stay() -> None:
    weight = np.array([[1, -8, 2, 4], [0.1, 0.2, -0.3, 0.4]], np.float32)
    wanted = np.array([[0, -8, 0, 4], [0, 0, -0.3, 0.4]], np.float32)
    np.testing.assert_array_equal(pruned_evenly(weight, 0.5), wanted)


def test_densities_are_changed_by_kind() -> None:
    assert wanted_densities(False, []) == dict.fromkeys(DENSITIES, 1.0)
    assert wanted_densities(True, ["1x1=0.2"]) == {**DENSITIES, "1x1": 0.2}
    assert wanted_densities(False, ["window = 0.25"])["window"] == 0.25


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("1x1", "--density wants FIELD=SHARE, got '1x1'"),
        ("2x2=0.5", "--density: no kind of layer '2x2'; kinds: first, window, 1x1, linear, depthwise"),
        ("first=half", "--density first: wanted a number above 0 and at most 1, got 'half'"),
        ("first=0", "density must be above 0 and at most 1, got 0.0"),
        ("first=nan", "density must be above 0 and at most 1, got nan"),
    ],
)
def test_other_words_are_refused(change: str, sentence: str) -> None:
    with pytest.raises(EieError) as error:
        wanted_densities(True, [change])
    assert str(error.value) == sentence
