"""sim/commands/bench.py: `eie bench` as a user runs it: table, marks, notes, JSON, refusals."""

import json
import re
from math import prod
from pathlib import Path
from typing import Any

import pytest

from model.config import PRESETS
from sim.cli import main
from sim.commands.bench import PAPER_COLUMNS, TOLERANCE
from sim.energy.components import COMPONENTS
from sim.energy.events import Events
from sim.energy.technology import Technology
from sim.metrics.metrics import Metrics
from sim.metrics.tables import columns, headings
from sim.paper import PAPER_LAYERS, PaperLayer
from sim.simulation.paper_layers import BenchmarkRun
from tests.support.tools.commands import Run, runner


@pytest.fixture
def bench(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `eie bench` and returns (exit code, standard output, error stream)."""
    return runner(capsys, "bench")


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Cycles over ideal by layer name; runs cost nothing and have these."""
    ratios: dict[str, float] = {}

    def run(layer: PaperLayer, array: Any, seed: int, technology: Technology) -> BenchmarkRun:
        ratio = ratios.get(layer.name, layer.actual_over_ideal)
        counts = dict.fromkeys(Events.__dataclass_fields__, 8.0) | {"entries": 64000.0, "cycles": 1000 * ratio}
        metrics = Metrics(config=array, events=Events(**counts), technology=technology)
        return BenchmarkRun(layer=layer, enlarged={}, weights=1, metrics=metrics)

    monkeypatch.setattr("sim.simulation.bench.run_layer", run)
    return ratios


def test_table_has_a_row_per_layer_and_the_geometric_mean(bench: Run) -> None:
    code, out, err = bench("--layer", "NT-LSTM", "--pes", "4")
    assert code == 0
    assert err.splitlines() == ["running 1 of 9 layers on 4 PEs", "compressing and running NT-LSTM"]
    lines = out.splitlines()
    assert lines[0] == "eie64, 4 PEs at 800 MHz, against the paper's 64 PEs at 800 MHz"
    heads = ["layer", "in x out", *headings(columns("bench")), *PAPER_COLUMNS]
    assert lines[1].split() == " ".join(heads).split()
    row = next(line for line in lines if line.startswith("NT-LSTM")).split()
    assert row[1:4] == ["1201", "x", "2400"]
    assert row[-2:] == ["6.5", "7.5"]
    assert any(line.startswith("geometric mean") for line in lines)
    assert "NT-LSTM needs larger memories than eie64 has: it ran with activation_depth = 600 instead of 512." in lines


def test_json_says_the_same(bench: Run) -> None:
    code, out, _ = bench("--layer", "NT-We", "--layer", "NT-LSTM", "--set", "pes=16", "--seed", "3", "--json")
    assert code == 0
    report = json.loads(out)
    assert report["config"] == PRESETS["eie64"].with_(pes=16).to_dict()
    assert report["seed"] == 3
    assert [layer["name"] for layer in report["layers"]] == ["NT-We", "NT-LSTM"]
    for layer in report["layers"]:
        paper = PAPER_LAYERS[layer["name"]]
        assert layer["shape"] == [paper.outputs, paper.inputs]
        assert layer["ideal_cycles"] == pytest.approx(layer["entries"] / 16)
        assert layer["cycles_over_ideal"] == pytest.approx(layer["cycles"] / layer["ideal_cycles"])
        assert layer["microseconds"] == pytest.approx(layer["cycles"] / 800)
        assert layer["useful_efficiency"] == pytest.approx((layer["entries"] - layer["fillers"]) / 16 / layer["cycles"])
        assert layer["enlarged"] == {}
        energy = layer["energy"]
        assert list(energy["nanojoules"]) == list(COMPONENTS)
        assert energy["milliwatts"] == pytest.approx(sum(energy["nanojoules"].values()) / layer["microseconds"])
        assert energy["pj_per_useful_mac"] == pytest.approx(
            1000 * energy["energy_nj"] / (layer["entries"] - layer["fillers"])
        )
        assert energy["image_nj"] > 20e-3 * layer["weights"]
        assert (layer["paper_ideal_us"], layer["paper_actual_us"]) == (paper.ideal_us, paper.actual_us)
        assert layer["differs"] == (abs(layer["cycles_over_ideal"] - paper.actual_us / paper.ideal_us) > TOLERANCE)
    for figure, mean in report["geometric_means"].items():
        assert mean == pytest.approx(prod(layer[figure] for layer in report["layers"]) ** 0.5)


def test_a_layer_is_the_same_alone_and_among_others(bench: Run) -> None:
    options = ("--pes", "16", "--json")
    together = json.loads(bench("--layer", "NT-LSTM", "--layer", "NT-We", *options)[1])["layers"]
    alone = json.loads(bench("--layer", "NT-LSTM", *options)[1])["layers"]
    assert alone == together[1:]
    other = json.loads(bench("--layer", "NT-LSTM", "--seed", "2", *options)[1])["layers"]
    assert other[0]["cycles"] != alone[0]["cycles"]


def test_organisation_switches_reach_the_engine(bench: Run) -> None:
    plain, better = (
        json.loads(bench("--layer", "NT-We", "--preset", preset, "--json")[1])["layers"][0]
        for preset in ("eie64", "balanced64")
    )
    assert better["weights"] == plain["weights"]
    assert better["useful_efficiency"] > plain["useful_efficiency"] + 0.2


def test_what_differs_from_the_paper_by_more_than_the_tolerance_is_marked(
    bench: Run, planned: dict[str, float]
) -> None:
    paper = {name: layer.actual_over_ideal for name, layer in PAPER_LAYERS.items()}
    planned["Alex-7"] = paper["Alex-7"] + TOLERANCE - 0.001
    planned["VGG-7"] = paper["VGG-7"] + TOLERANCE + 0.001
    planned["NT-Wd"] = paper["NT-Wd"] - TOLERANCE - 0.001
    code, out, _ = bench()
    assert code == 0
    rows = [line.split() for line in out[: out.index("one frame at a time")].splitlines()]
    assert [row[0] for row in rows if row and row[0] in paper] == list(paper)
    assert [row[0] for row in rows if "*" in row[1:]] == ["VGG-7", "NT-Wd"]
    assert "* cycles/ideal differs from the paper's actual/ideal by more than 0.05." in out
    planned.clear()
    assert "*" not in bench()[1]


def test_layers_run_once_and_in_the_papers_order(bench: Run, planned: dict[str, float]) -> None:
    assert not planned
    _, out, _ = bench("--layer", "NT-We", "--layer", "Alex-6", "--layer", "NT-We", "--json")
    assert [layer["name"] for layer in json.loads(out)["layers"]] == ["Alex-6", "NT-We"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--layer", "Alex-9"], f"no layer 'Alex-9'; layers: {', '.join(PAPER_LAYERS)}"),
        (["--layer", "NT-We", "--layer", "vgg-6"], f"no layer 'vgg-6'; layers: {', '.join(PAPER_LAYERS)}"),
        (
            ["--preset", "eie65"],
            "no preset 'eie65'; presets: eie64, balanced64, tiny4, ecp5_1, ecp5_4, ecp5_16, mcu16, mcu32",
        ),
        (["--pes", "0"], "pes must be between 1 and 256, got 0"),
        (["--seed", "-1"], "--seed must be 0 or more, got -1"),
        (["--technology", "no.toml"], "cannot read no.toml: No such file or directory"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_sentence_and_exit_code_2(bench: Run, arguments: list[str], sentence: str) -> None:
    assert bench(*arguments) == (2, "", f"error: {sentence}\n")


def test_every_enlarged_memory_is_named(bench: Run) -> None:
    options = ("--preset", "tiny4", "--layer", "NT-LSTM")
    _, out, _ = bench(*options)
    enlarged = json.loads(bench(*options, "--json")[1])["layers"][0]["enlarged"]
    assert list(enlarged) == ["pointer_depth", "activation_depth", "constant_depth", "sparse_matrix_depth"]
    (note,) = (line for line in out.splitlines() if line.startswith("NT-LSTM needs"))
    for field, depth in enlarged.items():
        assert f"{field} = {depth} instead of {getattr(PRESETS['tiny4'], field)}" in note


def test_energy_of_each_layer_and_what_lies_outside_the_measured_memories(
    bench: Run, planned: dict[str, float]
) -> None:
    assert not planned
    _, out, _ = bench("--layer", "Alex-7", "--layer", "NT-We", "--set", "row_bits=1024")
    table = out[out.index("eie64, 64 PEs: energy in cmos45, nJ per input") :].splitlines()
    assert [line.split()[0] for line in table[3:5]] == ["Alex-7", "NT-We"]
    for name in ("Alex-7", "NT-We"):
        assert any(line.startswith(f"{name}: sparse matrix memory: 2,097,152 bytes, 1024 bits") for line in table)


def test_listed_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    line = r"^  bench +Run the layers of the EIE paper or MLPerf Tiny on an array\.$"
    assert re.search(line, capsys.readouterr().out, re.MULTILINE)


def test_mlperf_tiny_has_a_row_per_network_and_what_others_publish(bench: Run, tmp_path: Path) -> None:
    pytest.importorskip("tflite")
    from tests.support.files.tflite_suite import write_suite

    write_suite(tmp_path / "mlperf_tiny")
    options = ("--suite", "mlperf-tiny", "--data", str(tmp_path), "--samples", "2")
    code, out, err = bench(*options)
    assert code == 0
    assert err.splitlines()[0] == "running 5 networks on 16 PEs"
    lines = out.splitlines()
    assert lines[0] == "MLPerf Tiny on mcu16, 16 PEs at 80 MHz, all weights kept"
    assert [line.split()[0] for line in lines[3:8]] == ["AD", "KWS", "IC", "VWW", "SWW"]
    assert lines[7].split()[-9:] == ["-"] * 9
    assert any(line.startswith("VWW was not run: ") for line in lines)
    assert any("random inputs are not photographs" in line for line in lines)
    assert any(line.split()[:4] == ["KWS", "closed", "fpgaConvNet", "ZedBoard"] for line in lines)
    report = json.loads(bench(*options, "--json")[1])
    assert [each["task"] for each in report["networks"]] == ["AD", "KWS", "IC"]
    assert [each["task"] for each in report["not_run"]] == ["VWW", "SWW"]
    assert report["networks"][1]["right"]["samples"] == 40
    for each in report["networks"]:
        assert each["inferences_s"] == pytest.approx(80e6 / each["cycles"])
        assert each["inputs"] == 2
        assert f"{each['cycles']:,.1f}" in out or f"{each['cycles']:,.0f}" in out
    assert set(report["densities"].values()) == {1.0}
    pruned = json.loads(bench(*options, "--task", "AD", "--pruned", "--density", "linear=0.5", "--json")[1])
    (row,) = pruned["networks"]
    assert (row["task"], row["weights"]) == ("AD", 9)  # of 18
    assert any("50% of fully connected layers" in remark for remark in pruned["remarks"])
    narrow = json.loads(bench(*options, "--task", "KWS", "--set", "activation_bits=8", "--json")[1])
    assert narrow["networks"][0]["memory_bits"] < report["networks"][1]["memory_bits"]
    assert any(remark.startswith("Activations have 8 bits; a product") for remark in narrow["remarks"])
    smaller = json.loads(bench(*options, "--set", "layers=1", "--pes", "4", "--json")[1])
    assert smaller["config"]["pes"] == 4
    assert smaller["networks"][1]["enlarged"] == {"layers": 2}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "--suite mlperf-tiny needs --data DIR or EIE_DATA, the folder with mlperf_tiny/"),
        (["--data", "none"], "no folder none/mlperf_tiny: --data or EIE_DATA names the folder that holds mlperf_tiny/"),
        (
            ["--data", ".", "--reconstruct", "--scale-rows"],
            "--scale-rows makes layers that must stay as they are, wanted it without --reconstruct",
        ),
        (
            ["--data", ".", "--layer", "NT-We"],
            "--layer, --cpu and --gpu are of the paper's layers, --suite mlperf-tiny has none of them",
        ),
        (
            ["--data", ".", "--task", "KW"],
            "no task 'KW' in MLPerf Tiny; tasks: AD, KWS, IC, VWW, SWW",
        ),
        (
            ["--data", ".", "--preset", "eie64"],
            "whole networks take an array with maps, such as mcu16; eie64 has maps = false",
        ),
    ],
)
def test_mlperf_tiny_refuses_in_one_sentence(
    bench: Run, monkeypatch: pytest.MonkeyPatch, arguments: list[str], sentence: str
) -> None:
    monkeypatch.delenv("EIE_DATA", raising=False)
    assert bench("--suite", "mlperf-tiny", *arguments) == (2, "", f"error: {sentence}\n")


def test_samples_are_of_mlperf_tiny(bench: Run) -> None:
    code, _, err = bench("--samples", "3")
    assert (code, err) == (2, "error: --samples is of --suite mlperf-tiny, a layer of the paper has one input\n")


@pytest.mark.parametrize(
    "option", ["--task=KWS", "--pruned", "--density=first=1", "--reconstruct", "--scale-rows", "--this-cpu"]
)
def test_options_of_mlperf_tiny(bench: Run, option: str) -> None:
    sentence = "--task, --pruned, --density, --reconstruct, --scale-rows and --this-cpu are of --suite mlperf-tiny"
    assert bench(option) == (2, "", f"error: {sentence}\n")
