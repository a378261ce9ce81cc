"""The bytes of model files, and round trips of any network."""

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import EieError
from sw.file.model_file import check, from_bytes, load, load_tables, load_with_sizes, save, to_bytes
from sw.network.compressed import Calibration, CompressedLayer, CompressedNetwork
from sw.network.graph import UNCONNECTED, Convolution
from tests.support.files.model_file import (
    BIASES,
    BODY,
    DENSE_SECTION,
    SECTION,
    assemble,
    body,
    example,
    same,
)
from tests.support.networks.random_networks import conv_networks, networks


def test_bytes_of_the_hand_made_example():
    assert to_bytes(example()) == assemble(BODY, SECTION)
    dense = from_bytes(assemble(BODY, SECTION)).layers[0].dense()
    assert np.flatnonzero(dense).tolist() == [0, 100]
    assert dense[1, 40] == 0.5


def test_bytes_without_runs():
    layer = replace(example().layers[0], shape=(2, 4), positions=np.array([0, 5]))
    data = assemble(body(widths=0, shape=bytes([2, 4]), entries=6, size=6), DENSE_SECTION)
    assert to_bytes(CompressedNetwork(layers=(layer,))) == data
    assert from_bytes(data).layers[0].positions.tolist() == [0, 5]


def test_columns_first_in_the_example():
    # Place 100 of the transposed 60 x 2 matrix is column 50, row 0.
    assert from_bytes(assemble(body(flags=4), SECTION)).layers[0].positions.tolist() == [0, 50]


def test_flags_biases_and_calibration_of_the_example():
    section = SECTION[:7] + BIASES + SECTION[7:]
    data = assemble(body(file_flags=4, flags=3, size=len(section)), section, struct.pack("<3f", 1, 2, 4))
    network = from_bytes(data)
    assert network.layers[0].relu
    assert network.layers[0].bias.tolist() == [1, -2]
    assert network.calibration is not None
    assert network.calibration.activations.tolist() == [1, 2]
    assert network.calibration.partial_sums.tolist() == [4]
    assert to_bytes(network) == data


def test_weights_only_and_a_graph_of_the_example():
    network = replace(example(), graph=UNCONNECTED)
    assert to_bytes(network) == assemble(body(file_flags=1), SECTION)
    assert from_bytes(to_bytes(network)).graph == UNCONNECTED
    # Input (60, 1, 1), one operation: the layer, a 1 x 1 convolution.
    graph = bytes([3, 60, 1, 1, 1, 0])
    shape = bytes([2, 60, 1, 1])
    data = assemble(body(file_flags=2, graph=graph, flags=8, shape=shape), SECTION)
    network = from_bytes(data)
    assert network.layers[0].convolution == Convolution()
    assert network.input_shape == (60, 1, 1)
    assert to_bytes(network) == data
    moves = bytes([1, 2, 0, 0, 1])
    network = from_bytes(assemble(body(file_flags=2, graph=graph, flags=24, moves=moves, shape=shape), SECTION))
    assert network.layers[0].convolution == Convolution(stride=(1, 2))


@st.composite
def any_networks(draw: st.DrawFn) -> CompressedNetwork:
    """Chains, graphs and unconnected weights with any layout, names of any letters and biases of every form."""
    calibrated = draw(st.booleans())
    network = draw(st.one_of(networks(calibrated=calibrated), conv_networks(calibrated=calibrated)))
    layers: list[CompressedLayer] = []
    for number, layer in enumerate(network.layers):
        random = np.random.default_rng(draw(st.integers(0, 1 << 16)))
        outputs = layer.shape[0]
        bias = draw(
            st.sampled_from(
                [
                    np.zeros(outputs),
                    np.full(outputs, -0.0),
                    np.full(outputs, 0.3),
                    random.normal(size=outputs),
                    random.integers(-3, 4, outputs) / 8,
                    random.normal(size=outputs) * 10.0 ** random.integers(-40, 30, outputs),
                ]
            )
        )
        letters = "".join(filter(str.isprintable, draw(st.text(st.characters(codec="utf-8", exclude_characters=",")))))
        letters = letters[:20]
        layers.append(
            replace(
                layer,
                name=f"{number}{letters}".strip(),
                bias=bias.astype(np.float32),
            )
        )
    graph = network.graph if draw(st.integers(0, 3)) else UNCONNECTED
    calibration = network.calibration
    if graph is UNCONNECTED and calibration is not None:
        calibration = replace(calibration, results=np.zeros(0, np.float32))
    if calibration is not None:
        calibration = replace(calibration, activation_bits=draw(st.sampled_from([16, 8])))
    return replace(network, layers=tuple(layers), graph=graph, calibration=calibration)


@given(any_networks())
def test_round_trip(network: CompressedNetwork):
    data = to_bytes(network)
    loaded = from_bytes(data)
    check(data)
    check(data, full=True)
    assert to_bytes(loaded) == data
    same(network, loaded)
    ours, theirs = network.calibration, loaded.calibration
    assert (ours is None) == (theirs is None)
    if ours is not None and theirs is not None:
        assert ours.activations.tolist() == theirs.activations.tolist()
        assert ours.partial_sums.tolist() == theirs.partial_sums.tolist()
        assert ours.activation_bits == theirs.activation_bits


def test_save_and_load(tmp_path: Path):
    path = tmp_path / "net.eie"
    report = save(example(), path)
    assert report.bytes == path.stat().st_size
    assert to_bytes(load(path)) == path.read_bytes()
    assert load_with_sizes(path)[1] == report
    check(path, full=True)
    path.write_bytes(b"nothing")
    for read in (load, check):
        with pytest.raises(EieError, match=r"net.eie: a model file must have at least 10 bytes, got 7"):
            read(path)
        with pytest.raises(EieError, match="cannot read"):
            read(tmp_path / "missing")


def test_calibration_of_a_subnormal_range_survives():
    ranges = np.array([1e-45, 3e38], np.float32)
    calibration = Calibration(activations=ranges, partial_sums=ranges[:1])
    network = CompressedNetwork(layers=example().layers, calibration=calibration)
    loaded = from_bytes(to_bytes(network)).calibration
    assert loaded is not None
    assert loaded.activations.tolist() == ranges.tolist()


def test_tables_of_no_model_file(tmp_path: Path) -> None:
    path = tmp_path / "net.eie"
    path.write_bytes(b"no")
    with pytest.raises(EieError, match=r"net\.eie: a model file must have at least 10 bytes, got 2"):
        load_tables(path)
