"""sw/formats/batch_norm.py: norms of state dicts are folded into the layers that their names or a graph say."""

import json
from pathlib import Path

import numpy as np
import pytest

from model.errors import EieError
from sw.formats.assumptions import Assumptions
from sw.formats.batch_norm import find_layer
from sw.formats.network_file import load_network

RNG = np.random.default_rng(0)


def norm(name: str, channels: int, **changes: np.ndarray) -> dict[str, np.ndarray]:
    parts = {
        part: RNG.random(channels).astype(np.float32) for part in ("weight", "bias", "running_mean", "running_var")
    }
    return {f"{name}.{part}": values for part, values in (parts | changes).items()}


@pytest.mark.parametrize(
    ("name", "layers", "wanted"),
    [
        ("bn1", {"conv1": 4, "conv2": 4, "fc": 4}, "conv1"),
        ("a.bn2", {"a.conv2": 4, "b.conv2": 4}, "a.conv2"),
        ("layer.norm", {"layer.conv": 4}, "layer.conv"),
        ("bn", {"conv": 4, "fc": 2}, "conv"),
        ("conv1_bn", {"conv1": 4, "conv2": 4}, "conv1"),
        ("bn_conv2", {"conv1": 4, "conv2": 4}, "conv2"),
        ("BatchNorm2", {"Conv1": 4, "Conv2": 4}, "Conv2"),
        ("features.1", {"features.0": 4}, "features.0"),
        ("1", {"0": 4, "3": 4}, "0"),
        ("2", {"0": 4, "3": 4}, None),  # a ReLU is between them, most likely
        ("1", {"0": 5}, None),
        ("bn1", {"conv1": 4, "fc1": 4}, None),
        ("bn1", {"conv1": 4, "fc1": 5}, "conv1"),
        ("bn3", {"conv1": 4, "conv2": 4}, None),
        ("bn", {"conv1": 4, "conv2": 4}, None),
        ("post", {"conv": 4}, None),
    ],
)
def test_which_layer_a_norm_follows(name: str, layers: dict[str, int], wanted: str | None):
    assert find_layer(name, 4, layers) == wanted


def test_torch_agrees(tmp_path: Path):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    nn = torch.nn
    module = nn.Sequential(
        nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 8, bias=False), nn.BatchNorm1d(8, affine=False),
        nn.ReLU(), nn.Linear(8, 3),
    )  # fmt: skip
    module(torch.randn(50, 6))
    module.eval()
    torch.save(module.state_dict(), tmp_path / "net.pt")
    x = torch.randn(5, 6)
    with torch.no_grad():
        wanted = module(x).numpy()
    said: list[str] = []
    network = load_network(tmp_path / "net.pt", assumptions=Assumptions(say=said.append))
    np.testing.assert_allclose(network.forward(x.numpy()), wanted, rtol=1e-5, atol=1e-6)
    assert any("epsilon is 1e-05; folded: 1 into 0, 4 into 3" in sentence for sentence in said)


def test_a_graph_says_where_and_with_what_epsilon(tmp_path: Path):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    conv, norm = torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3, eps=0.1)
    norm(torch.randn(9, 3, 4, 4) * 0.1)
    norm.eval()
    state = {f"body.{key}": value for key, value in conv.state_dict().items()}
    torch.save(state | {f"post.{key}": value for key, value in norm.state_dict().items()}, tmp_path / "net.pt")
    layer = {"op": "layer", "name": "body", "relu": True, "batch_norm": "post", "epsilon": 0.1}
    (tmp_path / "graph.json").write_text(json.dumps({"input": [2, 5, 5], "operations": [layer]}))
    x = torch.randn(4, 2, 5, 5)
    with torch.no_grad():
        wanted = torch.relu(norm(conv(x))).numpy()
    network = load_network(tmp_path / "net.pt", tmp_path / "graph.json")
    np.testing.assert_allclose(network.forward(x.numpy()), wanted, rtol=1e-5, atol=1e-6)
    with pytest.raises(EieError, match=r'--graph FILE with {"op": "layer", "name": LAYER, "batch_norm": "post"}'):
        load_network(tmp_path / "net.pt")


@pytest.mark.parametrize(
    ("tensors", "sentence"),
    [
        ({"bn.running_mean": np.zeros(2)}, "the batch normalisation bn must have bn.running_var beside"),
        ({"bn.running_var": np.zeros(2)}, "NAME.bias, got bn.running_var"),
        (norm("bn", 3), "batch normalisation bn must say which layer's result it takes"),
        (norm("bn", 2, running_var=-np.ones(2)), "must hold no negative variance"),
        (norm("bn", 2, running_var=np.ones(3)), "bn.running_var must hold a floating-point number for each of 2"),
        (norm("bn", 2, weight=np.ones(2, np.int64)), "bn.weight must hold a floating-point number"),
        (norm("bn", 2) | norm("norm", 2), "batch normalisation norm must say which layer's result it takes"),
        ({"running_mean": np.zeros(2), "running_var": np.zeros(2)}, "must be of a batch normalisation with a name"),
    ],
)
def test_refused(tmp_path: Path, tensors: dict[str, np.ndarray], sentence: str):
    np.savez(tmp_path / "net.npz", **{"fc.weight": np.ones((2, 2), np.float32), **tensors})
    with pytest.raises(EieError, match=sentence):
        load_network(tmp_path / "net.npz")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"batch_norm": "other"}, "layer fc: the file must have one batch normalisation other"),
        ({"batch_norm": 3}, "batch_norm must be the name"),
        ({"epsilon": 0.1}, "epsilon is of a batch_norm"),
        ({"batch_norm": "bn", "epsilon": -1}, "epsilon must be a number of at least 0"),
        ({"batch_norm": "bn", "epsilon": "a"}, "epsilon must be a number of at least 0, got 'a'"),
        ({"batch_norm": "bn", "epsilon": 0}, "variance and epsilon of its batch normalisation must be above 0"),
        ({"batch_norm": "wide"}, "layer fc: its batch normalisation must have 2 channels, got 3"),
    ],
)
def test_graphs_that_are_refused(tmp_path: Path, fields: dict[str, object], sentence: str):
    first = norm("wide", 3) if fields["batch_norm" if "batch_norm" in fields else "epsilon"] == "wide" else {}
    tensors = first or norm("bn", 2, running_var=np.zeros(2))
    np.savez(tmp_path / "net.npz", **{"fc.weight": np.ones((2, 2), np.float32), **tensors})
    operation = {"op": "layer", "name": "fc", **fields}
    (tmp_path / "graph.json").write_text(json.dumps({"operations": [operation]}))
    with pytest.raises(EieError, match=sentence):
        load_network(tmp_path / "net.npz", tmp_path / "graph.json")


def test_a_one_dimensional_convolution_has_one_row(tmp_path: Path):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    conv = torch.nn.Conv1d(3, 4, 5, stride=2)
    torch.save({f"conv.{key}": value for key, value in conv.state_dict().items()}, tmp_path / "net.pt")
    operation = {"op": "layer", "name": "conv", "stride": [1, 2]}
    (tmp_path / "graph.json").write_text(json.dumps({"input": [3, 1, 20], "operations": [operation]}))
    x = torch.randn(2, 3, 20)
    with torch.no_grad():
        wanted = conv(x).numpy()
    network = load_network(tmp_path / "net.pt", tmp_path / "graph.json")
    np.testing.assert_allclose(network.forward(x.numpy()[:, :, None])[:, :, 0], wanted, rtol=1e-5, atol=1e-6)
