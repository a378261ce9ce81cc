"""sw/network/host_end.py: the outputs with the softmax of what is left are those of the whole network."""

from dataclasses import replace

import numpy as np
import pytest

from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedNetwork
from sw.network.graph import ApplyLayer, Graph, Node
from sw.network.host_end import without_host_end
from sw.network.operations import Clip, Softmax
from tests.support.networks.random_networks import make_layer


def ending_in(*nodes: Node) -> CompressedNetwork:
    """A layer, a limit and these operations, calibrated."""
    first = (Node(ApplyLayer(), (0,)), Node(Clip(low=-1, high=2), (1,)))
    graph = Graph(input_shape=(8,), nodes=(*first, *nodes))
    inputs = np.random.default_rng(0).normal(size=(6, 8))
    return calibrate(CompressedNetwork(layers=(make_layer(1, (5, 8), 0.8),), graph=graph), inputs)


@pytest.mark.parametrize("log", [False, True])
def test_a_softmax_at_the_end_is_the_host_s(log: bool) -> None:
    network = ending_in(Node(Softmax(axis=0, log=log), (2,)))
    kept, remains = without_host_end(network)
    assert remains == (
        "logarithm of the softmax over axis 0 of the outputs" if log else "softmax over axis 0 of the outputs"
    )
    inputs = np.random.default_rng(1).normal(size=(4, 8)).astype(np.float32)
    powers = np.exp(kept.to_network().forward(inputs))
    shares = powers / powers.sum(axis=1, keepdims=True)
    wanted = network.to_network().forward(inputs)
    np.testing.assert_allclose(np.log(shares) if log else shares, wanted, rtol=1e-5)
    assert kept.calibration is not None
    again = calibrate(replace(kept, calibration=None), np.random.default_rng(0).normal(size=(6, 8)))
    assert again.calibration is not None
    np.testing.assert_array_equal(kept.calibration.activations, again.calibration.activations)
    assert kept.calibration.results.size == again.calibration.results.size == 0


def test_a_softmax_of_another_value_or_inside_stays() -> None:
    plain = ending_in()
    assert without_host_end(plain) == (plain, None)
    aside = ending_in(Node(Softmax(axis=0), (1,)))
    assert without_host_end(aside) == (aside, None)
    inside = ending_in(Node(Softmax(axis=0), (2,)), Node(Clip(low=0), (3,)))
    assert without_host_end(inside) == (inside, None)
    chain = CompressedNetwork(layers=(make_layer(1, (5, 8), 0.8),))
    assert without_host_end(chain) == (chain, None)
