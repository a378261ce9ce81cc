"""sw/image/maps/recurrent.py: LSTMs and GRUs in one start compute what the integer datapath does, to the bit."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from model.config import ArrayConfig
from model.errors import EieError
from model.image import NetworkImage
from model.loops import executions
from model.reference import run_reference
from sim.simulation.image_run import run_image
from sw.image.build import build_image
from sw.image.fitting import fitting_array
from sw.image.maps.build import build_map_image
from sw.image.stream import quantise_inputs
from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedNetwork
from sw.network.graph import ApplyLayer, Concatenate, Flatten, Graph, Gru, Lstm, Node
from sw.network.integer_forward import run_integers
from tests.ladder.test_maps import check as check_stepped
from tests.support.images.agreement import Bench
from tests.support.networks.lstm import make_lstm_network
from tests.support.networks.random_networks import make_layer

STEPS, FEATURES = 6, 5


def array(pes: int, **changes: Any) -> ArrayConfig:
    sizes: dict[str, Any] = {
        "name": "recurrent",
        "pes": pes,
        "queue_depth": 8,
        "row_bits": 32,
        "sparse_matrix_depth": 2048,
        "pointer_depth": 2048,
        "activation_depth": 512,
        "accumulator_depth": 128,
        "constant_depth": 1024,
        "layers": 20,
        "stream_bits": 32,
        "maps": True,
        "functions": True,
        "row_dealing": "balanced",
        "skip_empty_slices": True,
    }
    return ArrayConfig(**(sizes | changes))


def matrix(seed: int, kind: type[Lstm], units: int, features: int = FEATURES, name: str = "cell"):
    """Of an LSTM; of a GRU without what it never has."""
    layer = make_layer(seed, (4 * units, features + units), 0.5, name=name)
    if kind is not Gru:
        return layer
    output, source = np.divmod(layer.positions, layer.shape[1])
    kept = ~((output // units == 2) & (source >= features)) & ~((output // units == 3) & (source < features))
    return replace(layer, positions=layer.positions[kept], codes=layer.codes[kept])


def network(kind: type[Lstm], sequence: bool, linear: bool = True, units: int = 7, seed: int = 0) -> CompressedNetwork:
    """One cell, and a linear layer on h of the last step or of all."""
    layers = [matrix(seed, kind, units)]
    nodes = [Node(kind(sequence=sequence), (0,))]
    if linear:
        nodes += [Node(Flatten(), (1,))] if sequence else []
        layers.append(make_layer(seed + 1, (4, units * STEPS if sequence else units), 0.5, name="out"))
        nodes.append(Node(ApplyLayer(), (len(nodes),)))
    return CompressedNetwork(layers=tuple(layers), graph=Graph(input_shape=(STEPS, FEATURES), nodes=tuple(nodes)))


def two_cells() -> CompressedNetwork:
    """An LSTM and a GRU that both read the input, joined."""
    layers = (matrix(1, Lstm, 4, name="one"), matrix(2, Gru, 3, name="other"), make_layer(3, (5, 7), 0.8, name="out"))
    nodes = (Node(Lstm(), (0,)), Node(Gru(), (0,)), Node(Concatenate(), (1, 2)), Node(ApplyLayer(), (3,)))
    return CompressedNetwork(layers=layers, graph=Graph(input_shape=(STEPS, FEATURES), nodes=nodes))


NETWORKS = {
    "LSTM": network(Lstm, sequence=False),
    "few units": network(Lstm, sequence=False, units=3, linear=False),
    "LSTM, every step": network(Lstm, sequence=True),
    "stacked": make_lstm_network(3),
    "GRU": network(Gru, sequence=False),
    "GRU, every step": network(Gru, sequence=True, linear=False),
    "two cells": two_cells(),
}


def compiled(name: str, pes: int) -> tuple[CompressedNetwork, NetworkImage, np.ndarray]:
    inputs = np.random.default_rng(pes).normal(size=(5, STEPS, FEATURES)).astype(np.float32)
    made = calibrate(NETWORKS[name], inputs)
    return made, build_map_image(made, array(pes)), inputs


@pytest.mark.parametrize("pes", [1, 3, 4])
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_are_those_of_the_integer_datapath(name: str, pes: int):
    made, image, inputs = compiled(name, pes)
    flat = inputs.reshape(len(inputs), -1)
    run, wanted = run_image(image, flat), run_integers(made, inputs)
    np.testing.assert_array_equal(run.integers, wanted.integers.reshape(len(inputs), -1))
    assert run.outputs.tolist() == wanted.outputs.reshape(len(inputs), -1).astype(np.float32).tolist()
    reference = run_reference(image, image.physical_inputs(quantise_inputs(image, flat[0])))
    np.testing.assert_array_equal(reference.outputs[image.output_order], run.integers[0])


def test_two_inputs_after_each_other_in_the_stepped_model():
    """The second begins with h and the cell of the first, which must be cleared."""
    _, image, inputs = compiled("LSTM", 4)
    bench = Bench(image)
    bench.load()
    for x in inputs[:2]:
        check_stepped(bench, image.physical_inputs(quantise_inputs(image, x.reshape(-1))))


def test_the_loop_runs_once_for_every_step():
    _, image, inputs = compiled("LSTM", 2)
    order = [image.layers[number].name for number, _ in executions(image.config, image.layers)]
    assert order == ["cell clear", *["cell", "cell cell"] * STEPS, "out"]
    layers = run_image(image, inputs.reshape(5, -1)).layers
    assert [layer.inputs for layer in layers] == [5, 5 * STEPS, 5 * STEPS, 5]
    # g, o, f and i of every unit go through the table, and tanh of the cell; three products.
    units = 2 * 4 * STEPS * 5  # in two PEs, four local rows
    assert [layer.table_reads for layer in layers] == [0, 4 * units, units, 0]
    assert [layer.products for layer in layers] == [0, 2 * units, units, 0]


def test_an_array_without_functions_is_told_what_it_lacks():
    made, _, _ = compiled("LSTM", 2)
    with pytest.raises(EieError, match="layer cell: it is the matrix of an LSTM or a GRU, which an array"):
        build_image(made, array(2, functions=False))


def test_an_array_with_memories_just_large_enough():
    made, _, inputs = compiled("stacked", 2)
    fitting = fitting_array(made, array(2))
    assert fitting.activation_depth < 512
    run = run_image(build_map_image(made, fitting), inputs.reshape(5, -1))
    np.testing.assert_array_equal(run.integers, run_integers(made, inputs).integers)


def test_memories_that_are_too_small_are_told():
    made, _, _ = compiled("LSTM", 2)
    with pytest.raises(EieError, match="local rows of activations, the array has 16"):
        build_map_image(made, array(2, activation_depth=16))
