"""sw/formats/sharded.py: parts that an index names are one network, and contradictions are refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from model.errors import EieError
from sw.formats.network_file import load_network

RNG = np.random.default_rng(0)
PARTS = {"a.weight": RNG.normal(size=(5, 4)), "a.bias": RNG.normal(size=5), "b.weight": RNG.normal(size=(3, 5))}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An index of two files."""
    save_file({"a.weight": PARTS["a.weight"]}, tmp_path / "one.safetensors", {"format": "pt"})
    save_file({key: PARTS[key] for key in ("a.bias", "b.weight")}, tmp_path / "two.safetensors", {"format": "pt"})
    path = tmp_path / "model.safetensors.index.json"
    write(path, {"a.weight": "one.safetensors", "a.bias": "two.safetensors", "b.weight": "two.safetensors"})
    return path


def write(path: Path, places: object) -> None:
    path.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": places}))


def test_parts_are_one_network(path: Path):
    a, b = load_network(path).layers
    np.testing.assert_array_equal(a.weight, PARTS["a.weight"].astype(np.float32))
    np.testing.assert_array_equal(a.bias, PARTS["a.bias"].astype(np.float32))
    assert (b.name, a.relu, b.relu) == ("b", True, False)


@pytest.mark.parametrize(
    ("places", "sentence"),
    [
        ({"a.weight": "one.safetensors", "a.bias": "two.safetensors"}, "two.safetensors has the tensor b.weight"),
        ({"a.weight": "two.safetensors", "b.weight": "two.safetensors"}, "two.safetensors has the tensor a.bias"),
        ({"a.weight": "one.safetensors", "c.weight": "one.safetensors"}, "c.weight in one.safetensors, which does not"),
        ({"a.weight": "../one.safetensors"}, "files in its own folder"),
        ({"a.weight": "/etc/passwd"}, "files in its own folder"),
        ({"a.weight": "three.safetensors"}, "cannot read .*three.safetensors"),
        ({"a.weight": 3}, "files in its own folder"),
        ({}, "must have the files of its tensors as weight_map"),
        ([], "must have the files of its tensors as weight_map"),
    ],
)
def test_refused(path: Path, places: object, sentence: str):
    write(path, places)
    with pytest.raises(EieError, match=sentence):
        load_network(path)


def test_an_index_that_is_no_json(path: Path):
    path.write_text("{" * 10_000)
    with pytest.raises(EieError, match="the index must be JSON"):
        load_network(path)
