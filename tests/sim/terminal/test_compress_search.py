"""sim/terminal/compress_search.py: a search without a terminal says how far it is and how long the step still takes."""

import re
from itertools import pairwise

import numpy as np
import pytest

from sim.terminal import compress_search
from sim.terminal.compress_search import now_and_then
from sw.compress.bounds import OutputBound, outputs_of
from sw.compress.candidates import Choices
from sw.compress.prune import kept_positions
from sw.compress.search import search_outputs, search_weights
from sw.network.layer import Layer
from sw.network.network import Network


class Clock:
    """Time that passes when it is told to."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


def test_the_time_left_is_that_of_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, said = Clock(), list[str]()
    monkeypatch.setattr(compress_search, "time", clock)
    tell = now_and_then(said.append)
    for seconds, text, share in (
        (4, "soon", 0.1),
        (6, "a tenth in six seconds", 0.1),
        (300, "a half", 0.5),
        (301, "too soon after", 0.5),
        (400, "next step", 0.25),
        (500, "another quarter in 100 s", 0.5),
        (600, "no end is known", None),
        (700, "again from 0", 0.5),
    ):
        clock.now = 100.0 + seconds
        tell(text, share)
    assert said == [
        "a tenth in six seconds, 54 s left",
        "a half, 0:05:00 left",
        "next step",
        "another quarter in 100 s, 0:03:20 left",
        "no end is known",
        "again from 0, 0:01:40 left",
    ]


def test_a_search_counts_what_it_tries() -> None:
    random = np.random.default_rng(1)
    layers = [
        Layer(f"fc{rows}", random.normal(size=(rows, columns)).astype(np.float32), np.zeros(rows, np.float32), relu)
        for rows, columns, relu in ((12, 20, True), (5, 12, False))
    ]
    network, inputs = Network(tuple(layers)), random.normal(size=(6, 20)).astype(np.float32)
    positions = [kept_positions(layer.weight) for layer in layers]
    told: list[tuple[str, float | None]] = []
    search_weights(network, positions, 0.4, Choices(most_code_bits=3), lambda *what: told.append(what))
    shares = [share for _, share in told if share is not None]
    assert len(shares) == len(told)
    assert all(first < second for first, second in pairwise(shares))
    assert shares[-1] == 1
    for text, _ in told:
        assert re.match(r"layer \d of 2, fc(12|5), \d+ of \d+: ", text), text
    told.clear()
    bound = OutputBound(outputs_of(network, inputs), 0.8)
    search_outputs(network, positions, inputs, bound, Choices(most_code_bits=3), lambda *what: told.append(what))
    for step in "12":
        shares = [share for text, share in told if text.startswith(f"step {step} of 3") and share is not None]
        assert shares == sorted(shares)
        assert shares[-1] == 1
    assert any("exchange " in text and share is not None for text, share in told)
