"""sim/report/facts.py: where cycles go adds up, and the layers shown over time are those of the most cycles."""

import numpy as np
import pytest

from model.config import PRESETS
from sim.energy.technology import load_technology
from sim.paper import PAPER_LAYERS
from sim.report import facts as module
from sim.report.facts import LayerFacts, bench_facts, network_facts
from sim.terminal.output import Output
from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedNetwork
from tests.support.networks.random_networks import make_layer

TECHNOLOGY = load_technology(None)
OUTPUT = Output(as_json=True)


def adds_up(layer: LayerFacts) -> None:
    """Phases are all of the cycles, what PEs do is all of theirs, and nothing is negative."""
    assert sum(layer.phases.values()) == pytest.approx(layer.metrics.cycles)
    assert sum(layer.pe_cycles.values()) == pytest.approx(1)
    assert min(layer.phases.values()) >= 0
    assert min(layer.pe_cycles.values()) >= 0


@pytest.mark.parametrize("skip", [False, True])
def test_layers_of_the_paper_add_up(skip: bool) -> None:
    array = PRESETS["eie64"].with_(pes=16, skip_empty_slices=skip)
    facts = bench_facts([PAPER_LAYERS["NT-We"]], array, TECHNOLOGY, 1, OUTPUT)
    (layer,) = facts.layers
    adds_up(layer)
    everything = array.pes * layer.metrics.cycles
    assert layer.pe_cycles["nonzero weights"] * everything == pytest.approx(layer.metrics.events.useful_macs)
    assert (layer.pe_cycles["empty slices"] == pytest.approx(0, abs=1e-9)) == skip
    assert layer.timeline is not None
    assert layer.timeline.load.shape == (16, 200)
    # The heat map holds the same cycles as the counters, rounded to percent.
    assert layer.timeline.load.mean() / 100 == pytest.approx(layer.metrics.balance, abs=0.005)
    assert facts.total is None


def test_a_network_adds_up_and_shows_its_longest_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHOWN", 2)
    shapes = [(16, 24), (80, 16), (40, 80)]
    network = CompressedNetwork(
        layers=tuple(make_layer(seed, shape, 0.5, name=f"fc{seed}") for seed, shape in enumerate(shapes))
    )
    inputs = np.random.default_rng(1).normal(size=(3, 24)).astype(np.float32)
    facts = network_facts(calibrate(network, inputs), inputs, PRESETS["eie64"].with_(pes=4), TECHNOLOGY, OUTPUT)
    assert facts.inputs == 3
    assert facts.total is not None
    assert facts.total.energy_nj == pytest.approx(sum(layer.metrics.energy_nj for layer in facts.layers))
    for layer in facts.layers:
        adds_up(layer)
    cycles = [layer.metrics.cycles for layer in facts.layers]
    shown = [layer.timeline is not None for layer in facts.layers]
    assert sum(shown) == 2
    assert not shown[int(np.argmin(cycles))]
