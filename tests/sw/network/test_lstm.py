"""sw/network/lstm.py: equal to torch.nn.LSTM in float32; the integer path close to it."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sw.compress.pipeline import compress
from sw.network.calibrate import calibrate
from sw.network.graph import ApplyLayer, Graph, Lstm, Node
from sw.network.integer_forward import run_integers
from sw.network.layer import Layer
from sw.network.network import Network

torch: Any = pytest.importorskip("torch", reason="what an LSTM computes is compared with torch's")


def of_torch(module: Any, layers: int, *, sequence: bool, steps: int) -> Network:
    """A torch.nn.LSTM as a network."""
    made: list[Layer] = []
    for number in range(layers):
        part = {name: getattr(module, f"{name}_l{number}").detach().numpy() for name in PARTS}
        matrix = np.concatenate([part["weight_ih"], part["weight_hh"]], axis=1)
        made.append(Layer(f"l{number}", matrix, part["bias_ih"] + part["bias_hh"], False))
    nodes = tuple(Node(Lstm(sequence=sequence or number < layers - 1), (number,)) for number in range(layers))
    return Network(tuple(made), Graph(input_shape=(steps, module.input_size), nodes=nodes))


PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("sequence", [False, True])
def test_float32_is_that_of_torch(layers: int, sequence: bool):
    torch.manual_seed(layers)
    module = torch.nn.LSTM(7, 11, num_layers=layers, batch_first=True)
    x = torch.randn(4, 9, 7)
    with torch.no_grad():
        wanted = module(x)[0].numpy()
    found = of_torch(module, layers, sequence=sequence, steps=9).forward(x.numpy())
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted if sequence else wanted[:, -1], rtol=1e-5, atol=1e-6)


def test_a_linear_layer_behind_a_sequence_is_torch_s_of_every_step():
    torch.manual_seed(0)
    module, head = torch.nn.LSTM(3, 5, batch_first=True), torch.nn.Linear(5, 2)
    x = torch.randn(4, 6, 3)
    with torch.no_grad():
        wanted = head(module(x)[0]).numpy()
    network = of_torch(module, 1, sequence=True, steps=6)
    assert network.graph is not None
    layers = (*network.layers, Layer("head", head.weight.detach().numpy(), head.bias.detach().numpy(), False))
    nodes = (*network.graph.nodes, Node(ApplyLayer(), (1,)))
    found = Network(layers, Graph(input_shape=(6, 3), nodes=nodes)).forward(x.numpy())
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("scale", "bound"), [(1.0, 2e-3), (3.0, 5e-3)])
def test_integers_are_close_to_float32_over_many_steps(scale: float, bound: float):
    torch.manual_seed(1)
    module = torch.nn.LSTM(8, 24, num_layers=2, batch_first=True)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(scale)
    network = of_torch(module, 2, sequence=True, steps=60)
    x: NDArray[np.float32] = torch.randn(20, 60, 8).numpy()
    compressed = calibrate(compress(network, code_bits=8), x[:10])
    run = run_integers(compressed, x)
    assert not run.overflow.any()
    assert np.abs(run.outputs - compressed.to_network().forward(x)).max() < bound
