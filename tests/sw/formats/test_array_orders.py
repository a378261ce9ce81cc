"""What is written with a library is read back and compared, however the arrays lie in memory.

safetensors 0.8.0 writes the memory of an array that is not in C order as if it were, without a word; numpy does not.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from model.errors import EieError
from sim.npy import write_array
from sw.compress.pipeline import compress
from sw.file.model_file import load, save
from sw.formats.network_file import WRITERS, load_network, save_network
from sw.network.layer import Layer
from sw.network.network import Network

ROWS, COLUMNS = 6, 4
LIE: dict[str, Callable[[NDArray[np.float32]], NDArray[np.float32]]] = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "transposed": lambda values: values.T.copy().T,
    "every second column": lambda values: np.repeat(values, 2, axis=1)[:, ::2],
    "backwards": lambda values: values[::-1, ::-1].copy()[::-1, ::-1],
    "part of another": lambda values: np.pad(values, 2)[2:-2, 2:-2],
    "one for all": lambda values: np.broadcast_to(values[:1], values.shape),
}


def network(lie: str) -> Network:
    """Two layers whose weights and biases lie in memory in this way."""
    rng = np.random.default_rng(3)
    layers: list[Layer] = []
    for name, shape in (("a", (ROWS, COLUMNS)), ("b", (3, ROWS))):
        weight = LIE[lie](rng.normal(size=shape).astype(np.float32))
        bias = np.repeat(rng.normal(size=shape[0]).astype(np.float32), 2)[::2]
        layers.append(Layer(name, weight, bias, name == "a", None))
    return Network(tuple(layers))


@pytest.mark.parametrize("lie", LIE)
@pytest.mark.parametrize("suffix", WRITERS)
def test_networks_come_back(tmp_path: Path, suffix: str, lie: str) -> None:
    made, path = network(lie), tmp_path / f"net{suffix}"
    save_network(made, path)
    for found, wanted in zip(load_network(path).layers, made.layers, strict=True):
        np.testing.assert_array_equal(found.weight, wanted.weight)
        np.testing.assert_array_equal(found.bias, wanted.bias)


@pytest.mark.parametrize("lie", LIE)
def test_compressed_networks_come_back(tmp_path: Path, lie: str) -> None:
    made = network(lie)
    compressed = compress(made, code_bits=8)  # no layer has as many weights as that has codes
    save(compressed, tmp_path / "net.eie")
    for found, wanted in zip(load(tmp_path / "net.eie").layers, made.layers, strict=True):
        np.testing.assert_array_equal(found.dense(), wanted.weight)


@pytest.mark.parametrize("lie", [*LIE, "empty"])
def test_outputs_come_back(tmp_path: Path, lie: str) -> None:
    values = np.arange(ROWS * COLUMNS, dtype=np.float32).reshape(ROWS, COLUMNS)
    wanted = values[:0] if lie == "empty" else LIE[lie](values)
    write_array(tmp_path / "y.npy", wanted)
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), wanted)


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_layer_without_weights_is_not_written(tmp_path: Path, suffix: str) -> None:
    def write() -> None:
        empty = Layer("a", np.zeros((0, 4), np.float32), np.zeros(0, np.float32), False, None)
        save_network(Network((empty,)), tmp_path / f"net{suffix}")

    with pytest.raises(EieError):
        write()
    assert not list(tmp_path.iterdir())
