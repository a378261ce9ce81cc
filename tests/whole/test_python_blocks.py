"""docs/, examples/: every Python block of every page runs, those of a page one after another, as a reader would.

That of README runs in tests/benchmarks/test_pages.py, which compares what it prints as well.
"""

import gzip
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import eie
from sw.network.layer import Layer
from sw.network.network import Network
from tests.support.networks.recipes import digits

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(?:python|py)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = {
    path.relative_to(ROOT).as_posix(): BLOCK.findall(path.read_text())
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md"))
    if path.name != "README.md" or path.parent != ROOT
    if BLOCK.search(path.read_text())
}
LINES = 30  # of the script that brings a network of one's own


def training(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few images in the files of MNIST."""
    pytest.importorskip("torch", reason="training needs torch, the extra `train`")
    for which, seed in (("train", 1), ("t10k", 2)):
        images, labels = digits(seed, 600)
        for part, header, values in (("images-idx3", 16, images), ("labels-idx1", 8, labels.astype(np.uint8))):
            path = folder / "mnist" / f"{which}-{part}-ubyte.gz"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(gzip.compress(bytes(header) + values.tobytes(), 1))
    monkeypatch.setenv("EIE_DATA", str(folder))


def host(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network and inputs for the array of the page."""
    inputs = np.random.default_rng(0).uniform(0, 1, (3, 6)).astype(np.float32)
    weight = np.random.default_rng(1).normal(size=(4, 6)).astype(np.float32)
    network = Network((Layer("a", weight, np.zeros(4, np.float32), relu=False),))
    eie.save(eie.compress(network, calibration=inputs), folder / "net.eie")
    np.save(folder / "x.npy", inputs)


def cluster(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch system that takes jobs and never starts them."""
    pytest.importorskip("dask_jobqueue", reason="starts Dask's workers on SLURM, the extra `cluster`")
    for name, says in (("sbatch", "Submitted batch job $$"), ("scancel", "")):
        (folder / name).write_text(f'#!/bin/sh\n[ -z "$1" ] || cat "$1" >> {folder}/jobs\necho {says}\n')
        (folder / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


# What a page's reader has before its first block.
PREPARED: dict[str, Callable[[Path, pytest.MonkeyPatch], None]] = {
    "docs/training.md": training,
    "docs/host.md": host,
    "docs/cluster.md": cluster,
}


@pytest.mark.parametrize("page", PAGES)
def test_it_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    PREPARED[page](tmp_path, monkeypatch)
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in PAGES[page]:
        exec(compile(block, page, "exec"), names)
    if page == "docs/cluster.md":
        names["cluster"].close()
        assert "dask" in (tmp_path / "jobs").read_text()


def test_the_script_of_ones_own_network_is_short_and_on_its_page() -> None:
    script = (ROOT / "examples" / "own_mlp.py").read_text()
    assert script in PAGES["docs/training.md"]
    assert len(script.splitlines()) <= LINES
