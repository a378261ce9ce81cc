"""sim/synthesis/fit.py: arrays sized for a network; what does not fit says by how much."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.config import ecp5_array
from model.errors import EieError
from sim.synthesis.families import device_named
from sim.synthesis.family import Measured
from sim.synthesis.fit import estimate, fits
from sw.file.model_file import load

KEPT, _ = device_named("ecp5-85k")
MEASURED = (
    Measured(pes=1, comb_pe=100, comb_shared=10, fmax_mhz=100.0),
    Measured(pes=4, comb_pe=90, comb_shared=20, fmax_mhz=80.0),
)


@pytest.mark.parametrize(
    ("pes", "comb", "clock"), [(1, 110, 100.0), (2, 210, 90.0), (4, 380, 80.0), (8, 740, 70.0), (256, 23060, 40.0)]
)
def test_estimate(pes: int, comb: int, clock: float) -> None:
    assert estimate(pes, MEASURED) == (comb, pytest.approx(clock))


def test_the_numbers_of_a_misfit(project_root: Path) -> None:
    network = load(project_root / "examples" / "lenet-300-100.eie")
    inputs = np.ones((1, network.in_features), np.float32)
    flow, device = device_named("ecp5-25k")
    fitting, refused = fits(network, inputs, ecp5_array(1), replace(flow, measured=MEASURED), device, (2, 40))
    assert not fitting.misfits
    assert fitting.cycles > 0
    assert fitting.per_second == pytest.approx(90e6 / fitting.cycles)
    assert (refused.cycles, refused.per_second) == (0, 0)
    assert any(text.startswith("40 PEs need 40 multipliers (MULT18X18D), ecp5-25k has 28") for text in refused.misfits)


@pytest.mark.parametrize("row", KEPT.measured, ids=lambda row: str(row.pes))
def test_estimates_rest_on_the_kept_reports(project_root: Path, row: Measured) -> None:
    report = json.loads((project_root / "docs" / "fpga" / f"ecp5-85k-{row.pes}.json").read_text())
    assert row == Measured(
        pes=report["config"]["pes"],
        comb_pe=report["pe"]["comb"],
        comb_shared=report["shared"]["comb"],
        fmax_mhz=report["fmax_mhz"],
    )


def test_a_family_that_nobody_measured_is_refused(project_root: Path) -> None:
    network = load(project_root / "examples" / "lenet-300-100.eie")
    inputs = np.ones((1, network.in_features), np.float32)
    flow, device = device_named("ecp5-25k")
    with pytest.raises(EieError, match="what fits on ecp5-25k is not known: no array was measured on its family"):
        next(fits(network, inputs, ecp5_array(1), replace(flow, measured=()), device))
