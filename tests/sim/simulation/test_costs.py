"""sim/simulation/costs.py: what a network costs is what `eie simulate` says of it, whatever it is made of."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model.config import PRESETS
from model.errors import EieError
from sim.cli import main
from sim.energy.events import total_events
from sim.energy.model import EnergyModel
from sim.energy.technology import load_technology
from sim.simulation.costs import load_with_inputs, network_costs
from tests.support.sweep import ROOMY, chain, graph


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
    figures, events = network_costs(compressed, values, array, done.append)
    assert sum(done) == len(np.load(inputs))
    model = EnergyModel.of_array(array, load_technology())
    assert {name: value for name, value in report["total"].items() if name != "energy"} == figures
    assert [layer["name"] for layer in report["layers"]] == list(events)
    for layer in report["layers"]:
        assert model.energy(events[layer["name"]]).total_nj == layer["energy"]["total_nj"]
    assert model.energy(total_events(list(events.values()))).total_nj == report["total"]["energy"]["total_nj"]


def test_what_the_array_cannot_hold_is_refused(tmp_path: Path) -> None:
    compressed, values, _ = load_with_inputs(*chain(tmp_path))
    with pytest.raises(EieError, match="memory: the network needs"):
        network_costs(compressed, values, PRESETS["tiny4"].with_(pes=1, activation_depth=2))
