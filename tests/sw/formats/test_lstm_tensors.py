"""sw/formats/lstm_tensors.py: torch's tensors in, one matrix; the same tensors out; what is no LSTM is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.errors import EieError
from sw.formats.graph_json import parse_graph
from sw.formats.lstm_tensors import split, torch_keys
from sw.formats.network_file import load_network, save_network
from sw.formats.tensors import network_from_tensors, tensors_from_network
from sw.network.network import Network
from tests.support.networks.formats import assert_equal, recurrent

GRAPH = json.dumps({"input": [4, 3], "operations": [{"op": "lstm", "name": "rnn.l0"}]})


def tensors(**changes: Any) -> dict[str, Any]:
    """Those of an LSTM of two units that takes three features; None leaves one out."""
    random = np.random.default_rng(0)
    made = {"weight_ih": (8, 3), "weight_hh": (8, 2), "bias_ih": (8,), "bias_hh": (8,)}
    arrays = {name: random.normal(size=shape).astype(np.float32) for name, shape in made.items()} | changes
    return {f"rnn.{name}_l0": array for name, array in arrays.items() if array is not None}


def read(arrays: dict[str, Any]) -> Network:
    return network_from_tensors(dict(arrays), {}, parse_graph(GRAPH))


def test_the_matrix_and_its_biases():
    arrays = tensors()
    (layer,) = read(arrays).layers
    assert layer.name == "rnn.l0"
    np.testing.assert_array_equal(layer.weight[:, :3], arrays["rnn.weight_ih_l0"])
    np.testing.assert_array_equal(layer.weight[:, 3:], arrays["rnn.weight_hh_l0"])
    np.testing.assert_array_equal(layer.bias, arrays["rnn.bias_ih_l0"] + arrays["rnn.bias_hh_l0"])
    (layer,) = read(tensors(bias_ih=None)).layers
    np.testing.assert_array_equal(layer.bias, arrays["rnn.bias_hh_l0"])
    (layer,) = read(tensors(bias_ih=None, bias_hh=None)).layers
    assert not layer.bias.any()


def test_one_matrix_is_read_as_it_is():
    (wanted,) = read(tensors()).layers
    assert_equal(read({"rnn.l0.weight": wanted.weight, "rnn.l0.bias": wanted.bias}), read(tensors()))


def test_the_names_of_torch_come_back():
    network = read(tensors())
    found, metadata = tensors_from_network(network)
    assert {name: array.shape for name, array in found.items()} == {
        "rnn.weight_ih_l0": (8, 3),
        "rnn.weight_hh_l0": (8, 2),
        "rnn.bias_ih_l0": (8,),
        "rnn.bias_hh_l0": (8,),
    }
    assert not found["rnn.bias_hh_l0"].any()
    assert_equal(network_from_tensors(dict(found), metadata, None), network)


@pytest.mark.parametrize("suffix", ["safetensors", "npz"])
def test_a_file_comes_back(suffix: str, tmp_path: Path):
    network = recurrent()
    save_network(network, tmp_path / f"net.{suffix}")
    assert_equal(load_network(tmp_path / f"net.{suffix}"), network)


def test_a_state_dict_of_torch_goes_through_to_torch(tmp_path: Path):
    torch: Any = pytest.importorskip("torch", reason="reads what torch writes")
    safetensors: Any = pytest.importorskip("safetensors.torch")
    torch.manual_seed(3)
    module = torch.nn.ModuleDict({"rnn": torch.nn.LSTM(3, 5, num_layers=2, batch_first=True)})
    torch.save(module.state_dict(), tmp_path / "net.pt")
    operations = [{"op": "lstm", "name": "rnn.l0", "sequence": True}, {"op": "lstm", "name": "rnn.l1"}]
    (tmp_path / "graph.json").write_text(json.dumps({"input": [7, 3], "operations": operations}))
    network = load_network(tmp_path / "net.pt", tmp_path / "graph.json")
    save_network(network, tmp_path / "net.safetensors")
    x = torch.randn(2, 7, 3)
    with torch.no_grad():
        wanted = module["rnn"](x)[0][:, -1].numpy()
        module.load_state_dict(safetensors.load_file(tmp_path / "net.safetensors"))
        again = module["rnn"](x)[0][:, -1].numpy()
    np.testing.assert_allclose(network.forward(x.numpy()), wanted, atol=1e-6)
    np.testing.assert_allclose(again, wanted, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"weight_hh": None},
            "the LSTM rnn.l0 must have the tensors rnn.weight_ih_l0 and rnn.weight_hh_l0, rnn.weight_hh",
        ),
        ({"weight_ih": None}, "rnn.weight_ih_l0 is not there"),
        ({"weight_hh": np.zeros((8, 3))}, r"\(4 \* units, units\), got \(8, 3\) and \(8, 3\)"),
        ({"weight_ih": np.zeros((6, 3)), "weight_hh": np.zeros((6, 2))}, r"got \(6, 3\) and \(6, 2\)"),  # a GRU
        ({"weight_ih": np.zeros(8)}, r"got \(8,\) and \(8, 2\)"),
        ({"weight_ih": np.array(1.0)}, r"got \(1,\) and \(8, 2\)"),
        ({"bias_hh": np.zeros(6)}, r"rnn.bias_hh_l0 must have shape \(8,\), got \(6,\)"),
        ({"weight_ih": np.zeros((8, 3), np.int8)}, "rnn.weight_ih_l0 must hold floating-point numbers"),
        (
            {"weight_hr": np.zeros((8, 2))},
            "the graph must apply each layer of the weight file once, it does not apply rnn",
        ),
        ({"weight_ih": np.zeros((8, 4))}, r"layer rnn.l0: its LSTM must take \(steps, 4\) values, it gets \(4, 3\)"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], sentence: str):
    with pytest.raises(EieError, match=sentence):
        read(tensors(**changes))


def test_weights_must_be_there_once():
    with pytest.raises(EieError, match=r"rnn.weight_ih_l0 and rnn.l0.bias are both there"):
        read(tensors() | {"rnn.l0.bias": np.zeros(8, np.float32)})


def test_names():
    assert torch_keys("a.b.l12") == ("a.b.weight_ih_l12", "a.b.weight_hh_l12", "a.b.bias_ih_l12", "a.b.bias_hh_l12")
    assert torch_keys("l0") == ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    assert torch_keys("cell") is torch_keys("a.l0.x") is torch_keys("al0") is None
    assert split("cell", np.zeros((4, 2), np.float32), np.zeros(4, np.float32)) == {}
