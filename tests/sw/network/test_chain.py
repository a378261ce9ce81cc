"""sw/network/chain.py: what an array can run, and what it cannot, by name."""

from dataclasses import replace

import numpy as np
import pytest

from model.errors import EieError
from sim.simulation.image_run import run_image
from sw.image.build import build_image
from sw.network.calibrate import calibrate
from sw.network.chain import as_chain
from sw.network.compressed import CompressedNetwork
from sw.network.graph import (
    UNCONNECTED,
    ApplyLayer,
    Concatenate,
    Convolution,
    Flatten,
    Graph,
    Node,
    Operation,
    Pool,
    Relu,
    Shape,
)
from sw.network.integer_forward import run_integers
from tests.support.networks.lstm import make_lstm_network
from tests.support.networks.random_networks import make_config, make_conv_network, make_layer

LAYERS = (make_layer(1, (7, 12), 0.6, name="ip1"), make_layer(2, (5, 7), 0.6, name="ip2", relu=True))
LAYER = ApplyLayer()
POOL = Pool(kind="average", kernel=(1, 1), stride=(1, 1))


def graph(*operations: Operation, input_shape: Shape = (3, 2, 2)) -> Graph:
    return Graph(input_shape=input_shape, nodes=tuple(Node(operation, (n,)) for n, operation in enumerate(operations)))


def test_a_flattened_perceptron_is_a_chain() -> None:
    inputs = np.random.default_rng(0).normal(size=(6, 3, 2, 2)).astype(np.float32)
    network = CompressedNetwork(layers=LAYERS, graph=graph(Flatten(), LAYER, Flatten(), Relu(), Relu(), LAYER))
    network = calibrate(network, inputs)
    chain = as_chain(network)
    assert chain.graph is None
    assert chain.input_shape == (12,)
    assert [layer.relu for layer in chain.layers] == [True, True]
    assert chain.calibration is network.calibration
    expected = run_integers(network, inputs)
    np.testing.assert_array_equal(run_integers(chain, inputs.reshape(6, 12)).integers, expected.integers)
    simulation = run_image(build_image(network, make_config()), inputs.reshape(6, 12))
    np.testing.assert_array_equal(simulation.integers, expected.integers)


def test_a_flattened_sequence_is_a_chain_but_not_its_steps() -> None:
    inputs = np.random.default_rng(1).normal(size=(6, 4, 3)).astype(np.float32)
    flattened = CompressedNetwork(layers=LAYERS, graph=graph(Flatten(), LAYER, LAYER, input_shape=(4, 3)))
    flattened = calibrate(flattened, inputs)
    simulation = run_image(build_image(flattened, make_config()), inputs.reshape(6, 12))
    np.testing.assert_array_equal(simulation.integers, run_integers(flattened, inputs).integers)
    each = (make_layer(1, (7, 3), 0.6, name="each"), make_layer(2, (5, 28), 0.6, name="all"))
    steps = CompressedNetwork(layers=each, graph=graph(LAYER, Flatten(), LAYER, input_shape=(4, 3)))
    with pytest.raises(EieError, match="one after another; layer each takes one step after another; "):
        as_chain(steps)
    with pytest.raises(EieError, match=r"one after another; layer lstm\.l0 is the matrix of an LSTM; "):
        as_chain(make_lstm_network(0))


def test_a_chain_stays_itself() -> None:
    network = CompressedNetwork(layers=LAYERS)
    assert as_chain(network) is network


@pytest.mark.parametrize(
    ("connections", "reason"),
    [
        (graph(Relu(), Flatten(), LAYER, LAYER), "operation 1 is a ReLU of the input"),
        (graph(Flatten(), LAYER, LAYER, Concatenate()), "operation 4 joins values"),
        (graph(Flatten(), LAYER, Concatenate(), LAYER), "operation 3 joins values"),
        (graph(POOL, Flatten(), LAYER, LAYER), "operation 1 is average pooling"),
        (
            Graph(
                input_shape=(12,),
                nodes=(Node(LAYER, (0,)), Node(Relu(), (1,)), Node(LAYER, (1,))),
            ),
            "operation 3 takes value 1 and not the one before it",
        ),
        (
            Graph(
                input_shape=(12,),
                nodes=(Node(LAYER, (0,)), Node(LAYER, (1,)), Node(Relu(), (1,))),
            ),
            "operation 3 takes value 1 and not the one before it",
        ),
    ],
)
def test_what_is_no_chain_is_refused_by_name(connections: Graph, reason: str) -> None:
    network = CompressedNetwork(layers=LAYERS, graph=connections)
    with pytest.raises(EieError) as refusal:
        build_image(network, make_config())
    assert str(refusal.value) == (
        f"an array takes fully connected layers one after another; {reason}; eie simulate, eie verify and eie run take "
        "other networks layer by layer, arrays with maps many as a whole"
    )


def test_layers_without_a_chain_are_refused_by_name() -> None:
    convolution = make_layer(3, (4, 3, 1, 1), 0.5, name="conv1", convolution=Convolution())
    first = CompressedNetwork(layers=(convolution,), graph=graph(LAYER))
    with pytest.raises(EieError, match="one after another; layer conv1 is a convolution; "):
        as_chain(first)
    with pytest.raises(EieError, match="one after another; layer conv1 is a convolution; "):
        as_chain(make_conv_network(0))
    with pytest.raises(EieError, match="it holds weights only"):
        as_chain(replace(CompressedNetwork(layers=LAYERS), graph=UNCONNECTED))
