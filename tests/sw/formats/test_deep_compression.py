"""sw/formats/deep_compression.py: the released .net files, to the bit and to the last byte."""

import struct
from pathlib import Path

import numpy as np
import pytest

from model.errors import EieError
from sw.formats.network_file import load_network
from sw.network.network import Network
from tests.support.networks.formats import assert_refuses_cuts, assert_survives_damage

PROTOTXT = """
input: "data" input_dim: 1 input_dim: 2 input_dim: 6 input_dim: 6
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 3 kernel_size: 3 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc" inner_product_param { num_output: 5 } }
"""
CONV_CODES, CONV_RUNS = [255, 0, 7, 3], [2, 15, 0, 11]
FC_CODES, FC_RUNS = [15, 0, 1], [4, 15, 9]


def nibbles(values: list[int]) -> bytes:
    padded = [*values, 0] if len(values) % 2 else values
    return bytes(low | high << 4 for low, high in zip(padded[::2], padded[1::2], strict=True))


def codebook(size: int) -> np.ndarray:
    values = np.random.default_rng(size).normal(size=size).astype("<f4")
    values[0] = 0
    return values


def parts() -> dict[str, bytes]:
    return {
        "header": struct.pack("<2I", len(CONV_CODES), len(FC_CODES)),
        "conv codebook": codebook(256).tobytes(),
        "conv bias": np.arange(3, dtype="<f4").tobytes(),
        "conv codes": bytes(CONV_CODES),
        "conv runs": nibbles(CONV_RUNS),
        "fc codebook": codebook(16).tobytes(),
        "fc bias": np.arange(5, dtype="<f4").tobytes(),
        "fc codes": nibbles(FC_CODES),
        "fc runs": nibbles(FC_RUNS),
    }


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    path = tmp_path / "net.prototxt"
    path.write_text(PROTOTXT)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "small.net"
    path.write_bytes(b"".join(parts().values()))
    return path


def test_every_value_where_it_belongs(path: Path, graph: Path):
    conv, fc = load_network(path, graph).layers
    assert (conv.name, conv.weight.shape, conv.relu) == ("conv", (3, 2, 3, 3), True)
    assert (fc.name, fc.weight.shape, fc.relu) == ("fc", (5, 48), False)
    weights = np.zeros(54, np.float32)
    weights[[2, 19, 31]] = codebook(256)[[255, 7, 3]]
    np.testing.assert_array_equal(conv.weight.reshape(-1), weights)
    weights = np.zeros(240, np.float32)
    weights[[4, 30]] = codebook(16)[[15, 1]]
    np.testing.assert_array_equal(fc.weight.reshape(-1), weights)
    assert (conv.bias.tolist(), fc.bias.tolist()) == ([0, 1, 2], [0, 1, 2, 3, 4])


def test_it_needs_the_shapes(path: Path, tmp_path: Path):
    with pytest.raises(EieError, match=r"small.net: a .net file holds no shapes: it must come with"):
        load_network(path)
    graph = tmp_path / "graph.json"
    graph.write_text('{"operations": [{"op": "layer", "name": "fc"}]}')
    with pytest.raises(EieError, match=r"small.net: a .net file holds no shapes"):
        load_network(path, graph)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"header": struct.pack("<2I", 4, 6)}, "layer fc: the indices must end at byte 1140, the file has 1138"),
        ({"header": struct.pack("<2I", 0xFFFFFFFF, 3)}, "layer conv: the codes must end at byte 42949"),
        ({"fc runs": nibbles(FC_RUNS) + b"\0"}, "must end with its last layer at byte 1138, it has 1139 bytes"),
        ({"fc runs": nibbles([4, 15, 9, 1])}, "layer fc: the indices: the half byte behind them must be 0, got 1"),
        ({"fc codes": nibbles([15, 0, 1, 8])}, "layer fc: the codes: the half byte behind them must be 0, got 8"),
        (
            {"conv runs": nibbles([15, 15, 15, 6])},
            "layer conv: its entries must lie in its 54 weights, they reach to 54",
        ),
        ({"conv codebook": b"\0\0\x80\x3f" + bytes(1020)}, "layer conv: entry 0 of its codebook must be 0, got 1.0"),
        ({"conv codebook": codebook(256)[:-1].tobytes() + b"\0\0\xc0\x7f"}, "conv.weight must be finite"),
        ({"fc bias": b"\0\0\x80\x7f" * 5}, "fc.bias must be finite"),
    ],
)
def test_refused(path: Path, graph: Path, changes: dict[str, bytes], sentence: str):
    path.write_bytes(b"".join({**parts(), **changes}.values()))
    with pytest.raises(EieError, match=sentence):
        load_network(path, graph)


def test_the_last_weight_can_be_reached(path: Path, graph: Path):
    path.write_bytes(b"".join({**parts(), "conv runs": nibbles([15, 15, 15, 5])}.values()))
    assert load_network(path, graph).layers[0].weight.reshape(-1)[-1] == codebook(256)[3]


def test_shapes_that_the_entries_cannot_fill(path: Path, graph: Path):
    graph.write_text(PROTOTXT.replace("num_output: 5", "num_output: 1000000"))
    changes = {"fc bias": bytes(4_000_000)}
    path.write_bytes(b"".join({**parts(), **changes}.values()))
    with pytest.raises(EieError, match="layer fc: 3 entries must reach its 48000000 weights, they are too few"):
        load_network(path, graph)


def test_damaged_files(path: Path, graph: Path):
    def load(path: Path) -> Network:
        return load_network(path, graph)

    assert_refuses_cuts(load, path, 5)
    path.write_bytes(b"".join({**parts(), "conv codebook": bytes(1024), "fc codebook": bytes(64)}.values()))
    assert_survives_damage(load, path, 200)


def squeezenet(data_folder: Path) -> Network:
    folder = data_folder / "squeezenet_dc"
    return load_network(folder / "compressed_SqueezeNet.net", folder / "SqueezeNet_deploy.prototxt")


def test_squeezenet(data_folder: Path):
    network = squeezenet(data_folder)
    assert (len(network.layers), network.input_shape, network.out_features) == (26, (3, 227, 227), 1000)
    assert sum(layer.weight.size for layer in network.layers) == 1_244_448
    assert sum(np.count_nonzero(layer.weight) for layer in network.layers) == 422_083 - 6_162
    assert all(np.unique(layer.weight).size <= 256 for layer in network.layers)
    assert all(layer.relu for layer in network.layers)


def test_squeezenet_in_torch(data_folder: Path):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    network = squeezenet(data_folder)
    layers = {layer.name: (torch.from_numpy(layer.weight), torch.from_numpy(layer.bias)) for layer in network.layers}
    image = np.random.default_rng(0).normal(0, 50, (1, 3, 227, 227)).astype(np.float32)

    def convolve(name: str, x, **moves: int):
        return functional.relu(functional.conv2d(x, *layers.pop(name), **moves))

    def pool(x):
        return functional.max_pool2d(x, 3, 2, ceil_mode=True)

    x = pool(convolve("conv1", torch.from_numpy(image), stride=2))
    for fire in range(2, 10):
        x = convolve(f"fire{fire}/conv1x1_1", x)
        x = torch.cat([convolve(f"fire{fire}/conv1x1_2", x), convolve(f"fire{fire}/conv3x3_2", x, padding=1)], dim=1)
        if fire in (4, 8):
            x = pool(x)
    wanted = convolve("conv_final", x, padding=1).mean(dim=(2, 3), keepdim=True).numpy()
    assert not layers
    found = network.forward(image)
    assert wanted.max() > 1
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4)
