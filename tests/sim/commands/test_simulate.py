"""sim/commands/simulate.py: the energy that `eie simulate` says; its cycles are in tests/sim/test_cli.py."""

import json
from pathlib import Path

import numpy as np
import pytest

from sim.cli import main
from sim.energy.components import COMPONENTS
from sim.energy.technology import DEFAULT_TECHNOLOGY, load_technology
from sw.compress.pipeline import compress
from sw.file.model_file import save
from sw.network.calibrate import calibrate
from sw.network.integer_forward import run_integers
from sw.network.layer import Layer
from sw.network.network import Network
from tests.support.networks.random_networks import make_conv_network

PJ_PER_DRAM_BIT = load_technology().event("dram_bit")


@pytest.fixture
def simulate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A command that simulates a small network in an empty folder."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(2)
    weights = [rng.normal(size=shape).astype(np.float32) for shape in ((10, 8), (4, 10))]
    layers = [Layer(f"fc{n}", w, np.zeros(len(w), np.float32), relu=n == 0) for n, w in enumerate(weights)]
    inputs = rng.uniform(0, 1, (2, 8)).astype(np.float32)
    save(compress(Network(tuple(layers)), density=0.5, calibration=inputs), tmp_path / "net.eie")
    np.save("x.npy", inputs)
    return ["simulate", "net.eie", "--input", "x.npy", "--pes", "4"]


def test_energy_per_layer_and_in_total(simulate: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*simulate, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["technology"] == "cmos45"
    assert report["energy_remarks"] == []
    total, layers = report["total"]["energy"], [layer["energy"] for layer in report["layers"]]
    assert list(total["nanojoules"]) == list(COMPONENTS)
    for component in COMPONENTS:
        assert total["nanojoules"][component] == pytest.approx(sum(layer["nanojoules"][component] for layer in layers))
    assert total["energy_nj"] == pytest.approx(sum(total["nanojoules"].values()))
    assert total["milliwatts"] == pytest.approx(total["energy_nj"] / report["microseconds"])
    useful = report["total"]["useful_efficiency"] * 4 * report["total"]["cycles"]
    assert total["pj_per_useful_mac"] == pytest.approx(1000 * total["energy_nj"] / useful)
    assert total["image_nj"] == pytest.approx(sum(layer["image_nj"] for layer in layers))
    assert main(simulate) == 0
    out = capsys.readouterr().out
    assert "eie64, 4 PEs, mean of 2 inputs: energy in cmos45, nJ per input" in out
    (row,) = [line for line in out.splitlines() if line.startswith("total")][1:]
    assert f"{total['milliwatts']:.1f}" in row.split()
    assert f"{total['pj_per_useful_mac']:.1f}" in row.split()


def test_passes_of_a_network_too_large_for_the_memories(
    simulate: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Two layers of 9 and 13 pointers in a memory of 10."""
    assert main([*simulate, "-o", "whole.npy", "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    command = [*simulate, "--set", "pointer_depth=10"]
    assert main([*command, "-o", "passes.npy", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert np.load("passes.npy").tolist() == np.load("whole.npy").tolist()
    passes = report["passes"]
    assert [each["layers"] for each in passes] == [["fc0"], ["fc1 1/2"], ["fc1 2/2"]]
    assert [layer["name"] for layer in report["layers"]] == ["fc0", "fc1 1/2", "fc1 2/2"]
    assert sum(each["cycles"] for each in passes) == pytest.approx(report["total"]["cycles"])
    reloading = sum(each["load_cycles"] for each in passes[1:])
    assert report["cycles_with_reloading"] == report["total"]["cycles"] + reloading
    bits = [layer["energy"]["image_nj"] for layer in report["layers"]]
    assert [each["image_bits"] for each in passes] == pytest.approx([1000 * nj / PJ_PER_DRAM_BIT for nj in bits])
    assert (len(whole["passes"]), whole["cycles_with_reloading"]) == (1, whole["total"]["cycles"])
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "passes, because the memories do not hold the network at once" in out
    assert f"between the runs of an input: {report['cycles_with_reloading']:,.1f} cycles" in out
    assert main(simulate) == 0
    assert "passes" not in capsys.readouterr().out


def test_convolutions_position_by_position(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    inputs = np.random.default_rng(0).normal(size=(2, 2, 10, 9)).astype(np.float32)
    network = calibrate(make_conv_network(7), inputs)
    save(network, tmp_path / "conv.eie")
    np.save("x.npy", inputs)
    command = ["simulate", "conv.eie", "--input", "x.npy", "--preset", "tiny4", "--set", "code_bits=5"]
    command += ["--set", "activation_depth=64", "--set", "pointer_depth=512", "--set", "constant_depth=512"]
    command += ["--set", "sparse_matrix_depth=512"]
    assert main([*command, "-o", "y.npy", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["sequenced_by_host"] is True
    assert [(layer["name"], layer["vectors"]) for layer in report["layers"]] == [
        ("conv1", 90.0),
        ("conv2a", 15.0),
        ("conv2b", 30.0),
        ("ip1", 1.0),
        ("ip2", 1.0),
    ]
    assert report["total"]["cycles"] == pytest.approx(sum(layer["cycles"] for layer in report["layers"]))
    expected = run_integers(network, inputs).outputs.astype(np.float32)
    np.testing.assert_array_equal(np.load("y.npy"), expected)
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "The weights of a layer stay in the array while the host hands it one vector after another" in out
    assert "The host does max pooling, concatenate, ReLU, average pooling; it stores activations." in " ".join(
        out.split()
    )
    assert main(["verify", "conv.eie", "--input", "x.npy"]) == 2
    assert "layer conv1: the array takes codes of at most 4 bits, got 5" in capsys.readouterr().err


def test_another_technology_changes_the_energy_and_nothing_else(
    simulate: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("t.toml").write_text(DEFAULT_TECHNOLOGY.read_text().replace("value = 1.874", "value = 18.74"))
    reports: list[dict[str, object]] = []
    clocks: list[float] = []
    for options in ([], ["--technology", "t.toml"]):
        assert main([*simulate, "--json", *options]) == 0
        report = json.loads(capsys.readouterr().out)
        clocks.append(report["total"].pop("energy")["nanojoules"]["clock"])
        reports.append({"total": report["total"], "config": report["config"]})
    assert clocks[1] == pytest.approx(10 * clocks[0])
    assert reports[0] == reports[1]


def test_a_memory_outside_the_measured_ones_is_said(simulate: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*simulate, "--preset", "tiny4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum("lies outside the memories measured for cmos45" in line for line in lines) == 2


def test_bad_technology_is_one_sentence_before_any_work(
    simulate: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*simulate, "--technology", "none.toml", "-o", "y.npy"]) == 2
    assert capsys.readouterr() == ("", "error: cannot read none.toml: No such file or directory\n")
    assert not Path("y.npy").exists()


def test_the_technology_is_never_overwritten(simulate: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    Path("t.toml").write_text(DEFAULT_TECHNOLOGY.read_text())
    assert main([*simulate, "--technology", "t.toml", "-o", "t.toml"]) == 2
    assert capsys.readouterr().err == "error: cannot write t.toml: it is the input t.toml, which would be lost\n"
