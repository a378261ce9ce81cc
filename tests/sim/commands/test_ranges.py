"""sim/simulation/ranges.py: every command that runs inputs says what left a range, and goes on."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sw.file.model_file import load, save
from tests.support.networks.network_file import write_network
from tests.support.tools.commands import Run, runner

ARRAY = ("--pes", "4")
SATURATED = "warning: 1 of 3 inputs were saturated to 16 bits; calibrate on such inputs"
OVERFLOWED = "inputs, whose outputs are wrong; calibrate on such inputs"
FAR = ("net.eie", "--input", "far.npy", *ARRAY)


@pytest.fixture
def eie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """In a folder with a network and three inputs, of which one is far from the calibration."""
    monkeypatch.chdir(tmp_path)
    write_network()
    inputs = np.load("x.npy")
    inputs[1] = 3
    np.save("far.npy", inputs)
    return runner(capsys)


@pytest.mark.parametrize(
    "command",
    [
        ("simulate", *FAR),
        ("run", *FAR, "-o", "y.npy"),
        ("queue", *FAR),
        ("report", *FAR, "-o", "page.html"),
        ("sweep", *FAR[:3], "--preset", "tiny4", "--jobs", "1", "-o", "found.csv"),
    ],
)
def test_said_by_every_command(eie: Run, command: tuple[str, ...]) -> None:
    code, out, err = eie(*command, "--json")
    found = json.loads(out)
    assert code == 0
    assert SATURATED in err
    assert (found["saturated_inputs"], found["overflows"]) == (1, 0)
    near = ["x.npy" if word == "far.npy" else word for word in command]
    code, out, err = eie(*near, "--json")
    assert (code, "warning" in err, json.loads(out)["saturated_inputs"]) == (0, False, 0)


@pytest.mark.parametrize(("index", "hit"), [(0, 0), (1, 1)])
def test_a_trace_speaks_of_its_own_input(eie: Run, index: int, hit: int) -> None:
    code, out, err = eie("trace", *FAR, "--index", str(index), "-o", "t.json", "--json")
    assert (code, json.loads(out)["saturated_inputs"]) == (0, hit)
    assert ("warning: 1 of 1 inputs were saturated" in err) == bool(hit)


def test_a_run_goes_on_behind_an_overflow(eie: Run) -> None:
    network = load(Path("net.eie"))
    assert network.calibration is not None
    sums = network.calibration.partial_sums / np.float32(1 << 14)  # a fraction: sums get more bits behind the point
    save(replace(network, calibration=replace(network.calibration, partial_sums=sums)), Path("net.eie"))
    code, out, err = eie("run", *FAR, "-o", "y.npy", "--json")
    assert code == 0
    assert f"warning: an accumulator overflowed for 1 of 3 {OVERFLOWED}" in err
    assert json.loads(out)["overflows"] == 1
    code, out, _ = eie("simulate", *FAR, "-o", "z.npy", "--json")
    assert (code, json.loads(out)["overflows"]) == (0, 1)
    np.testing.assert_array_equal(np.load("y.npy"), np.load("z.npy"))
