"""sim/cli.py: every command as a user runs it, what it prints, its JSON, and what it does with bad input."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

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

FEATURES = (12, 9, 5)
ROOT = Path(__file__).parents[2]
HEAVY = {"numpy", "numba", "scipy", "amaranth", "safetensors", "rich", "yaml", "torch"}
INPUTS = 3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small network, its inputs, and the network compressed with and without calibration."""
    rng = np.random.default_rng(1)
    tensors: dict[str, np.ndarray] = {}
    for layer, (size, outputs) in enumerate(pairwise(FEATURES), start=1):
        tensors[f"fc{layer}.weight"] = rng.normal(size=(outputs, size)).astype(np.float32)
        tensors[f"fc{layer}.bias"] = rng.normal(size=outputs).astype(np.float32)
    save_file(tensors, tmp_path / "net.safetensors")
    np.save(tmp_path / "x.npy", rng.uniform(0, 1, (INPUTS, FEATURES[0])).astype(np.float32))
    compress = ["compress", str(tmp_path / "net.safetensors"), "--density", "0.5"]
    assert main([*compress, "-o", str(tmp_path / "plain.eie")]) == 0
    assert main([*compress, "-o", str(tmp_path / "net.eie"), "--calibrate", str(tmp_path / "x.npy")]) == 0
    return tmp_path


@pytest.fixture
def eie(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs one command in the folder and returns (exit code, standard output, error stream)."""
    monkeypatch.chdir(folder)
    capsys.readouterr()

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return run


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


@pytest.mark.parametrize("simulator", simulators())
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


def make_bad_files() -> None:
    good = Path("net.eie").read_bytes()
    Path("truncated.eie").write_bytes(good[:-7])
    Path("empty.eie").write_bytes(b"")
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 4
    Path("flipped.eie").write_bytes(flipped)
    weights = Path("net.safetensors").read_bytes()
    Path("truncated.safetensors").write_bytes(weights[:-5])
    Path("noise.safetensors").write_bytes(bytes(range(256)))
    layer = {"a.weight": np.ones((3, 4), np.float32)}
    save_file({"a.weight": np.ones((3, 4), np.float32) * np.nan}, "nan.safetensors")
    save_file({**layer, "b.weight": np.ones((3, 4), np.float32)}, "unchained.safetensors")
    save_file({"conv.weight": np.ones((3, 4, 2, 2, 2), np.float32)}, "conv.safetensors")
    save_file({"a.weight": np.ones((3, 4), np.int32)}, "integers.safetensors")
    np.save("wide.npy", np.zeros((2, 13), np.float32))
    np.save("nan.npy", np.full((1, 12), np.nan, np.float32))
    np.save("pickle.npy", np.array([[1, "a", None]], dtype=object))
    Path("bad.toml").write_text("pes = [")
    Path("unknown.toml").write_text("pe = 4")
    Path("mine.toml").write_text('preset = "tiny4"')
    Path("deep.toml").write_text("pes = " + "[" * 5000)


COMPRESS = ["compress", "net.safetensors", "-o", "OUT"]
SIMULATE = ["simulate", "net.eie", "-o", "OUT", "--input", "x.npy"]
BAD = [
    ["compress", "missing.safetensors", "-o", "OUT"],
    ["compress", "truncated.safetensors", "-o", "OUT"],
    ["compress", "noise.safetensors", "-o", "OUT"],
    ["compress", "nan.safetensors", "-o", "OUT"],
    ["compress", "unchained.safetensors", "-o", "OUT"],
    ["compress", "conv.safetensors", "-o", "OUT"],
    ["compress", "integers.safetensors", "-o", "OUT"],
    ["compress", ".", "-o", "OUT"],
    ["compress", "net.safetensors", "-o", "no/such/folder/OUT"],
    ["compress", "net.safetensors", "-o", "."],
    ["compress", "net.safetensors", "-o", "net.safetensors"],
    ["compress", "net.safetensors", "-o", "x.npy", "--calibrate", "x.npy"],
    ["decompress", "net.eie", "-o", "net.eie"],
    ["simulate", "net.eie", "--input", "x.npy", "-o", "./x.npy"],
    ["config", "--config", "mine.toml", "-o", "mine.toml"],
    ["simulate", "net.eie", "--input", ".", "-o", "OUT"],
    ["config", "--config", "deep.toml", "-o", "OUT"],
    [*COMPRESS, "--density", "2"],
    [*COMPRESS, "--density", "nan"],
    [*COMPRESS, "--density", "-0.1"],
    [*COMPRESS, "--density", "many"],
    [*COMPRESS, "--density", "fc1=0.1,fc1=0.2"],
    [*COMPRESS, "--density", "fc1=0.1,fc2"],
    [*COMPRESS, "--density", "fc9=0.1"],
    [*COMPRESS, "--threshold", "nan"],
    [*COMPRESS, "--threshold", "-1"],
    [*COMPRESS, "--density", "0.1", "--threshold", "0.1"],
    [*COMPRESS, "--code-bits", "0"],
    [*COMPRESS, "--code-bits", "9"],
    [*COMPRESS, "--code-bits", "four"],
    [*COMPRESS, "--calibrate", "wide.npy"],
    [*COMPRESS, "--calibrate", "missing.npy"],
    [*COMPRESS, "--no-such-option"],
    ["compress", "net.safetensors"],
    ["compress"],
    ["inspect", "missing.eie"],
    ["inspect", "truncated.eie"],
    ["inspect", "empty.eie"],
    ["inspect", "flipped.eie"],
    ["inspect", "net.safetensors"],
    ["inspect", "."],
    ["decompress", "flipped.eie", "-o", "OUT.npz"],
    ["decompress", "truncated.eie", "-o", "OUT.npz"],
    ["decompress", "net.eie", "-o", "no/such/OUT.npz"],
    ["simulate", "flipped.eie", "--input", "x.npy", "-o", "OUT"],
    ["simulate", "net.eie", "--input", "wide.npy", "-o", "OUT"],
    ["simulate", "net.eie", "--input", "nan.npy", "-o", "OUT"],
    ["simulate", "net.eie", "--input", "pickle.npy", "-o", "OUT"],
    ["simulate", "net.eie", "--input", "missing.npy", "-o", "OUT"],
    ["simulate", "net.eie", "--input", "x.npy", "-o", "no/such/OUT"],
    ["simulate", "net.eie"],
    [*SIMULATE, "--pes", "0"],
    [*SIMULATE, "--pes", "many"],
    [*SIMULATE, "--preset", "eie65"],
    [*SIMULATE, "--preset", "tiny4", "--config", "x.toml"],
    [*SIMULATE, "--config", "missing.toml"],
    [*SIMULATE, "--config", "bad.toml"],
    [*SIMULATE, "--config", "unknown.toml"],
    [*SIMULATE, "--set", "queue_depth=0"],
    [*SIMULATE, "--preset", "tiny4", "--set", "pointer_depth=4"],
    [*SIMULATE, "--set", "code_bits=3"],
    ["verify", "truncated.eie", "--input", "x.npy"],
    ["verify", "net.eie", "--input", "wide.npy"],
    ["verify", "net.eie", "--input", "x.npy", "--sim", "modelsim"],
    ["verilog", "--preset", "eie65", "-o", "OUT"],
    ["verilog", "--preset", "tiny4", "-o", "net.eie"],
    ["verilog"],
    ["verilog", "--preset", "tiny4", "--divisor", "99", "-o", "OUT"],
    ["config", "--preset", "eie65", "-o", "OUT"],
    ["config", "-o", "no/such/OUT"],
    ["no-such-command"],
]


@pytest.mark.parametrize("arguments", BAD, ids=" ".join)
def test_bad_input_is_one_sentence_and_exit_code_2(eie: Run, folder: Path, arguments: list[str]) -> None:
    make_bad_files()
    before = {path: path.read_bytes() for path in folder.iterdir()}
    code, out, err = eie(*arguments)
    assert code == 2
    assert out == ""
    sentences = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(sentences) == 1
    assert err.splitlines()[-1] == sentences[0]
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("command", [["config"], ["--help"], ["bench", "--layer", "NT-We"]])
def test_a_date_that_is_none(command: list[str]) -> None:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "abc"}
    words = [sys.executable, "-m", "sim.cli", *command]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: SOURCE_DATE_EPOCH must be seconds since 1970, got 'abc'\n"


def test_every_command_is_a_module_with_the_sentence_of_its_help(eie: Run, project_root: Path) -> None:
    files = {path.stem for path in (project_root / "sim" / "commands").glob("*.py")} - {"__init__", "demo"}
    assert set(COMMANDS) == files
    listed = eie("--help")[1]
    for name, sentence in COMMANDS.items():
        assert f"  {name} " in listed
        code, out, err = eie(name, "--help")
        assert (code, err) == (0, "")
        assert " ".join(sentence.split()) in " ".join(out.split())


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
