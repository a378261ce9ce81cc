"""A small network is timed in a process of its own; what the interpreter refuses is a sentence."""

from pathlib import Path

import pytest

from sim.baseline import interpreter
from sim.baseline.interpreter import InterpreterTime, time_interpreter, times_of
from sim.baseline.measurement import Budget
from sim.mlperf_tiny import TINY_NETWORKS


def test_a_network_is_timed_and_no_network_is_a_sentence(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    from tests.support.files.tflite_suite import write_suite

    write_suite(tmp_path / "suite")
    found = time_interpreter(tmp_path / "suite" / TINY_NETWORKS["KWS"].file, budget=Budget(repeats=7, seconds=5))
    assert isinstance(found, InterpreterTime)
    assert found.runs == 7
    assert 0 < found.microseconds < 1e5
    assert found.library.startswith("ai-edge-litert ")
    nothing = tmp_path / "no.tflite"
    nothing.write_bytes(b"no network")
    said = time_interpreter(nothing)
    assert isinstance(said, str)
    assert said.startswith("no.tflite: the interpreter refuses it: ")


def test_a_missing_interpreter_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "MODULE", "no_such_interpreter")
    said = times_of({"a": Path("a.tflite")})["a"]
    assert isinstance(said, str)
    assert said.startswith("ai-edge-litert is left out: No module named 'no_such_interpreter'")
