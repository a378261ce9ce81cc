"""sim/synthesis/fit.py: arrays sized for a network; what does not fit says by how much."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.config import ArrayConfig, ecp5_array
from model.errors import EieError
from sim.simulation.image_run import run_image
from sim.synthesis.families import device_named
from sim.synthesis.family import Measured
from sim.synthesis.fit import estimate, fits
from sim.synthesis.memories import array_block_rams, pe_multipliers
from sw.file.model_file import load
from sw.image.build import build_image
from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedNetwork
from sw.network.graph import ApplyLayer, Convolution, Graph, Node
from tests.support.networks.random_networks import make_layer
from tests.support.networks.whole import MAP_ARRAY, whole_network

MEASURED = (
    Measured(pes=1, comb_pe=100, comb_shared=10, fmax_mhz=100.0),
    Measured(pes=4, comb_pe=90, comb_shared=20, fmax_mhz=80.0),
)


@pytest.mark.parametrize(
    ("pes", "comb", "clock"), [(1, 110, 100.0), (2, 210, 90.0), (4, 380, 80.0), (8, 740, 70.0), (256, 23060, 40.0)]
)
def test_estimate(pes: int, comb: int, clock: float) -> None:
    assert estimate(pes, MEASURED) == (comb, pytest.approx(clock))


def test_of_one_measured_size_the_clock_falls_as_that_of_other_arrays() -> None:
    alone = (Measured(pes=4, comb_pe=200, comb_shared=30, fmax_mhz=60.0, maps=True),)
    assert estimate(8, alone, MEASURED) == (1630, pytest.approx(60.0 * 70 / 80))
    assert estimate(1, alone, MEASURED) == (230, pytest.approx(60.0 * 100 / 80))
    assert estimate(8, alone) == (1630, 60.0)


def test_no_clock_is_made_of_none() -> None:
    rows = [replace(row, fmax_mhz=None) for row in MEASURED]
    assert estimate(2, rows, MEASURED) == (210, None)


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


KEPT = ("ecp5-85k", "xc7z020")  # devices whose reports are in docs/fpga


def kept_rows() -> list[tuple[str, Measured]]:
    return [(device, row) for device in KEPT for row in device_named(device)[0].measured]


@pytest.mark.parametrize(("device", "row"), kept_rows(), ids=lambda value: str(getattr(value, "pes", value)))
def test_estimates_rest_on_the_kept_reports(project_root: Path, device: str, row: Measured) -> None:
    report = json.loads((project_root / "docs" / "fpga" / f"{device}-{'mcu16-' * row.maps}{row.pes}.json").read_text())
    assert report["device"] == device
    assert row == Measured(
        pes=report["config"]["pes"],
        comb_pe=report["pe"]["comb"],
        comb_shared=report["shared"]["comb"],
        fmax_mhz=report["fmax_mhz"],
        maps=report["config"].get("maps", False),
    )


@pytest.mark.parametrize(("device", "row"), kept_rows(), ids=lambda value: str(getattr(value, "pes", value)))
def test_block_rams_and_multipliers_are_counted_as_they_were_synthesised(
    project_root: Path, device: str, row: Measured
) -> None:
    report = json.loads((project_root / "docs" / "fpga" / f"{device}-{'mcu16-' * row.maps}{row.pes}.json").read_text())
    config = ArrayConfig(**report["config"])
    counted = array_block_rams(config, device_named(device)[0].block_rams)
    assert counted == (report["pe"]["block_rams"], report["shared"]["block_rams"])
    assert report["pe"]["multipliers"] == pe_multipliers(config)


def test_without_a_clock_an_array_with_fewer_cycles_is_the_better_one(project_root: Path) -> None:
    network = load(project_root / "examples" / "lenet-300-100.eie")
    inputs = np.ones((1, network.in_features), np.float32)
    base = ecp5_array(1)
    one, two = fits(network, inputs, base, *device_named("xc7z020"), sizes=(1, 2))
    assert (one.clock_mhz, one.per_second, one.config.clock_mhz) == (None, 0.0, base.clock_mhz)
    assert one.cycles > two.cycles > 0
    assert two.rank > one.rank == 1 / one.cycles


def test_a_family_that_nobody_measured_is_refused(project_root: Path) -> None:
    network = load(project_root / "examples" / "lenet-300-100.eie")
    inputs = np.ones((1, network.in_features), np.float32)
    flow, device = device_named("ecp5-25k")
    with pytest.raises(EieError, match="what fits on ecp5-25k is not known: no array was measured on its family"):
        next(fits(network, inputs, ecp5_array(1), replace(flow, measured=()), device))


def test_a_whole_network_on_arrays_with_maps() -> None:
    """Three multipliers in each PE; memories and cycles of the compiled network; lookup tables of its like."""
    inputs = np.random.default_rng(0).normal(size=(2, 48)).astype(np.float32)
    network = calibrate(whole_network(), inputs)
    flow, device = device_named("ecp5-25k")
    measured = (*MEASURED, Measured(pes=4, comb_pe=200, comb_shared=30, fmax_mhz=70.0, maps=True))
    flow = replace(flow, measured=measured)
    fitting, refused = fits(network, inputs, MAP_ARRAY, flow, device, (4, 10))
    assert (fitting.multipliers, fitting.comb, fitting.clock_mhz) == (12, 830, 70.0)
    image = build_image(network, fitting.config)
    assert fitting.cycles == run_image(image, inputs).cycles_per_input
    assert refused.misfits[0].startswith("10 PEs need 30 multipliers (MULT18X18D), ecp5-25k has 28")
    with pytest.raises(EieError, match="what fits on ecp5-25k is not known: no array with maps was measured"):
        next(fits(network, inputs, MAP_ARRAY, replace(flow, measured=MEASURED), device))


def test_a_size_that_cannot_hold_a_network_says_why() -> None:
    wide = make_layer(1, (1, 1, 1, 1), 1.0, convolution=Convolution())
    graph = Graph(input_shape=(1, 256, 256), nodes=(Node(ApplyLayer(), (0,)),))
    inputs = np.ones((1, 1 << 16), np.float32)
    network = calibrate(CompressedNetwork(layers=(wide,), graph=graph), inputs)
    flow, device = device_named("ecp5-85k")
    flow = replace(flow, measured=(Measured(pes=1, comb_pe=200, comb_shared=30, fmax_mhz=70.0, maps=True),))
    (found,) = fits(network, inputs, MAP_ARRAY, flow, device, (1,))
    assert (found.cycles, found.block_rams) == (0, 0)
    assert found.misfits[0].startswith("1 PEs: the network needs 65536 local rows of activations")
