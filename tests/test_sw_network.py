import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from sw.errors import EieError
from sw.layer import Layer
from sw.network import Network, load_network, save_network


def write(path: Path, order: str | None = None, **tensors: np.ndarray) -> Path:
    named = {key.replace("__", "."): value for key, value in tensors.items()}
    path.write_bytes(safetensors.numpy.save(named, None if order is None else {"order": order}))
    return path


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


def test_forward():
    first = Layer("a", np.array([[1, -1], [2, 0]], np.float32), np.array([0, -1], np.float32), relu=True)
    second = Layer("b", np.array([[1, 10]], np.float32), np.array([-5], np.float32), relu=False)
    x = np.array([[1, 3], [2, 1]], np.float32)
    assert Network((first, second)).forward(x).tolist() == [[5], [26]]


def test_saved_networks_load(path: Path):
    random = np.random.default_rng(0)
    shapes = (("z", 5, 7), ("a", 3, 5), ("m", 2, 3))
    layers = [
        Layer(name, random.normal(size=(o, i)).astype(np.float32), ones(o) * index, relu=name != "m")
        for index, (name, o, i) in enumerate(shapes)
    ]
    network = Network(tuple(layers))
    save_network(network, path)
    loaded = load_network(path)
    assert [layer.name for layer in loaded.layers] == ["z", "a", "m"]
    x = random.normal(size=(4, 7)).astype(np.float32)
    assert (loaded.forward(x) == network.forward(x)).all()
    bare = Layer("m", ones(2, 3), ones(2), relu=True)
    with pytest.raises(EieError, match="ReLU after all layers but the last, m differs"):
        save_network(Network((bare,)), path)


@pytest.mark.parametrize(
    ("tensors", "order", "sentence"),
    [
        ({"conv1__weight": ones(2, 1, 5, 5)}, None, r"conv1.weight must be 2-D .*, got shape \(2, 1, 5, 5\)"),
        ({"a__weight": ones(0, 5)}, None, r"a.weight must have shape \(out, in\) and not be empty"),
        ({"a__weight": np.array([[np.nan]], np.float32)}, None, "a.weight must be finite"),
        ({"a__weight": np.array([[1e300]])}, None, "a.weight must be finite"),
        (
            {"a__weight": ones(2, 2).astype(np.int32)},
            None,
            r"safetensors: a.weight must hold .* \(F32, F64, F16\), got I32",
        ),
        ({"a__weight": ones(2, 2), "a__bias": ones(3)}, None, r"a.bias must have shape \(2,\), got \(3,\)"),
        ({"a__weight": ones(2, 2), "a__gamma": ones(3)}, None, "NAME.bias, got a.gamma"),
        ({"a__weight": ones(2, 2), "b__bias": ones(3)}, None, "NAME.bias, got b.bias"),
        ({"a__weight": ones(2, 2), "b__weight": ones(2, 3)}, None, "b must take the 2 outputs of a, but it has 3"),
        ({"a__weight": ones(2, 2)}, "a,b", "the order a,b must name each of a once"),
        ({}, None, "at least one NAME.weight"),
        ({"__weight": ones(2, 2)}, None, "a layer name must have 1 to 255 bytes"),
    ],
)
def test_refused_by_name(path: Path, tensors: dict[str, np.ndarray], order: str | None, sentence: str):
    with pytest.raises(EieError, match=sentence):
        load_network(write(path, order, **tensors))


@pytest.mark.parametrize(("dtype", "size"), [("BF16", 2), ("F8_E4M3", 1), ("C64", 8), ("BOOL", 1)])
def test_types_that_numpy_lacks_are_named(path: Path, dtype: str, size: int):
    entry = {"dtype": dtype, "shape": [3, 4], "data_offsets": [0, 12 * size]}
    text = json.dumps({"a.weight": entry}).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(12 * size))
    with pytest.raises(EieError, match=f"a.weight must hold floating-point numbers .*, got {dtype}"):
        load_network(path)


def test_long_reasons_are_cut(path: Path):
    text = b'{"a.weight":{"dtype":"F33","shape":[1,1],"data_offsets":[0,4]}}'
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(4))
    with pytest.raises(EieError, match=r"this is not a whole safetensors file: .*unknown variant") as error:
        load_network(path)
    assert len(str(error.value)) < len(str(path)) + 220


def test_missing_and_truncated_files(path: Path):
    with pytest.raises(EieError, match=r"cannot read .*net.safetensors: No such file"):
        load_network(path)
    with pytest.raises(EieError, match="Is a directory"):
        load_network(path.parent)
    data = write(path, a__weight=ones(2, 2)).read_bytes()
    for size in range(len(data)):
        path.write_bytes(data[:size])
        with pytest.raises(EieError):
            load_network(path)


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
