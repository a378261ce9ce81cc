"""sim/commands/baseline.py: `eie baseline` as a user runs it, on this CPU and on a fake GPU, and what it refuses."""

import json
from datetime import datetime
from pathlib import Path

import pytest

import sim.commands.baseline
from model.config import PRESETS
from sim.baseline.gpu import gpu
from sim.cli import main
from sim.commands.baseline import thread_counts
from sim.computer import usable_threads
from sim.paper import PAPER_LAYERS
from sim.simulation.paper_layers import run_layer
from tests.support.networks.fake_torch import LAUNCH_MS, FakeGpu, FakeNvml
from tests.support.tools.commands import Run, runner

QUICK = ("--layer", "NT-LSTM", "--pes", "16", "--repeats", "3", "--seconds", "0.01")


@pytest.fixture
def baseline(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `eie baseline` and returns (exit code, standard output, error stream)."""
    return runner(capsys, "baseline")


@pytest.fixture
def fake_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU that there is not, with energy."""
    monkeypatch.setattr(sim.commands.baseline, "gpu", lambda: gpu(FakeGpu().torch(), FakeNvml()))


def test_cpu_prints_the_machine_tables_and_remarks(baseline: Run) -> None:
    code, out, err = baseline("cpu", *QUICK, "--batch", "1,2", "--threads", "1")
    assert code == 0
    assert err.splitlines() == ["timing 1 of 9 layers", "simulating NT-LSTM on 16 PEs", "timing NT-LSTM"]
    lines = out.splitlines()
    assert "usable thread" in lines[0]
    assert "numpy " in lines[0]
    assert lines[1] == "beside it eie64, 16 PEs at 800 MHz, simulated, one frame at a time"
    assert "batch 1, 1 thread" in lines
    assert "batch 2, 1 thread" in lines
    for library in ("numpy dense", "scipy CSR"):
        assert any(line.startswith("NT-LSTM") and library in line for line in lines)
        assert any(line.startswith(f"{library}, batch 2, 1 thread") for line in lines)
    assert any(line.startswith("paper's i7-5930K dense, batch 1 ") for line in lines)
    assert any(line.startswith("The load average was ") for line in lines)
    assert '"array" is how many times faster the array is: below 1 it is slower.' in lines


def test_cpu_json_and_file_hold_the_same(baseline: Run, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    code, out, _ = baseline("cpu", *QUICK, "--batch", "1", "--threads", "1,all", "-o", str(path), "--json")
    assert code == 0
    result = json.loads(out)
    assert json.loads(path.read_text()) == result
    assert datetime.fromisoformat(result["machine"]["date"]).tzinfo is not None
    assert result["machine"]["cpu"]
    assert result["config"] == PRESETS["eie64"].with_(pes=16).to_dict()
    assert (result["seed"], result["repeats"], result["seconds"]) == (1, 3, 0.01)
    (layer,) = result["layers"]
    simulated = run_layer(PAPER_LAYERS["NT-LSTM"], PRESETS["eie64"].with_(pes=16), 1)
    assert (layer["array_us"], layer["weights"]) == (simulated.metrics.microseconds, simulated.weights)
    dense = [timing for timing in layer["timings"] if timing["library"] == "numpy"]
    assert [timing["threads"] for timing in dense] == sorted({1, usable_threads()})
    for timing in layer["timings"]:
        assert timing["runs"] == 3
        assert timing["minimum_us"] <= timing["lower_quartile_us"] <= timing["median_us"]
        assert timing["median_us"] <= timing["upper_quartile_us"] <= timing["maximum_us"]
        assert timing["speed_up"] == pytest.approx(timing["median_us"] / layer["array_us"])
        assert timing["paper_us"] == PAPER_LAYERS["NT-LSTM"].platform_us["cpu_batch_1"][timing["form"] == "CSR"]


@pytest.mark.usefixtures("fake_gpu")
def test_gpu_prints_and_writes_its_name_and_energy(baseline: Run, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    code, out, _ = baseline("gpu", *QUICK, "-o", str(path))
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "Fake GPU, 8 GiB; torch 9.9, cuda 99.0, driver 555.1"
    assert lines[-1] == f"written to {path}"
    assert "Energy is that of the whole board (NVML)." in lines
    assert any(line.startswith("paper's Titan X CSR, batch 64") for line in lines)
    result = json.loads(path.read_text())
    assert result["gpu"] == {
        "name": "Fake GPU",
        "memory_bytes": 8 << 30,
        "versions": {"torch": "9.9", "cuda": "99.0", "driver": "555.1"},
    }
    assert result["machine"]["date"]
    timings = result["layers"][0]["timings"]
    assert [(timing["form"], timing["batch"]) for timing in timings] == [
        ("dense", 1),
        ("CSR", 1),
        ("dense", 64),
        ("CSR", 64),
    ]
    assert [timing["median_us"] for timing in timings] == [1000 * LAUNCH_MS] * 2 + [1000 * LAUNCH_MS / 64] * 2
    assert all(timing["microjoules"] > 0 for timing in timings)


def test_no_gpu_is_one_sentence_and_exit_code_2(baseline: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sim.commands.baseline, "gpu", lambda: gpu(FakeGpu().torch(cuda=False)))
    sentence = "error: a GPU is reached through torch with CUDA, and torch 9.9 finds no CUDA device\n"
    assert baseline("gpu", "-o", str(tmp_path / "result.json")) == (2, "", sentence)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--layer", "Alex-9"], f"no layer 'Alex-9'; layers: {', '.join(PAPER_LAYERS)}"),
        (["--batch", "0"], "--batch wants numbers from 1 to 100000, separated by commas, got '0'"),
        (["--batch", "1,,64"], "--batch wants numbers from 1 to 100000, separated by commas, got '1,,64'"),
        (["--batch", "1e3"], "--batch wants numbers from 1 to 100000, separated by commas, got '1e3'"),
        (["--threads", "some"], "--threads wants \"all\" or numbers from 1 to 100000, separated by commas, got 'some'"),
        (
            ["--threads", "all,-1"],
            "--threads wants \"all\" or numbers from 1 to 100000, separated by commas, got 'all,-1'",
        ),
        (["--repeats", "0"], "--repeats must be between 1 and 100000, got 0"),
        (["--seconds", "0"], "--seconds must be a finite number above 0, got 0"),
        (["--seconds", "nan"], "--seconds must be a finite number above 0, got nan"),
        (["--seed", "-1"], "--seed must be 0 or more, got -1"),
        (
            ["--preset", "eie65"],
            "no preset 'eie65'; presets: eie64, balanced64, tiny4, ecp5_1, ecp5_4, ecp5_16, mcu16, mcu32",
        ),
        (["-o", "no/such/folder.json"], "cannot write no/such/folder.json: No such file or directory"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_sentence_and_exit_code_2(baseline: Run, arguments: list[str], sentence: str) -> None:
    assert baseline("cpu", *arguments) == (2, "", f"error: {sentence}\n")


def test_numbers_come_once_and_in_order() -> None:
    assert thread_counts("2, 1,2") == [2, 1]
    assert thread_counts("all") == [usable_threads()]
    assert thread_counts(f"all,{usable_threads()}") == [usable_threads()]


def test_listed_in_the_help_and_helps_alone(baseline: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    listed = " ".join(capsys.readouterr().out.split())
    assert "baseline Time layers of the paper, or a network, on this computer." in listed
    code, out, _ = baseline()
    assert code == 0
    assert "Usage: eie baseline [OPTIONS] COMMAND [ARGS]..." in out
