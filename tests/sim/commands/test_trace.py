"""sim/commands/trace.py: `eie trace` as a user runs it: the file, its facts, windows, limits, refusals."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.config import PRESETS
from tests.support.networks.network_file import CONV_ARRAY, MAPS, write_conv_network, write_map_network, write_network
from tests.support.tools.commands import Run, runner

NETWORK = ("net.eie", "--input", "x.npy", "--pes", "4", "--set", "queue_depth=3")
TRACE = ("trace", *NETWORK, "-o", "t.json")


@pytest.fixture
def eie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `eie` in a folder with a small network and three inputs: (exit code, standard output, error stream)."""
    monkeypatch.chdir(tmp_path)
    write_network()
    return runner(capsys)


def traced(path: str = "t.json") -> dict[str, Any]:
    """The whole file, read strictly."""

    def refuse(constant: str) -> float:
        raise ValueError(constant)

    return json.loads(Path(path).read_text("ascii"), parse_constant=refuse)


def named(events: list[dict[str, Any]], category: str) -> list[dict[str, Any]]:
    return [event for event in events if event.get("cat") == category]


def test_the_file_and_what_is_said_of_it(eie: Run) -> None:
    code, out, err = eie(*TRACE)
    assert code == 0
    assert err.splitlines() == ["laying out for 4 PEs", "scheduling", "writing t.json"]
    trace, size = traced(), Path("t.json").stat().st_size
    # Perfetto looks for the unit at the beginning of the file.
    assert list(trace) == ["displayTimeUnit", "otherData", "traceEvents"]
    assert trace["displayTimeUnit"] == "ns"
    facts, events = trace["otherData"], trace["traceEvents"]
    cycles = facts["cycles"]
    written, times = out.splitlines()
    assert written == f"t.json: cycles 0 to {cycles - 1} of {cycles}, {len(events):,} events, {size / 1e6:.1f} MB"
    assert times == (
        "A cycle is 1.25 ns, its time at 800 MHz, each event in whole nanoseconds. "
        "Loading and unloading are left out. Open it in https://ui.perfetto.dev or chrome://tracing."
    )
    assert facts["of"] == "net.eie"
    assert (facts["clock_mhz"], facts["cycle_ns"], facts["seed"], facts["input"]) == (800, 1.25, None, 0)
    assert facts["config"] == PRESETS["eie64"].with_(pes=4, queue_depth=3).to_dict()
    layers = named(events, "layer")
    assert [layer["name"] for layer in layers] == ["fc1", "fc2"]
    assert sum(layer["args"]["cycles"] for layer in layers) == cycles
    assert layers[1]["ts"] == int(1.25 * layers[0]["args"]["cycles"]) / 1000
    assert Path("t.json").read_text().count("\n") == len(events) + 2


@pytest.mark.parametrize("index", [0, 2])
def test_sums_are_those_of_simulate(eie: Run, index: int) -> None:
    np.save("one.npy", np.load("x.npy")[index])
    simulated = json.loads(eie("simulate", "net.eie", "--input", "one.npy", *NETWORK[3:], "--json")[1])["layers"]
    assert eie(*TRACE, "--index", str(index))[0] == 0
    events = traced()["traceEvents"]
    layers = named(events, "layer")
    for layer, wanted in zip(layers, simulated, strict=True):
        begin = layer["args"]["cycle"]
        inside = [e for e in events if e["ph"] == "X" and begin <= e["args"]["cycle"] < begin + layer["args"]["cycles"]]
        assert layer["args"]["cycles"] == wanted["cycles"]
        assert layer["args"]["stalls"] == wanted["stalls"]
        assert sum(e["args"]["cycles"] for e in named(inside, "stall")) == wanted["stalls"]
        assert len(named(inside, "broadcast")) == wanted["broadcasts"]
        assert sum(e["args"]["entries"] for e in named(inside, "slice")) == wanted["entries"]
        assert sum(e["args"]["fillers"] for e in named(inside, "slice")) == wanted["fillers"]
        busy = sum(e["args"]["cycles"] for e in named(inside, "slice"))
        assert busy == pytest.approx(wanted["balance"] * 4 * wanted["cycles"])


def test_json_says_the_same(eie: Run) -> None:
    code, out, _ = eie(*TRACE, "--json", "--from", "10", "--cycles", "20")
    assert code == 0
    report, trace = json.loads(out), traced()
    assert report["made_by"]["command"].startswith("eie trace net.eie ")
    assert report == {
        "file": "t.json",
        "events": len(trace["traceEvents"]),
        "bytes": Path("t.json").stat().st_size,
        **trace["otherData"],
    }
    assert (report["from"], report["to"]) == (10, 29)


def test_a_window(eie: Run) -> None:
    assert eie(*TRACE, "--in-cycles", "--from", "10", "--cycles", "20")[0] == 0
    events = [event for event in traced()["traceEvents"] if event["ph"] != "M"]
    assert min(event["ts"] for event in events) == 0.010
    assert max(event["ts"] + event.get("dur", 0) for event in events) == pytest.approx(0.030)
    assert eie(*TRACE, "--in-cycles", "--cycles", "1000000")[0] == 0
    facts = traced()["otherData"]
    assert (facts["from"], facts["to"]) == (0, facts["cycles"] - 1)


def test_times(eie: Run) -> None:
    """At the clock, in cycles, and a cycle that is shorter than what viewers resolve."""
    _, out, err = eie(*TRACE, "--set", "clock_mhz=100")
    assert "A cycle is 10 ns, its time at 100 MHz, each event in whole nanoseconds." in out
    slow = named(traced()["traceEvents"], "phase")
    _, out, _ = eie(*TRACE, "--in-cycles")
    assert "A cycle is 1 ns, so that times are cycles." in out
    cycles = named(traced()["traceEvents"], "phase")
    for event, at_the_clock in zip(cycles, slow, strict=True):
        assert event["ts"] == event["args"]["cycle"] / 1000
        assert event["dur"] == event["args"]["cycles"] / 1000
        assert at_the_clock["dur"] == event["args"]["cycles"] / 100
    assert "shorter" not in err
    _, out, err = eie(*TRACE, "--set", "clock_mhz=2000")
    assert "A cycle is 1 ns, so that times are cycles." in out
    assert err.splitlines()[-1] == "viewers keep whole nanoseconds and a cycle at 2000 MHz is shorter: 1 ns is 1 cycle"
    assert named(traced()["traceEvents"], "phase") == cycles
    assert traced()["otherData"]["clock_mhz"] == 2000


def test_a_counter_for_each_queue(eie: Run) -> None:
    eie(*TRACE)
    names = {event["name"] for event in traced()["traceEvents"] if event["ph"] == "C"}
    assert names == {"queue mean", "queue fullest", "broadcasts"}
    eie(*TRACE, "--queues")
    more = {event["name"] for event in traced()["traceEvents"] if event["ph"] == "C"}
    assert more - names == {f"queue PE {pe}" for pe in range(4)}


def test_a_layer_of_the_paper(eie: Run) -> None:
    options = ("--bench", "--layer", "NT-LSTM", "--pes", "16")
    bench = json.loads(eie("bench", *options[1:], "--seed", "2", "--json")[1])["layers"][0]
    code, _, err = eie("trace", *options, "--seed", "2", "-o", "a.json")
    assert code == 0
    assert err.splitlines()[0] == "compressing and laying out NT-LSTM for 16 PEs"
    trace = traced("a.json")
    (layer,) = named(trace["traceEvents"], "layer")
    assert (layer["args"]["cycles"], layer["args"]["stalls"]) == (bench["cycles"], bench["stalls"])
    assert (trace["otherData"]["seed"], trace["otherData"]["of"]) == (2, "NT-LSTM")
    assert eie("trace", *options, "--seed", "2", "-o", "b.json")[0] == 0
    again = traced("b.json")
    assert again["otherData"].pop("made_by") != trace["otherData"].pop("made_by")  # two commands
    assert again == trace


def test_a_network_with_convolutions(eie: Run) -> None:
    write_conv_network()
    options = ("conv.eie", "--input", "images.npy", *CONV_ARRAY)
    np.save("images.npy", np.load("images.npy")[:1])
    simulated = json.loads(eie("simulate", *options, "--json")[1])["layers"]
    assert eie("trace", *options, "-o", "t.json")[0] == 0
    layers = named(traced()["traceEvents"], "layer")
    for wanted in simulated:
        vectors = [layer for layer in layers if layer["name"] == wanted["name"]]
        assert len(vectors) == wanted["vectors"]
        assert sum(vector["args"]["cycles"] for vector in vectors) == wanted["cycles"]
        assert sum(vector["args"]["stalls"] for vector in vectors) == wanted["stalls"]
    assert len(layers) == sum(layer["vectors"] for layer in simulated)


def test_too_many_events_are_a_part_or_refused_with_the_numbers(eie: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert eie(*TRACE)[0] == 0
    cycles, names = traced()["otherData"]["cycles"], 2 + 2 * 6
    events = len(traced()["traceEvents"]) - names + 1
    Path("t.json").unlink()
    monkeypatch.setattr("sim.timeline.shown_part.MOST_EVENTS", events - 1)
    code, out, err = eie(*TRACE, "--cycles", str(cycles))
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == (
        f"error: cycles 0 to {cycles - 1} of the run's {cycles} have {events:,} events, wanted {events - 1:,} at most: "
        "show a part with --cycles A:B, --layer or --lanes"
    )
    assert not Path("t.json").exists()
    assert eie(*TRACE, "--cycles", str(cycles // 2))[0] == 0
    Path("t.json").unlink()
    code, out, _ = eie(*TRACE)
    assert code == 0
    shown = traced()
    assert cycles // 2 < shown["otherData"]["to"] < cycles - 1
    assert len(shown["traceEvents"]) - names < events
    assert out.splitlines()[1] == (
        "These are the first, which open soon: --cycles A:B, --layer NAME and --lanes A:B show others, or more."
    )
    monkeypatch.setattr("sim.timeline.shown_part.MOST_EVENTS", events)
    monkeypatch.setattr("sim.timeline.shown_part.FIRST_EVENTS", events // 3)
    assert eie(*TRACE)[0] == 0
    assert len(traced()["traceEvents"]) - names < events // 3
    for part in (("--from", "0"), ("--layer", "fc1", "--layer", "fc2"), ("--lanes", "0:4"), ("--cycles", str(cycles))):
        assert eie(*TRACE, *part)[0] == 0
        assert traced()["otherData"]["to"] == cycles - 1
    monkeypatch.setattr("sim.timeline.shown_part.MOST_EVENTS", 1)
    assert eie(*TRACE)[2].splitlines()[-1].startswith("error: cycles 0 to 0 of the run's ")


def test_a_part_is_what_the_whole_has_of_it(eie: Run) -> None:
    """Cycles of one layer, two of the four PEs, and all counters but theirs."""
    assert eie(*TRACE, "--queues")[0] == 0
    whole = traced()["traceEvents"]
    first, second = named(whole, "layer")
    begin = first["args"]["cycles"]
    end = begin + second["args"]["cycles"]
    assert eie(*TRACE, "--queues", "--layer", "fc2", "--lanes", "1:3")[0] == 0
    part = traced()
    assert (part["otherData"]["from"], part["otherData"]["to"]) == (begin, end - 1)
    lanes = {event["args"]["name"] for event in part["traceEvents"] if event["name"] == "thread_name"}
    assert lanes == {"phases", "broadcast", "PE 1", "PE 2"}
    wanted = [each for each in named(whole, "slice") if each["args"]["cycle"] >= begin and each["tid"] in (4, 5)]
    assert named(part["traceEvents"], "slice") == wanted
    counters = {event["name"] for event in part["traceEvents"] if event["ph"] == "C"}
    assert counters == {"queue mean", "queue fullest", "broadcasts", "queue PE 1", "queue PE 2"}
    assert eie(*TRACE, "--cycles", f"{begin + 3}:{begin + 20}")[0] == 0
    spans = traced()
    assert eie(*TRACE, "--from", str(begin + 3), "--cycles", "17")[0] == 0
    again = traced()
    assert again["otherData"].pop("made_by") != spans["otherData"].pop("made_by")  # two commands
    assert again == spans


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-o", "t.json"], "wanted a network, NET.eie, or --bench: one of them, got none"),
        (["--bench", "-o", "t.json"], "a trace is of one layer of --bench: wanted one --layer, got none"),
        (
            ["--bench", "--layer", "NT-We", "--layer", "Alex-8", "-o", "t.json"],
            "a trace is of one layer of --bench: wanted one --layer, got 2",
        ),
        (
            ["--bench", "--layer", "NT-We", "--index", "1", "-o", "t.json"],
            "--index is for the inputs of a network, a layer of --bench has one; got 1",
        ),
        ([*NETWORK, "-o", "t.json", "--index", "3"], "--index must be between 0 and 2, got 3"),
        ([*NETWORK, "-o", "t.json", "--index", "-1"], "--index must be between 0 and 2, got -1"),
        ([*NETWORK, "-o", "t.json", "--from", "-1"], "--from must be 0 or more, got -1"),
        ([*NETWORK, "-o", "t.json", "--cycles", "0"], "--cycles must be 1 or more, got 0"),
        ([*NETWORK, "-o", "t.json", "--cycles", "7:7"], "--cycles must be N or A:B, with A below B, got '7:7'"),
        (
            [*NETWORK, "-o", "t.json", "--from", "1", "--cycles", "2:3"],
            "--from 1 and --cycles 2:3 say both where to begin; wanted one of them",
        ),
        ([*NETWORK, "-o", "t.json", "--lanes", "3"], "--lanes must be A:B, with A below B, got '3'"),
        (
            [*NETWORK, "-o", "t.json", "--lanes", "3:5"],
            "--lanes must end at 4, the PEs of the array, or before, got 3:5",
        ),
        ([*NETWORK, "-o", "t.json", "--layer", "fc3"], "no layer 'fc3' in this run; layers: fc1, fc2"),
        (
            [*NETWORK, "-o", "t.json", "--layer", "fc2", "--cycles", "0:9"],
            "cycles 0 to 8 show nothing of fc2",
        ),
        ([*NETWORK, "-o", "net.eie"], "cannot write net.eie: it is the input net.eie, which would be lost"),
        ([*NETWORK, "-o", "x.npy"], "cannot write x.npy: it is the input x.npy, which would be lost"),
        ([*NETWORK, "-o", "no/t.json"], "cannot write no/t.json: No such file or directory"),
        ([*NETWORK], "Missing option '-o' / '--output'."),
    ],
    ids=lambda value: " ".join(value[-3:]) if isinstance(value, list) else "",
)
def test_bad_input_is_one_sentence_and_exit_code_2(eie: Run, arguments: list[str], sentence: str) -> None:
    before = {path: path.read_bytes() for path in Path().iterdir()}
    code, out, err = eie("trace", *arguments)
    assert (code, out, err.splitlines()[-1]) == (2, "", f"error: {sentence}")
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


def test_listed_in_the_help(eie: Run) -> None:
    assert re.search(r"^  trace +Write a run as a timeline for Perfetto\.$", eie()[1], re.MULTILINE)


def test_a_window_past_the_end(eie: Run) -> None:
    assert eie(*TRACE)[0] == 0
    cycles = traced()["otherData"]["cycles"]
    code, _, err = eie(*TRACE, "--from", str(cycles))
    assert code == 2
    assert err.splitlines()[-1] == f"error: --from must be below {cycles}, the cycles of the run, got {cycles}"


def test_an_array_with_maps(eie: Run) -> None:
    write_map_network()
    assert eie("trace", *MAPS, "--index", "1", "-o", "t.json")[0] == 0
    code, out, _ = eie("run", *MAPS, "--json")
    assert code == 0
    trace = traced()
    assert trace["otherData"]["cycles"] == json.loads(out)["cycles"][1]
    assert len(named(trace["traceEvents"], "layer")) == len({e["name"] for e in named(trace["traceEvents"], "layer")})
    assert named(trace["traceEvents"], "push")
    assert named(trace["traceEvents"], "broadcast")
