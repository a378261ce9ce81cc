"""sim/commands/accelergy.py: `eie accelergy` as a user runs it; its files hold the energy that other commands print."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from sim.cli import main
from tests.support.tools.accelergy import estimate
from tests.support.tools.sweep import ROOMY, chain, graph

Run = Callable[..., tuple[int, str, str]]
OPTIONS = ["--preset", "tiny4", *(word for name, value in ROOMY.items() for word in ("--set", f"{name}={value}"))]


@pytest.fixture
def eie(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `eie` and returns (exit code, standard output, error stream)."""

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def energy(folder: Path) -> float:
    """nJ, from the files alone."""
    counts, table = (yaml.safe_load((folder / name).read_text()) for name in ("action_counts.yaml", "ERT.yaml"))
    return sum(estimate(counts["action_counts"], table["ERT"]).values()) / 1000


@pytest.mark.parametrize("make", [chain, graph])
def test_a_networks_files_hold_the_energy_that_simulate_prints(
    eie: Run, tmp_path: Path, make: Callable[[Path], tuple[Path, Path]]
) -> None:
    network, inputs = make(tmp_path)
    run = (network, "--input", inputs, *OPTIONS)
    simulated: dict[str, Any] = json.loads(eie("simulate", *run, "--json")[1])
    code, out, err = eie("accelergy", *run, "-o", tmp_path / "new" / "whole")
    assert code == 0
    assert "has no calibration" in err
    total = simulated["total"]["energy"]["energy_nj"]
    assert f"{total:,.3f}" in out
    assert energy(tmp_path / "new" / "whole") == pytest.approx(total, rel=1e-12)
    for layer in simulated["layers"]:
        folder = tmp_path / layer["name"]
        assert eie("accelergy", *run, "--layer", layer["name"], "-o", folder)[0] == 0
        assert energy(folder) == pytest.approx(layer["energy"]["energy_nj"], rel=1e-12)
        assert (folder / "ERT.yaml").read_text().startswith(f"# small.eie, layer {layer['name']}, on tiny4, 4 PEs, in")


def test_a_layers_files_hold_the_energy_that_bench_prints(eie: Run, tmp_path: Path) -> None:
    run = ("--layer", "NT-LSTM", "--pes", 4, "--seed", 2)
    bench = json.loads(eie("bench", *run, "--json")[1])["layers"][0]
    code, out, err = eie("accelergy", "--bench", *run, "-o", tmp_path)
    assert code == 0
    assert err == "compressing and running NT-LSTM on 4 PEs\n"
    assert energy(tmp_path) == pytest.approx(bench["energy"]["energy_nj"], rel=1e-12)
    assert "\nNT-LSTM needs larger memories than eie64 has: it ran with activation_depth = 600.\n" in out
    assert out.endswith(f"{tmp_path}: architecture.yaml, action_counts.yaml, ERT.yaml\n")
    (design,) = yaml.safe_load((tmp_path / "architecture.yaml").read_text())["architecture"]["subtree"]
    parts = {part["name"]: part["attributes"] for part in design["subtree"][0]["local"]}
    assert parts["activation"]["depth"] == 1200


def test_json_says_the_same(eie: Run, tmp_path: Path) -> None:
    report = json.loads(eie("accelergy", "--bench", "--layer", "NT-We", "-o", tmp_path, "--json")[1])
    assert report["files"] == ["architecture.yaml", "action_counts.yaml", "ERT.yaml"]
    assert report["total_nj"] == pytest.approx(energy(tmp_path), rel=1e-12)
    assert sum(action["count"] * action["picojoules"] for action in report["actions"]) == pytest.approx(
        1000 * report["total_nj"]
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "wanted NET.eie with --input X.npy, or --bench with --layer"),
        (["net.eie"], "wanted NET.eie with --input X.npy, or --bench with --layer"),
        (["net.eie", "--input", "x.npy", "--bench"], "wanted NET.eie with --input X.npy, or --bench with --layer"),
        (["--bench"], "--bench wants --layer, one of Alex-6"),
        (["--bench", "--layer", "fc6"], "no layer 'fc6'; layers: Alex-6"),
        (["--bench", "--layer", "NT-We", "--seed", "-1"], "--seed must be 0 or more, got -1"),
        (["net.eie", "--input", "x.npy"], "cannot read net.eie: No such file or directory"),
        (["--bench", "--layer", "NT-We", "--technology", "no.toml"], "cannot read no.toml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    eie: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = eie("accelergy", *arguments, "-o", "files")
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {sentence}")
    assert not list(tmp_path.iterdir())


def test_other_refusals(eie: Run, tmp_path: Path) -> None:
    network, inputs = chain(tmp_path)
    code, out, err = eie("accelergy", network, "--input", inputs, "--layer", "fc6", "-o", tmp_path / "new")
    assert (code, out) == (2, "")
    assert err.endswith(f"error: {network} has no layer 'fc6'; layers: fc9, fc5\n")
    assert not (tmp_path / "new").exists()
    wanted = f"error: cannot write into {network}: wanted a folder, got a file\n"
    assert eie("accelergy", network, "--input", inputs, "-o", network) == (2, "", wanted)
