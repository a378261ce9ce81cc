"""sim/simulation/prepare.py: a network and its inputs, calibrated where the file is not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sim.cli import main
from sim.simulation.prepare import load_with_inputs
from sw.file.model_file import load, save
from sw.network.calibrate import calibrate
from tests.support.networks.network_file import write_network


def ones(shape: tuple[int, ...]) -> NDArray[np.float32]:
    return np.ones((2, *shape), np.float32)


@pytest.fixture
def plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A network without a calibration, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    write_network()
    save(replace(load(Path("net.eie")), calibration=None), Path("plain.eie"))
    return Path("plain.eie")


def test_inputs_that_are_made_calibrate_a_network_that_needs_it(plain: Path) -> None:
    network, inputs, calibrated_here = load_with_inputs(plain, ones)
    assert (inputs.shape, inputs.dtype, calibrated_here) == ((2, 40), np.float32, True)
    wanted = calibrate(load(plain), np.ones((2, 40), np.float32)).calibration
    assert network.calibration is not None
    assert wanted is not None
    np.testing.assert_array_equal(network.calibration.activations, wanted.activations)
    kept, _, calibrated_here = load_with_inputs(Path("net.eie"), ones)
    assert not calibrated_here
    assert kept.calibration is not None
    assert (kept.calibration.activations != wanted.activations).any()


@pytest.mark.parametrize(
    ("command", "inputs"),
    [
        (["fpga", "--fit", "plain.eie", "--pes", "4"], 16),
        (["fpga", "--fit", "plain.eie", "--pes", "4", "--input", "x.npy"], 3),
        (["plan", "plain.eie", "--input", "x.npy"], 3),
    ],
)
def test_commands_say_that_they_calibrated(
    plain: Path, command: list[str], inputs: int, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(command) == 0
    wanted = f"{plain} has no calibration: binary points are chosen from these {inputs} inputs"
    assert capsys.readouterr().err.count(wanted) == 1
