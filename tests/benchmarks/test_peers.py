"""benchmarks/bench_peers.py: our own rows, the report around a peer, and that no network is one sentence."""

import json
import sys
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest

from benchmarks import bench_peers
from benchmarks.bench_peers import main, ours, stepped_seconds
from benchmarks.scale_sim import Gemm, ScaleSimRun
from model.config import PRESETS
from model.errors import EieError
from model.stepped.signals import Inputs
from sim.paper import PAPER_LAYERS
from sim.simulation.paper_layers import BenchmarkLayer, run_layer
from sw.image.stream import encode_image
from sw.image.words import words_as_integers

LAYER = "NT-We"


@pytest.fixture(autouse=True)
def few_cycles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_peers, "STEPPED_CYCLES", 20)
    monkeypatch.setattr(bench_peers, "best", lambda run: run() and 0.5)


def test_our_cycles_are_those_of_eie_bench() -> None:
    engine, whole, stepped = ours(PAPER_LAYERS[LAYER], 1, False, lambda _: None)
    assert engine.cycles == whole.cycles == run_layer(PAPER_LAYERS[LAYER], PRESETS["eie64"], 1).metrics.cycles
    assert stepped.cycles == 20
    assert {row.pes for row in (engine, whole, stepped)} == {64}
    assert engine.seconds == 0.5
    assert engine.pe_cycles_per_second == engine.cycles * 64 / 0.5
    assert whole.seconds > 0
    assert stepped.seconds > 0


def test_stepping_sends_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    step = bench_peers.SteppedArray.step

    def recorded(array: bench_peers.SteppedArray, inputs: Inputs) -> None:
        sent.extend([inputs.i_data] * inputs.i_valid)
        step(array, inputs)

    monkeypatch.setattr(bench_peers.SteppedArray, "step", recorded)
    layer = BenchmarkLayer(replace(PAPER_LAYERS[LAYER], inputs=20, outputs=20), 4, 1)
    image, _ = layer.fit(PRESETS["tiny4"])
    assert stepped_seconds(image, 100) > 0
    words = words_as_integers(encode_image(image))
    taken = [word for word, _ in groupby(sent)]  # a word is offered until it is taken
    assert len(taken) > 8
    assert taken == [word for word, _ in groupby(words)][: len(taken)]


def test_the_peer_is_asked_for_the_same_layer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[Gemm, Path]] = []

    def simulate(gemm: Gemm, python: Path) -> ScaleSimRun:
        asked.append((gemm, python))
        return ScaleSimRun(cycles=1000, utilisation=0.125, seconds=2.0, processor_seconds=1.0)

    monkeypatch.setattr(bench_peers, "environment", lambda: Path("python"))
    monkeypatch.setattr(bench_peers, "simulate", simulate)
    monkeypatch.setattr(sys, "argv", ["bench_peers", "--layer", LAYER, "--json"])
    main()
    found = json.loads(capsys.readouterr().out)
    assert asked == [(Gemm(m=1, n=600, k=4096, rows=8, columns=8), Path("python"))]
    assert found["rows"][-1]["pe_cycles_per_second"] == 1000 * 64 / 2
    assert found["scale_sim_utilisation"] == 0.125
    assert found["scale_sim_processor_seconds"] == 1
    assert found["machine"]["cpu"]
    monkeypatch.setattr(sys, "argv", ["bench_peers", "--layer", LAYER])
    main()
    out = capsys.readouterr().out
    assert "uses 12.5 % of its PEs" in out
    assert "…" not in out


def test_no_network_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse() -> Path:
        raise EieError("scalesim could not be installed: no network")

    monkeypatch.setattr(bench_peers, "environment", refuse)
    monkeypatch.setattr(sys, "argv", ["bench_peers", "--json"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1] == "error: scalesim could not be installed: no network"
