"""sw/formats/network_file.py: which format a file is, and what any file may do."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import EieError
from sw.formats.network_file import load_network, save_network
from sw.network.compressed import CompressedNetwork
from tests.support.networks.formats import assert_equal, layer, networks
from tests.support.networks.random_networks import conv_networks
from tests.support.networks.random_networks import networks as compressed_networks


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_a_graph_file_comes_before_the_metadata(tmp_path: Path, suffix: str):
    network = networks()["graph"]
    save_network(network, tmp_path / f"net{suffix}")
    graph = tmp_path / "graph.json"
    operations = ",".join(f'{{"op": "layer", "name": "{one.name}"}}' for one in network.layers)
    graph.write_text(f'{{"input": [], "operations": [{operations}]}}')
    assert load_network(tmp_path / f"net{suffix}", graph).input_shape == ()
    assert load_network(tmp_path / f"net{suffix}").input_shape == (4, 11, 9)


@settings(max_examples=50)
@given(small=st.one_of(conv_networks(), compressed_networks()))
def test_any_network_comes_back(tmp_path_factory: pytest.TempPathFactory, small: CompressedNetwork):
    folder, network = tmp_path_factory.mktemp("any"), small.to_network()
    for suffix in (".safetensors", ".npz"):
        save_network(network, folder / f"net{suffix}")
        assert_equal(load_network(folder / f"net{suffix}"), network)


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
@pytest.mark.parametrize("kind", ["chain", "recurrent"])
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_biases_of_zero_come_back_with_their_sign(zero: float, kind: str, suffix: str, tmp_path: Path):
    network = networks()[kind]
    layers = tuple(replace(one, bias=np.full_like(one.bias, zero)) for one in network.layers)
    zeros = replace(network, layers=layers)
    save_network(zeros, tmp_path / f"net{suffix}")
    assert_equal(load_network(tmp_path / f"net{suffix}"), zeros)


def test_suffixes_in_capitals(tmp_path: Path):
    path = tmp_path / "NET.SAFETENSORS"
    save_network(networks()["chain"], path)
    assert_equal(load_network(path), networks()["chain"])


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("net", "networks are read from .safetensors, .*, got no suffix"),
        ("net.mat", "networks are read from .safetensors, .*, got .mat"),
        ("net.pt2", "programs of torch.export are not read: torch.onnx.export.*makes a model of it that is read"),
        ("net.npy", "networks are read from .safetensors, .*, got .npy"),
        ("net.eie", "networks are read from .safetensors, .*, got .eie"),
    ],
)
def test_other_files_are_refused_unread(tmp_path: Path, name: str, sentence: str):
    with pytest.raises(EieError, match=f"{name}: {sentence}"):
        load_network(tmp_path / name)


@pytest.mark.parametrize("name", ["net", "net.onnx", "net.eie"])
def test_networks_are_written_to_two_formats(tmp_path: Path, name: str):
    with pytest.raises(EieError, match=rf"cannot write .*{name}: networks are written to .safetensors and .npz"):
        save_network(networks()["chain"], tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_folders_and_names_with_line_breaks(tmp_path: Path):
    (tmp_path / "net.npz").mkdir()
    with pytest.raises(EieError, match="Is a directory"):
        load_network(tmp_path / "net.npz")
    savez: Any = np.savez
    savez(tmp_path / "other.npz", **{"a\nb": layer("a", 2, 2).bias})
    with pytest.raises(EieError, match=r"NAME.bias, got a b$"):
        load_network(tmp_path / "other.npz")
