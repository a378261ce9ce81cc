"""eie.py: the front gives what the modules behind it give, lazily, and results show themselves in notebooks."""

import ast
import importlib
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import eie
from model.config import PRESETS
from sw.formats.network_file import load_network
from sw.network.compressed import CompressedNetwork
from tests.support.hw.rtl import simulators

ROOT = Path(eie.__file__).parent
ARRAY = PRESETS["tiny4"]


@pytest.fixture
def inputs() -> np.ndarray:
    """Three inputs of six features."""
    return np.random.default_rng(1).uniform(0, 1, (3, 6)).astype(np.float32)


@pytest.fixture
def network(tmp_path: Path, inputs: np.ndarray) -> CompressedNetwork:
    """Two layers, compressed from a file by its name."""
    rng = np.random.default_rng(0)
    shapes = {"a.weight": (9, 6), "b.weight": (4, 9)}
    weights: dict[str, Any] = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    np.savez(tmp_path / "net.npz", **weights)
    with pytest.warns(UserWarning, match="assumed, since the file does not say it"):
        return eie.compress(str(tmp_path / "net.npz"), density=0.5, calibration=inputs)


class Cells(HTMLParser):
    """The texts of a table's cells, row by row."""

    def __init__(self, result: Any):
        super().__init__()
        self.rows: list[list[str]] = []
        self.feed(result._repr_html_())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])

    def handle_data(self, data: str) -> None:
        if self.rows:
            self.rows[-1].append(data)


def test_names_are_those_that_type_checkers_see() -> None:
    tree = ast.parse((ROOT / "eie.py").read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname or alias.name: f"{node.module}.{alias.name}" if alias.asname else f"{node.module}:{alias.name}"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == eie.HOMES
    assert sorted(seen) == eie.__all__
    for name, home in seen.items():
        module, _, attribute = home.partition(":")
        found = importlib.import_module(module)
        assert getattr(eie, name) is (getattr(found, attribute) if attribute else found)
        assert getattr(eie, name).__doc__
    assert set(eie.__all__) <= set(dir(eie))
    with pytest.raises(AttributeError, match="module 'eie' has no attribute 'teach'"):
        importlib.import_module("eie").__getattr__("teach")


def test_importing_it_imports_nothing_else() -> None:
    script = (
        "import sys, eie; print([name for name in ('numpy', 'numba', 'typer', 'model', 'sw') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_from_a_file_to_outputs(network: CompressedNetwork, inputs: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "net.eie"
    eie.save(network, str(path))
    loaded = eie.load(path)
    run = eie.simulate(loaded, inputs, eie.preset("tiny4"))
    wanted = load_network(tmp_path / "net.npz").forward(inputs)
    assert np.abs(run.outputs - network.to_network().forward(inputs)).max() < 2e-3
    assert np.abs(run.outputs - wanted).max() < 4  # half of the weights are gone
    with eie.Accelerator(eie.open_place("model", ARRAY), ARRAY) as array:
        array.load(loaded)
        np.testing.assert_array_equal(array.run(inputs[0]).astype(np.float32), run.outputs[0])
    rows = Cells(run).rows
    assert [row[0] for row in rows] == ["layer", "a", "b", "total"]
    assert f"{run.total.cycles:,.1f}" in rows[-1]
    assert [row[0] for row in Cells(loaded).rows] == ["layer", "a", "b"]
    assert Cells(loaded).rows[1] == ["a", "9 x 6", "27", "4"]


@pytest.mark.parametrize("simulator", simulators("icarus"))
def test_verify(network: CompressedNetwork, inputs: np.ndarray, simulator: Any) -> None:
    found = eie.verify(network, inputs, ARRAY, simulator)
    assert found.equal
    assert found.rtl_cycles == found.model_cycles
    assert ["values", "12", "equal"] in Cells(found).rows


def test_bench() -> None:
    found = eie.bench(eie.preset("eie64"), ["NT-We"])
    (run,) = found.runs
    assert Cells(found).rows[1][0] == run.layer.name == "NT-We"
    with pytest.raises(eie.EieError, match="no layer 'NT'"):
        eie.bench(eie.preset("eie64"), ["NT"])


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda network, x: eie.preset("eie65"), "no preset 'eie65'"),
        (lambda network, x: eie.simulate(network, x[:, :5], ARRAY), "6"),
        (lambda network, x: eie.simulate(network, x * np.nan, ARRAY), "finite"),
        (lambda network, x: eie.simulate(network, x[:0], ARRAY), "at least one input"),
        (lambda network, x: eie.verify(network, x[:, :5], ARRAY, "icarus"), "6"),
        (lambda network, x: eie.open_place("moon", ARRAY), "an array must be at"),
        (lambda network, x: eie.load("no such file"), "no such file"),
        (lambda network, x: eie.compress("no such file.npz"), "no such file"),
    ],
)
def test_refusals_are_one_kind(wrong: Any, sentence: str, network: CompressedNetwork, inputs: np.ndarray) -> None:
    with pytest.raises(eie.EieError, match=sentence):
        wrong(network, inputs)
