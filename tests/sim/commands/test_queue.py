"""sim/commands/queue.py:
`eie queue` as a user runs it: tables, plot, JSON, refusals; its figures against the engine.
"""

import json
from pathlib import Path

import pytest

from model.config import PRESETS
from sim.timeline.queue_depth import MOST_DEPTH
from sim.timeline.queue_figures import PARTS
from tests.support.networks.network_file import CONV_ARRAY, MAPS, write_conv_network, write_map_network, write_network
from tests.support.tools.commands import Run, runner

NETWORK = ("net.eie", "--input", "x.npy", "--pes", "4", "--set", "queue_depth=6")


@pytest.fixture
def eie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `eie` in a folder with a small network and three inputs: (exit code, standard output, error stream)."""
    monkeypatch.chdir(tmp_path)
    write_network()
    return runner(capsys)


def test_tables_and_plot(eie: Run) -> None:
    code, out, err = eie("queue", *NETWORK)
    assert code == 0
    assert err.splitlines()[:2] == ["laying out for 4 PEs", "net.eie: queues for 3 inputs"]
    lines = out.splitlines()
    assert lines[0] == "eie64, 4 PEs, queues of 6: slices in a queue during BROADCAST and DRAIN, mean of 3 inputs"
    head = ["layer", "cycles", "stalls", "some", "full", "mean", "fullest", "most", *map(str, range(7))]
    assert lines[1].split() == head
    assert [line.split()[0] for line in lines[3:5]] == ["fc1", "fc2"]
    start = lines.index(f"over time, in {PARTS} equal parts; full height is 6") + 1
    plots = lines[start : start + 4]
    assert [line[:14] for line in plots] == ["fc1  mean     ", "     fullest  ", "fc2  mean     ", "     fullest  "]
    assert all(len(line) == 14 + PARTS for line in plots)
    head = next(line for line in lines if line.startswith("layer") and "never full" in line)
    assert head.split()[-10:] == ["1", "2", "4", "6", "8", "16", "32", "64", "128", "256"]
    assert any(line.startswith("total") for line in lines)
    assert lines[-1].endswith("slots keep the network within 1 % of queues that are never full.")


def test_figures_are_those_of_simulate(eie: Run) -> None:
    report = json.loads(eie("queue", *NETWORK, "--json")[1])
    simulated = json.loads(eie("simulate", *NETWORK, "--json")[1])
    assert report["config"] == simulated["config"]
    assert (report["inputs"], report["network"], report["seed"]) == (3, "net.eie", None)
    for layer, wanted in zip(report["layers"], simulated["layers"], strict=True):
        assert layer["name"] == wanted["name"]
        assert layer["cycles"] == layer["cycles_by_depth"][5] == wanted["cycles"]
        assert layer["stalls"] == wanted["stalls"]
        assert layer["computing_cycles"] == pytest.approx(wanted["compute_cycles"] - 4 + wanted["drain_cycles"])
        holding = (1 - layer["share_by_held"][0]) * layer["computing_cycles"]
        assert wanted["balance"] * wanted["cycles"] < holding < layer["computing_cycles"]
        assert sum(layer["share_by_held"]) == pytest.approx(1)
        assert len(layer["share_by_held"]) == 7
        assert len(layer["mean_over_time"]) == len(layer["fullest_over_time"]) == PARTS
        assert layer["mean"] < layer["fullest"] <= layer["most"] <= 6
        assert layer["enlarged"] == {}
    total = report["total"]
    assert total["cycles_by_depth"][5] == pytest.approx(simulated["total"]["cycles"])
    assert len(total["cycles_by_depth"]) == MOST_DEPTH
    assert total["never_full_cycles"] == pytest.approx(sum(layer["never_full_cycles"] for layer in report["layers"]))


@pytest.mark.parametrize("loss", ["10%", "0.02", "0"])
def test_the_depth_is_what_simulate_needs(eie: Run, loss: str) -> None:
    total = json.loads(eie("queue", *NETWORK, "--loss", loss, "--json")[1])["total"]

    def cycles(depth: int) -> float:
        options = [*NETWORK[:-1], f"queue_depth={depth}"]
        return json.loads(eie("simulate", *options, "--json")[1])["total"]["cycles"]

    allowed = total["never_full_cycles"] * (1 + (0.1 if loss == "10%" else float(loss)))
    needed = total["needed_depth"]
    assert cycles(needed) <= allowed + 1e-9 < cycles(needed - 1)
    assert cycles(MOST_DEPTH) == pytest.approx(total["never_full_cycles"])


def test_a_network_with_convolutions(eie: Run) -> None:
    write_conv_network()
    options = ("conv.eie", "--input", "images.npy", *CONV_ARRAY)
    report = json.loads(eie("queue", *options, "--json")[1])
    simulated = json.loads(eie("simulate", *options, "--json")[1])
    for layer, wanted in zip(report["layers"], simulated["layers"], strict=True):
        for figure in ("name", "vectors", "cycles", "stalls"):
            assert layer[figure] == wanted[figure]
        assert max(layer["mean_over_time"]) <= layer["most"]
    assert report["layers"][0]["vectors"] > 1
    assert report["total"]["cycles_by_depth"][3] == pytest.approx(simulated["total"]["cycles"])
    assert eie("queue", *options)[1].splitlines()[1].split()[:3] == ["layer", "vectors", "cycles"]


def test_a_layer_of_the_paper(eie: Run) -> None:
    code, out, _ = eie("queue", "--bench", "--layer", "NT-LSTM", "--pes", "16", "--set", "activation_depth=100")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "eie64, 16 PEs, queues of 8: slices in a queue during BROADCAST and DRAIN"
    assert not any(line.startswith("total") for line in lines)
    assert any("slots keep NT-LSTM within 1 % of queues that are never full." in line for line in lines)
    assert "NT-LSTM needs larger memories than eie64 has: it ran with activation_depth = 150." in lines
    assert lines[-1] == "Uniformly random positions at the paper's densities, seed 1."


def test_a_layer_of_the_paper_is_that_of_bench_and_seeded(eie: Run) -> None:
    options = ("--bench", "--layer", "NT-LSTM", "--pes", "16", "--preset", "balanced64", "--json")
    first, again, other = (json.loads(eie("queue", *options, "--seed", seed)[1]) for seed in ("2", "2", "3"))
    assert first == again
    assert first["layers"] != other["layers"]
    assert (first["seed"], first["total"]) == (2, None)
    bench = json.loads(eie("bench", *options[1:], "--seed", "2")[1])["layers"][0]
    (layer,) = first["layers"]
    assert (layer["cycles"], layer["stalls"]) == (bench["cycles"], bench["stalls"])
    assert len(layer["share_by_held"]) == PRESETS["balanced64"].queue_depth + 1


def test_deep_queues_are_shown_in_ranges(eie: Run) -> None:
    _, out, _ = eie("queue", *NETWORK[:-1], "queue_depth=40")
    assert out.splitlines()[1].split()[-9:] == ["1", "2", "3", "4", "5-8", "9-16", "17-32", "33-39", "40"]
    _, out, _ = eie("queue", *NETWORK[:-1], "queue_depth=1")
    assert out.splitlines()[1].split()[-3:] == ["most", "0", "1"]


def test_more_slots_than_an_array_can_have(eie: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.timeline.queue_depth.MOST_DEPTH", 2)
    monkeypatch.setattr("sim.commands.queue.MOST_DEPTH", 2)
    monkeypatch.setattr("sim.commands.queue.DEPTHS", [1, 2])
    code, out, _ = eie("queue", *NETWORK[:-1], "queue_depth=2")
    assert code == 0
    sentence = "More than 2 slots are needed to keep the network within 1 % of queues that are never full."
    assert out.splitlines()[-1] == sentence
    assert "> 2" in out
    assert json.loads(eie("queue", *NETWORK[:-1], "queue_depth=2", "--json")[1])["total"]["needed_depth"] is None


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "wanted a network, NET.eie, or --bench: one of them, got none"),
        (["net.eie", "--bench"], "wanted a network, NET.eie, or --bench: one of them, got both"),
        (["net.eie"], "net.eie needs inputs: --input X.npy"),
        (["--bench", "--input", "x.npy"], "--input is for a network; the layers of --bench have inputs of their own"),
        (["net.eie", "--input", "x.npy", "--layer", "NT-We"], "--layer names layers of --bench; a network runs whole"),
        (["--bench", "--seed", "-1"], "--seed must be 0 or more, got -1"),
        (
            ["--bench", "--loss", "5"],
            "--loss wants a percentage such as 1%, or a fraction such as 0.01, below 1; got '5'",
        ),
        (["net.eie", "--input", "none.npy"], "cannot read none.npy: No such file or directory"),
        (["none.eie", "--input", "x.npy"], "cannot read none.eie: No such file or directory"),
        (["--bench", "--pes", "0"], "pes must be between 1 and 256, got 0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_sentence_and_exit_code_2(eie: Run, arguments: list[str], sentence: str) -> None:
    assert eie("queue", *arguments) == (2, "", f"error: {sentence}\n")


def test_no_layer_of_that_name(eie: Run) -> None:
    code, out, err = eie("queue", "--bench", "--layer", "fc6")
    assert (code, out) == (2, "")
    assert err.startswith("error: no layer 'fc6'; layers: Alex-6, ")


def test_listed_in_the_help(eie: Run) -> None:
    listed = " ".join(eie()[1].split())
    assert "queue Show what the activation queues hold, and the depth they need." in listed


def test_an_array_with_maps(eie: Run) -> None:
    write_map_network()
    code, out, _ = eie("queue", *MAPS, "--json")
    assert code == 0
    found = json.loads(out)
    for depth in (1, 4):
        simulated = json.loads(eie("simulate", *MAPS, "--set", f"queue_depth={depth}", "--json")[1])
        assert found["total"]["cycles_by_depth"][depth - 1] == simulated["total"]["cycles"]
        names = [layer["name"] for layer in simulated["layers"]]
        assert [layer["name"] for layer in found["layers"]] == names
    assert all(layer["vectors"] == 1 for layer in found["layers"])
