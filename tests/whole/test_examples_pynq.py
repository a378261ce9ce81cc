"""examples/pynq_overlay.py: compares a board with the model; here both are models, once of other networks."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import eie
from examples import pynq_overlay
from sw.network.layer import Layer
from sw.network.network import Network


def test_it_tells_equal_from_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    inputs = np.random.default_rng(0).uniform(0, 1, (2, 6)).astype(np.float32)
    for name, seed in (("net", 1), ("other", 2)):
        weight = np.random.default_rng(seed).normal(size=(4, 6)).astype(np.float32)
        network = Network((Layer("a", weight, np.zeros(4, np.float32), relu=False),))
        eie.save(eie.compress(network, calibration=inputs), tmp_path / f"{name}.eie")
    np.save(tmp_path / "x.npy", inputs)
    asked: list[str] = []
    real = eie.open_place

    def open_place(place: str, config: Any) -> Any:
        asked.append(place)
        return real("stepped" if place.startswith("pynq:") else place, config)

    monkeypatch.setattr(eie, "open_place", open_place)
    arguments = ("eie.bit", "tiny4", str(tmp_path / "net.eie"), str(tmp_path / "x.npy"))
    assert pynq_overlay.main(*arguments) == 0
    assert asked == ["pynq:eie.bit", "model"]
    assert capsys.readouterr().out.count("equal") == 2
    load = eie.Accelerator.load

    def wrong(self: Any, network: str) -> None:
        load(self, network.replace("net.eie", "other.eie") if len(asked) == 3 else network)

    monkeypatch.setattr(eie.Accelerator, "load", wrong)
    assert pynq_overlay.main(*arguments) == 2
    assert capsys.readouterr().out.count("WRONG") == 2
