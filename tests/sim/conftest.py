"""A small network in a folder, and commands run there."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from sim.cli import main
from tests.support.tools.browser import Browser, browser, missing
from tests.support.tools.commands import Run, runner

FEATURES = (12, 9, 5)
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


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser for all pages of a file of tests."""
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    with browser() as opened:
        yield opened


@pytest.fixture
def eie(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs one command in the folder and returns (exit code, standard output, error stream)."""
    monkeypatch.chdir(folder)
    return runner(capsys)
