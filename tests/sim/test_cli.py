"""sim/cli.py: every command as a user runs it, what it prints, its JSON, and what it does with bad input."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import sim.rtl.cosim
from model.config import PRESETS, load_config
from model.errors import SimulatorError
from model.image import NetworkImage
from model.registers import PeCounter
from sim.cli import COMMANDS, main
from sim.rtl.cosim import RtlResult
from sim.rtl.simulators import SimulatorName
from sim.simulation.image_run import run_image
from sw.file.model_file import load
from sw.formats.network_file import load_network
from tests.support.hw.rtl import simulators

ROOT = Path(__file__).parents[2]
HEAVY = {"numpy", "numba", "scipy", "amaranth", "safetensors", "rich", "yaml", "torch"}


Run = Callable[..., tuple[int, str, str]]


def test_compress_prints_sizes_and_total(eie: Run, folder: Path) -> None:
    code, out, err = eie(
        "compress", "net.safetensors", "-o", "a.eie", "--density", "fc1=0.25,fc2=0.5", "--code-bits", "3"
    )
    assert code == 0
    size = (folder / "a.eie").stat().st_size
    assert f"{size} bytes on disk" in out
    assert "compressing net.safetensors" in err
    layers = load(folder / "a.eie").layers
    assert [layer.positions.size for layer in layers] == [27, 22]
    assert [layer.code_bits for layer in layers] == [3, 3]


def test_compress_json(eie: Run, folder: Path) -> None:
    code, out, _ = eie("compress", "net.safetensors", "-o", "a.eie", "--threshold", "0.5", "--json")
    assert code == 0
    report = json.loads(out)
    assert report["bytes"] == (folder / "a.eie").stat().st_size
    assert report["float32_bytes"] == 4 * (12 * 9 + 9 + 9 * 5 + 5)
    assert report["ratio"] == pytest.approx(report["float32_bytes"] / report["bytes"])
    assert [layer["name"] for layer in report["layers"]] == ["fc1", "fc2"]
    weights = load_network(folder / "net.safetensors").layers[0].weight
    assert report["layers"][0]["kept"] == np.count_nonzero(np.abs(weights) >= 0.5)
    assert not report["calibrated"]


def test_inspect(eie: Run, folder: Path) -> None:
    code, out, _ = eie("inspect", "net.eie")
    assert code == 0
    assert "12 -> 9" in out
    assert "calibrated: " in out
    assert "not calibrated" in eie("inspect", "plain.eie")[1]
    described = json.loads(eie("inspect", "net.eie", "--json")[1])
    assert described["shapes"] == [[9, 12], [5, 9]]
    assert described["relu"] == [True, False]
    assert described["bytes"] == (folder / "net.eie").stat().st_size


def test_decompress_gives_the_shared_weights_exactly(eie: Run, folder: Path) -> None:
    code, out, _ = eie("decompress", "net.eie", "-o", "out.safetensors", "--json")
    assert code == 0
    assert json.loads(out)["bytes"] == (folder / "out.safetensors").stat().st_size
    tensors = load_file(folder / "out.safetensors")
    for layer in load(folder / "net.eie").layers:
        np.testing.assert_array_equal(tensors[f"{layer.name}.weight"], layer.dense())
        np.testing.assert_array_equal(tensors[f"{layer.name}.bias"], layer.bias)


def test_simulate_prints_cycles_and_writes_outputs(eie: Run, folder: Path) -> None:
    code, out, err = eie("simulate", "net.eie", "--input", "x.npy", "--preset", "tiny4", "-o", "y.npy")
    assert code == 0
    assert "total" in out
    assert "no calibration" not in err
    outputs = np.load(folder / "y.npy")
    assert outputs.dtype == np.float32
    expected = load(folder / "net.eie").to_network().forward(np.load(folder / "x.npy"))
    np.testing.assert_allclose(outputs, expected, atol=2e-3)


def test_simulate_json_sums_layers(eie: Run) -> None:
    code, out, err = eie("simulate", "plain.eie", "--input", "x.npy", "--pes", "3", "--json")
    assert code == 0
    assert "plain.eie has no calibration: binary points are chosen from these 3 inputs" in err
    report = json.loads(out)
    assert report["config"]["pes"] == 3
    assert report["config"]["name"] == "eie64"
    assert report["calibrated_on_inputs"]
    assert [layer["name"] for layer in report["layers"]] == ["fc1", "fc2"]
    for figure in ("cycles", "stalls", "entries", "fillers"):
        assert report["total"][figure] == pytest.approx(sum(layer[figure] for layer in report["layers"]))
    for figures in [*report["layers"], report["total"]]:
        phases = figures["compute_cycles"] + figures["drain_cycles"] + figures["write_back_cycles"]
        assert figures["cycles"] == pytest.approx(phases)
        assert 0 < figures["useful_efficiency"] <= figures["balance"] <= 1
    assert report["microseconds"] == pytest.approx(report["total"]["cycles"] / 800)


def test_simulate_warns_of_inputs_beyond_the_calibrated_range(eie: Run, folder: Path) -> None:
    inputs = np.load(folder / "x.npy")
    inputs[1, 3] = -1000
    np.save(folder / "far.npy", inputs)
    code, out, err = eie("simulate", "net.eie", "--input", "far.npy", "--json")
    assert code == 0
    assert json.loads(out)["saturated_inputs"] == 1
    assert "warning: 1 of 3 inputs were saturated to 16 bits" in err
    _, out, err = eie("simulate", "net.eie", "--input", "x.npy", "--json")
    assert json.loads(out)["saturated_inputs"] == 0
    assert "warning" not in err


def test_outputs_do_not_depend_on_the_array(eie: Run, folder: Path) -> None:
    results = []
    for number, options in enumerate((["--pes", "1"], ["--pes", "5"], ["--preset", "balanced64"], ["--set", "pes=4"])):
        assert eie("simulate", "net.eie", "--input", "x.npy", "-o", f"{number}.npy", *options)[0] == 0
        results.append(np.load(folder / f"{number}.npy"))
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)


@pytest.mark.parametrize("simulator", simulators(slow=["verilator"]))
def test_verify_finds_rtl_and_model_equal(eie: Run, simulator: SimulatorName) -> None:
    code, out, err = eie("verify", "net.eie", "--input", "x.npy", "--preset", "tiny4", "--sim", simulator, "--json")
    assert code == 0, err
    report = json.loads(out)
    assert report["equal"]
    assert report["rtl_cycles"] == report["model_cycles"]
    assert len(report["comparisons"]) == 14
    assert all(item["difference"] is None and item["compared"] for item in report["comparisons"])


@pytest.mark.parametrize("quantity", ["values", "cycles", "entries"])
def test_verify_reports_the_first_difference(eie: Run, monkeypatch: pytest.MonkeyPatch, quantity: str) -> None:
    def faulty(image: NetworkImage, activations: np.ndarray, simulator: str, **_: object) -> RtlResult:
        runs = run_image(image, np.load("x.npy")).runs
        result = RtlResult(
            outputs=np.array([run.outputs[image.output_order] for run in runs]),
            cycles=[run.cycles for run in runs],
            broadcasts=[run.broadcasts for run in runs],
            stalls=[run.stalls for run in runs],
            overflow=[run.overflow for run in runs],
            counters=[run.counters.copy() for run in runs],
            seconds=1.0,
            simulated_cycles=1,
        )
        if quantity == "values":
            result.outputs[1, 2] += 1
        elif quantity == "cycles":
            result.cycles[1] += 1
        else:
            result.counters[1][PeCounter.ENTRIES, 2] += 1
        return result

    monkeypatch.setattr(sim.rtl.cosim, "run_rtl", faulty)
    code, out, _ = eie("verify", "net.eie", "--input", "x.npy", "--preset", "tiny4", "--json")
    assert code == 1
    report = json.loads(out)
    assert not report["equal"]
    wrong = [item for item in report["comparisons"] if item["difference"] is not None]
    assert [item["quantity"] for item in wrong] == [quantity]
    assert wrong[0]["difference"].startswith("input 1")
    code, out, _ = eie("verify", "net.eie", "--input", "x.npy", "--preset", "tiny4")
    assert code == 1
    assert "1 of" in out


def test_verify_exits_1_if_the_rtl_hangs(eie: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def hanging(*_: object, **__: object) -> None:
        raise SimulatorError("cycle 100000: no output")

    monkeypatch.setattr(sim.rtl.cosim, "run_rtl", hanging)
    code, out, err = eie("verify", "net.eie", "--input", "x.npy", "--preset", "tiny4")
    assert (code, out) == (1, "")
    assert err.splitlines()[-1] == "error: the RTL gave no answer: cycle 100000: no output"


def test_verilog(eie: Run, folder: Path) -> None:
    code, out, _ = eie("verilog", "--preset", "tiny4", "--set", "queue_depth=2", "-o", "rtl", "--json")
    assert code == 0
    report = json.loads(out)
    assert report["config"]["queue_depth"] == 2
    assert set(report["files"]) == {path.name for path in (folder / "rtl").iterdir()}
    assert {"eie_array.v", "eie_pe.v"} <= set(report["files"])


def test_config_round_trips_through_toml(eie: Run, folder: Path) -> None:
    assert eie("config", "--preset", "balanced64", "--pes", "7", "-o", "mine.toml")[0] == 0
    assert load_config(folder / "mine.toml") == PRESETS["balanced64"].with_(pes=7)
    assert (
        json.loads(eie("config", "--config", "mine.toml", "--json")[1]) == load_config(folder / "mine.toml").to_dict()
    )
    code, out, _ = eie("config")
    assert code == 0
    assert "sparse_matrix_depth" in out


def test_version_and_help(eie: Run) -> None:
    code, out, _ = eie("--version")
    assert (code, out.split()[0]) == (0, "eie")
    code, out, _ = eie()
    assert code == 0
    assert "..." not in out.replace("[ARGS]...", "")


def test_every_command_is_a_module_with_the_sentence_of_its_help(eie: Run, project_root: Path) -> None:
    files = {path.stem for path in (project_root / "sim" / "commands").glob("*.py")} - {"__init__", "demo"}
    assert set(COMMANDS) == files
    listed = eie("--help")[1]
    for name, sentence in COMMANDS.items():
        assert f"  {name} " in listed
        code, out, err = eie(name, "--help")
        assert (code, err) == (0, "")
        assert " ".join(sentence.split()) in " ".join(out.split())


def test_the_older_spelling_of_an_option_is_taken(eie: Run) -> None:
    assert eie("simulate", "net.eie", "--inputs", "x.npy", "--pes", "4")[0] == 0
    assert "--inputs" not in eie("simulate", "--help")[1]


def test_a_shell_completes_names_and_imports_no_command_for_them() -> None:
    environment = {**os.environ, "_EIE_COMPLETE": "complete_bash", "COMP_WORDS": "eie s", "COMP_CWORD": "1"}
    command = [sys.executable, "-X", "importtime", "-m", "sim.cli"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["study", "simulate", "sweep"]
    assert "sim.commands" not in done.stderr


def test_help_waits_for_nothing_heavy() -> None:
    script = (
        f"import sys, eie, sim.cli\nassert sim.cli.main(['--help']) == 0\nprint(sorted({HEAVY} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_interrupt_exits_130(eie: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sim.commands.compress.compress", interrupted)
    assert eie("compress", "net.safetensors", "-o", "a.eie")[0] == 130


def test_as_a_program(folder: Path) -> None:
    command = [str(Path(sys.executable).parent / "eie"), "inspect", "truncated.eie"]
    (folder / "truncated.eie").write_bytes((folder / "net.eie").read_bytes()[:-1])
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: truncated.eie")
    assert "Traceback" not in done.stderr


def test_a_home_that_takes_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert main(["config"]) == 0
    assert os.environ["XDG_CACHE_HOME"] == str(tmp_path / "cache")
    monkeypatch.setenv("HOME", "/proc")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert main(["config"]) == 0
    assert Path(os.environ["XDG_CACHE_HOME"]).is_dir()
