"""benchmarks/fuzz_rtl.py: rounds are the same for a seed, spoil what they say, and see a difference."""

import json
from typing import Any

import numpy as np
import pytest

import benchmarks.fuzz_rtl
from benchmarks.fuzz_rtl import main, spoil
from hw.verilog import verilog_text
from model.config import ArrayConfig
from sim.rtl.cosim import run_job
from sim.rtl.cosim_bench import Answer
from tests.support.hw.rtl import CONFIGS, simulators


def test_streams_are_spoiled() -> None:
    rng = np.random.default_rng(0)
    words = list(range(20))
    spoiled = [spoil(rng, words, 32) for _ in range(200)]
    assert sum(words != sent for sent, _ in spoiled) > 190
    assert 20 < sum(last for _, last in spoiled) < 90
    assert all(sent and all(0 <= word < 1 << 32 for word in sent) for sent, _ in spoiled)


@pytest.mark.parametrize("simulator", simulators("icarus"))
def test_a_round(simulator: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(benchmarks.fuzz_rtl, "ARRAYS", (CONFIGS["tiny4"],))
    command = ["--seed", "3", "--first", "1", "--rounds", "1", "--sim", simulator]
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["rounds"] == 1
    assert found["valid"] + found["hostile"] == sum(found["errors"].values()) == benchmarks.fuzz_rtl.NETWORKS
    assert found["differences"] == []


@pytest.mark.parametrize("simulator", simulators("icarus"))
def test_other_rtl_differs(simulator: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def other(config: ArrayConfig, *arguments: Any, **options: Any) -> Answer:
        texts = verilog_text(config.with_(queue_depth=config.queue_depth + 1), debug=True)
        return run_job(config, *arguments, **options, texts=texts)

    monkeypatch.setattr(benchmarks.fuzz_rtl, "ARRAYS", (CONFIGS["tiny4"],))
    monkeypatch.setattr(benchmarks.fuzz_rtl, "run_job", other)
    assert main(["--seed", "3", "--rounds", "1", "--sim", simulator]) == 1
    assert "round 0, tiny4: cycle " in capsys.readouterr().out


def test_bad_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--minutes", "0"])
    assert "wanted --minutes above 0" in capsys.readouterr().err
