"""sw/formats/safetensors.py and the naming of tensors that it shares with other formats (sw/formats/tensors.py)."""

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from model.errors import EieError
from sw.formats.network_file import load_network, save_network
from sw.network.graph import UNCONNECTED
from sw.network.network import Network
from tests.support.networks.formats import (
    assert_equal,
    assert_refuses_cuts,
    assert_survives_damage,
    branching,
    layer,
    networks,
)


def write(path: Path, order: str | None = None, **tensors: np.ndarray) -> Path:
    named = {key.replace("__", "."): value for key, value in tensors.items()}
    path.write_bytes(safetensors.numpy.save(named, None if order is None else {"order": order}))
    return path


def write_raw(path: Path, dtype: str, shape: list[int], data: bytes) -> None:
    entry = {"dtype": dtype, "shape": shape, "data_offsets": [0, len(data)]}
    text = json.dumps({"a.weight": entry}).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.safetensors"


def test_layers_in_natural_order_without_biases(path: Path):
    network = load_network(write(path, ip10__weight=ones(2, 3), ip2__weight=ones(3, 4), ip10__bias=ones(2)))
    assert [layer.name for layer in network.layers] == ["ip2", "ip10"]
    assert [layer.relu for layer in network.layers] == [True, False]
    assert network.layers[0].bias.tolist() == [0, 0, 0]
    assert (network.in_features, network.out_features) == (4, 2)


def test_metadata_gives_the_order(path: Path):
    network = load_network(write(path, "b, a", a__weight=ones(2, 3), b__weight=ones(3, 4)))
    assert [layer.name for layer in network.layers] == ["b", "a"]


@pytest.mark.parametrize("kind", networks())
def test_saved_networks_load(path: Path, kind: str):
    network = networks()[kind]
    save_network(network, path)
    assert_equal(load_network(path), network)


def test_other_tools_read_what_is_saved(path: Path):
    save_network(networks()["weights only"], path)
    tensors = safetensors.numpy.load_file(path)
    assert set(tensors) == {
        "lstm.weight_ih_l0",
        "lstm.bias_ih_l0",
        "lstm.weight_hh_l0",
        "lstm.bias_hh_l0",
        "weight",
        "bias",
        "conv.weight",
        "conv.bias",
    }
    save_network(networks()["chain"], path)
    with safetensors.safe_open(path, "np") as file:
        assert file.metadata() == {"order": "z,a,m"}


def test_convolutions_without_graph_are_weights_only(path: Path):
    network = load_network(write(path, b__weight=ones(2, 3), a__weight=ones(4, 3, 5, 5), a__bias=ones(4)))
    assert network.graph is UNCONNECTED
    assert [(layer.name, layer.relu) for layer in network.layers] == [("a", False), ("b", False)]
    with pytest.raises(EieError, match="must say how its layers are connected to be run"):
        network.forward(ones(1, 3))


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_floats(path: Path, dtype: type[np.floating]):
    weight = np.random.default_rng(1).normal(size=(3, 4)).astype(dtype)
    (layer,) = load_network(write(path, a__weight=weight)).layers
    assert layer.weight.dtype == np.float32
    np.testing.assert_array_equal(layer.weight, weight.astype(np.float32))


def test_bfloat16(path: Path):
    values = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)
    write_raw(path, "BF16", [3, 4], (values.view(np.uint32) >> 16).astype("<u2").tobytes())
    (layer,) = load_network(path).layers
    np.testing.assert_array_equal(layer.weight, (values.view(np.uint32) & 0xFFFF0000).view(np.float32))
    torch = pytest.importorskip("torch")
    np.testing.assert_allclose(layer.weight, torch.from_numpy(values).bfloat16().float().numpy(), rtol=2**-7)


@pytest.mark.parametrize(
    ("tensors", "order", "sentence"),
    [
        ({"a__weight": ones(0, 5)}, None, r"a.weight must not be empty, got \(0, 5\)"),
        ({"a__weight": ones(4, 0, 3, 3)}, None, r"a.weight must not be empty, got \(4, 0, 3, 3\)"),
        ({"a__weight": np.array([[np.nan]], np.float32)}, None, "a.weight must be finite"),
        ({"a__weight": np.array([[1e300]])}, None, "a.weight must be finite"),
        ({"a__weight": ones(1, 1), "a__bias": np.array([np.inf], np.float32)}, None, "a.bias must be finite"),
        ({"a__weight": ones(2, 2).astype(np.int32)}, None, "safetensors: a.weight must hold .*float64\\), got int32"),
        ({"a__weight": ones(2, 2), "a__bias": ones(3)}, None, r"a.bias must have shape \(2,\), got \(3,\)"),
        ({"a__weight": ones(2, 2), "a__bias": ones(2, 1)}, None, r"a.bias must have shape \(2,\), got \(2, 1\)"),
        ({"a__weight": ones(2, 2), "a__gamma": ones(3)}, None, "NAME.bias, got a.gamma"),
        ({"a__weight": ones(2, 2), "b__bias": ones(3)}, None, "NAME.bias, got b.bias"),
        (
            {"a__weight": ones(2, 2), "bn__weight": ones(3), "bn__bias": ones(3)},
            None,
            r"bn.weight must be 2-D .*\(3,\)",
        ),
        ({"a__weight": ones(2, 2), "bn__running_mean": ones(2)}, None, "bn must have bn.running_var beside"),
        ({"a__weight": ones()}, None, r"a.weight must be 2-D .*, got shape \(\)"),
        (
            {"conv__weight": ones(2, 1, 5, 5, 5)},
            None,
            r"conv.weight must be 2-D .*, 3-D or 4-D .*, got shape \(2, 1, 5, 5, 5\)",
        ),
        ({"a__weight": ones(2, 2), "b__weight": ones(3, 3)}, None, "b must take the 2 outputs of a, but it has 3"),
        ({"a__weight": ones(2, 2)}, "a,b", "the order a,b must name each of a once"),
        ({}, None, "at least one NAME.weight"),
        ({"__weight": ones(2, 2)}, None, "a layer name must have 1 to 255 bytes"),
    ],
)
def test_refused_by_name(path: Path, tensors: dict[str, np.ndarray], order: str | None, sentence: str):
    with pytest.raises(EieError, match=sentence):
        load_network(write(path, order, **tensors))


def test_damaged_graph_in_metadata(path: Path):
    for graph, sentence in (
        ("{", "the graph must be JSON"),
        ('{"operations":[]}', "it does not apply a"),
        ('{"operations":[{"op":"layer","name":"b"}]}', "applies layer b, the weight file must have it, got a"),
    ):
        path.write_bytes(safetensors.numpy.save({"a.weight": ones(2, 2)}, {"graph": graph}))
        with pytest.raises(EieError, match=sentence):
            load_network(path)


def test_names_that_would_not_return(path: Path):
    with pytest.raises(EieError, match=r"NAME.weight with a name that does not end so, got a.weight"):
        save_network(Network((layer("a.weight", 2, 2),)), path)
    assert not path.exists()


@pytest.mark.parametrize(("dtype", "size"), [("F8_E4M3", 1), ("C64", 8), ("BOOL", 1)])
def test_other_types_are_named(path: Path, dtype: str, size: int):
    write_raw(path, dtype, [3, 4], bytes(12 * size))
    with pytest.raises(EieError, match=f"a.weight must hold floating-point numbers .*, got (?i:{dtype})"):
        load_network(path)


@pytest.mark.parametrize("dtype", ["F32", "BF16"])
def test_declared_sizes_beyond_the_file(path: Path, dtype: str):
    write_raw(path, dtype, [1 << 20, 1 << 20], bytes(16))
    with pytest.raises(EieError, match="not a whole safetensors file"):
        load_network(path)


def test_long_reasons_are_cut(path: Path):
    text = b'{"a.weight":{"dtype":"F33","shape":[1,1],"data_offsets":[0,4]}}'
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(4))
    with pytest.raises(EieError, match=r"this is not a whole safetensors file: .*unknown variant") as error:
        load_network(path)
    assert len(str(error.value)) < len(str(path)) + 220


def test_missing_and_damaged_files(path: Path):
    with pytest.raises(EieError, match=r"cannot read .*net.safetensors: No such file"):
        load_network(path)
    save_network(networks()["weights only"], path)
    assert_refuses_cuts(load_network, path, 3)
    save_network(branching(), path)
    assert_survives_damage(load_network, path, 300)
