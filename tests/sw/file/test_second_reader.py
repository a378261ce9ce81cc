"""docs/contract/eie_format.md: a reader written from the document alone reads what `sw.file.model_file` reads."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from sw.file.model_file import from_bytes, to_bytes
from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedNetwork
from sw.network.graph import ApplyLayer, Graph, Node
from sw.network.host_part import HostPart
from tests.support.files.second_reader import read
from tests.support.networks.host_parts import product
from tests.support.networks.random_networks import conv_networks, make_layer, networks

EXAMPLES = sorted((Path(__file__).resolve().parents[3] / "examples").glob("*.eie"))


def check(data: bytes) -> None:
    """Both readers see the same network."""
    network = from_bytes(data)
    layers, calibration = read(data)
    for found, wanted in zip(layers, network.layers, strict=True):
        assert (found["name"], found["relu"]) == (wanted.name, wanted.relu)
        assert tuple(found["shape"]) == wanted.shape
        assert np.array(found["weight"], np.float32).tobytes() == wanted.dense().tobytes()
        assert np.array(found["bias"], np.float32).tobytes() == wanted.bias.tobytes()
    ranges = network.calibration
    assert (calibration is None) == (ranges is None)
    if calibration is not None and ranges is not None:
        bits, *parts = calibration
        assert bits == [ranges.activation_bits]
        for part, values in zip(parts, (ranges.activations, ranges.partial_sums, ranges.results), strict=True):
            assert np.array(part, np.float32).tobytes() == values.tobytes()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples(path: Path) -> None:
    check(path.read_bytes())


@given(networks())
@settings(max_examples=25)
def test_chains(network: CompressedNetwork) -> None:
    check(to_bytes(network))


@given(conv_networks())
@settings(max_examples=25)
def test_graphs(network: CompressedNetwork) -> None:
    check(to_bytes(network))


@given(networks(calibrated=True))
@settings(max_examples=10)
def test_calibrated_chains(network: CompressedNetwork) -> None:
    check(to_bytes(network))


@given(conv_networks(calibrated=True))
@settings(max_examples=10)
def test_calibrated_graphs(network: CompressedNetwork) -> None:
    check(to_bytes(network))


def test_parts_of_the_host() -> None:
    before, behind = (HostPart(model=product(size), shape=(size,)) for size in (12, 5))
    nodes = (Node(before, (0, 0)), Node(ApplyLayer(), (1,)), Node(behind, (2, 2)))
    layer = make_layer(0, (5, 12), 0.5, 4, "fc", True)
    network = CompressedNetwork(layers=(layer,), graph=Graph(input_shape=(12,), nodes=nodes))
    data = to_bytes(calibrate(network, np.ones((2, 12), np.float32)))
    assert data[4] == 4
    check(data)


def test_a_byte_that_changes_anywhere_is_seen() -> None:
    data = EXAMPLES[0].read_bytes()
    for place in range(0, len(data), 499):
        with pytest.raises((AssertionError, IndexError, UnicodeDecodeError)):
            read(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
