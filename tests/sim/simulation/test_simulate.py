"""sim/simulation/simulate.py: a run is what `eie simulate` says of it, whatever the network is made of."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model.config import PRESETS
from model.errors import EieError
from sim.cli import main
from sim.energy.technology import DEFAULT_TECHNOLOGY, load_technology
from sim.metrics.metrics import Metrics
from sim.simulation.prepare import load_with_inputs
from sim.simulation.simulate import simulate
from tests.support.tools.sweep import ROOMY, chain, graph


@pytest.mark.parametrize("make", [chain, graph])
def test_figures_and_energy_are_those_of_simulate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], make: Callable[[Path], tuple[Path, Path]]
) -> None:
    network, inputs = make(tmp_path)
    array = PRESETS["tiny4"].with_(**ROOMY)
    changes = [word for field, value in ROOMY.items() for word in ("--set", f"{field}={value}")]
    assert main(["simulate", str(network), "--input", str(inputs), "--preset", "tiny4", *changes, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    compressed, values, calibrated_here = load_with_inputs(network, inputs)
    assert calibrated_here == report["calibrated_on_inputs"]
    done: list[int] = []
    run = simulate(compressed, values, array, advance=done.append)
    assert sum(done) == run.inputs == len(np.load(inputs))
    assert run.total.payload() == report["total"]
    assert [layer["name"] for layer in report["layers"]] == list(run.layers)
    for layer in report["layers"]:
        figures = run.layers[layer["name"]].payload()
        assert {name: layer[name] for name in figures} == figures
    assert run.energy().total_nj == report["total"]["energy"]["energy_nj"]
    html = run._repr_html_()
    assert html.count("<tr>") == len(run.layers) + 2
    assert f"<th>{Metrics.energy_nj.heading}</th>" in html
    assert f"<td>{Metrics.energy_nj.text(run.total.energy_nj)}</td>" in html


def test_another_technology_prices_the_same_events(tmp_path: Path) -> None:
    dearer = tmp_path / "t.toml"
    dearer.write_text(DEFAULT_TECHNOLOGY.read_text().replace("value = 1.874", "value = 18.74"))
    compressed, values, _ = load_with_inputs(*chain(tmp_path))
    array = PRESETS["tiny4"].with_(**ROOMY)
    run, other = (simulate(compressed, values, array, technology=load_technology(each)) for each in (None, dearer))
    assert run.events == other.events
    assert run.energy(load_technology(dearer)) == other.energy()
    assert other.energy().nanojoules["clock"] == pytest.approx(10 * run.energy().nanojoules["clock"])


def test_inputs_come_in_the_networks_shape_or_flat(tmp_path: Path) -> None:
    compressed, values, _ = load_with_inputs(*graph(tmp_path))
    array = PRESETS["tiny4"].with_(**ROOMY)
    run, flat = simulate(compressed, values, array), simulate(compressed, values.reshape(len(values), -1), array)
    np.testing.assert_array_equal(run.outputs, flat.outputs)
    for make in (chain, graph):
        compressed, values, _ = load_with_inputs(*make(tmp_path))
        with pytest.raises(EieError, match="inputs must have shape"):
            simulate(compressed, values[:, :1], array)
        with pytest.raises(EieError, match="at least one input"):
            simulate(compressed, values[:0], array)


def test_what_the_array_cannot_hold_is_refused(tmp_path: Path) -> None:
    compressed, values, _ = load_with_inputs(*chain(tmp_path))
    with pytest.raises(EieError, match="memory: the network needs"):
        simulate(compressed, values, PRESETS["tiny4"].with_(pes=1, activation_depth=2))
