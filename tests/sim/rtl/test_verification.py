"""sim/rtl/verification.py: equal, or the first difference."""

from dataclasses import replace

import numpy as np
import pytest

from model.config import PRESETS
from model.registers import PeCounter
from sim.rtl.cosim import RtlResult
from sim.rtl.verification import all_equal, compare
from sim.simulation.image_run import ImageRun, run_image
from sim.simulation.prepare import lay_out
from sw.compress.pipeline import compress
from sw.network.layer import Layer
from sw.network.network import Network


@pytest.fixture(scope="module")
def simulation() -> ImageRun:
    rng = np.random.default_rng(2)
    weight = rng.normal(size=(6, 8)).astype(np.float32)
    network = Network((Layer("fc", weight, np.zeros(6, np.float32), relu=False),))
    inputs = rng.uniform(0, 1, (2, 8)).astype(np.float32)
    image, _ = lay_out(compress(network, density=0.5), inputs, PRESETS["tiny4"])
    return run_image(image, inputs)


def as_rtl(simulation: ImageRun) -> RtlResult:
    runs = simulation.runs
    return RtlResult(
        outputs=simulation.integers.copy(),
        cycles=[run.cycles for run in runs],
        broadcasts=[run.broadcasts for run in runs],
        stalls=[run.stalls for run in runs],
        overflow=[run.overflow for run in runs],
        counters=[run.counters.copy() for run in runs],
        seconds=0.0,
        simulated_cycles=0,
    )


def differences(simulation: ImageRun, rtl: RtlResult) -> dict[str, str]:
    comparisons = compare(simulation, rtl)
    found = {item.quantity: item.difference for item in comparisons if item.difference is not None}
    assert all_equal(comparisons) == (not found)
    return found


def test_equal(simulation: ImageRun) -> None:
    assert differences(simulation, as_rtl(simulation)) == {}
    quantities = [item.quantity for item in compare(simulation, as_rtl(simulation))]
    counters = [counter.name.lower() for counter in PeCounter]
    assert quantities == ["values", "cycles", "broadcasts", "stalls", "overflow", *counters]


@pytest.mark.parametrize("name", ["cycles", "broadcasts", "stalls", "overflow"])
def test_one_wrong_figure(simulation: ImageRun, name: str) -> None:
    rtl = as_rtl(simulation)
    figures = list(getattr(rtl, name))
    figures[1] = figures[1] + 1
    found = differences(simulation, replace(rtl, **{name: figures}))
    assert list(found) == [name]
    assert found[name].startswith("input 1: model ")
    assert found[name].endswith("(1 of 2 differ)")


def test_one_wrong_value_and_counter(simulation: ImageRun) -> None:
    rtl = as_rtl(simulation)
    rtl.outputs[1, 4] ^= 1
    rtl.counters[0][PeCounter.ROW_READS, 3] += 2
    found = differences(simulation, rtl)
    assert list(found) == ["values", "row_reads"]
    assert found["values"].startswith("input 1, output 4: model ")
    expected = simulation.runs[0].counters[PeCounter.ROW_READS, 3]
    assert found["row_reads"] == f"input 0, PE 3: model {expected}, RTL {expected + 2} (1 of 8 differ)"


def test_a_missing_input_is_a_difference(simulation: ImageRun) -> None:
    rtl = replace(as_rtl(simulation), cycles=[simulation.runs[0].cycles])
    assert differences(simulation, rtl) == {"cycles": "the model has shape (2,), the RTL (1,)"}


def test_nothing_compared_is_not_equal() -> None:
    assert not all_equal([])
