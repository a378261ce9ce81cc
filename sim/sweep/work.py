"""What every point of a sweep runs, and the task that a worker process is given."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import model
import sim
import sw
from model.config import ArrayConfig, ConfigError
from model.errors import EieError
from sim.computer import blas_threads
from sim.energy.events import Events
from sim.paper import PAPER_LAYERS
from sim.simulation.paper_layers import BenchmarkLayer
from sim.simulation.prepare import load_with_inputs
from sim.simulation.simulate import simulate
from sw.files import read_whole
from sw.network.compressed import CompressedNetwork

LIBRARIES = ("numpy", "scipy")  # a layer is made with them

Record = dict[str, Any]  # what a task found, as JSON: `enlarged`, `events`, or the `reason` why nothing


@dataclass(frozen=True)
class PaperWork:
    """A layer of the EIE paper, made of a seed; memories that are too small for it are enlarged."""

    name: str
    seed: int

    def identity(self) -> Record:
        """What its results depend on."""
        return {"layer": self.name, "seed": self.seed}

    def run(self, array: ArrayConfig) -> Record:
        run = _paper_layer(self.name, self.seed, array.code_bits).run(array)
        return _record(run.enlarged, run.metrics.events)


@dataclass(frozen=True)
class FileWork:
    """A compressed network and its inputs, in files that every worker reads; `digest` is that of their bytes."""

    network: Path
    inputs: Path
    digest: str

    @classmethod
    def of(cls, network: Path, inputs: Path) -> "FileWork":
        """EieError unless both can be read and fit each other."""
        work = cls(network.absolute(), inputs.absolute(), _digest(network, inputs))
        _files(work)
        return work

    @property
    def name(self) -> str:
        return self.network.name

    def identity(self) -> Record:
        """What its results depend on."""
        return {"files": self.digest}

    def run(self, array: ArrayConfig) -> Record:
        return _record({}, simulate(*_files(self), array).total.events)


Work = PaperWork | FileWork


@dataclass(frozen=True, kw_only=True)
class Task:
    """One simulation, with the digest of the code that is to run it."""

    array: ArrayConfig
    work: Work
    code: str

    @property
    def key(self) -> str:
        """A hash of all that the record depends on: configuration, work, seed, code and versions."""
        fields = self.array.fields_for("image", "cycles", "area", "verilog")  # labels change no event and no cycle
        versions = {package: version(package) for package in LIBRARIES}
        content = {"array": fields, "work": self.work.identity(), "code": self.code, "versions": versions}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def run_task(task: Task) -> Record:
    """In any process. What the array cannot hold is a record with the reason; EieError for code that differs."""
    if code_digest() != task.code:
        raise EieError("a worker has other sources of eie than this command; wanted the same on both sides")
    if isinstance(task.work, FileWork):
        _files(task.work)  # outside the try: a file that has gone is no reason of the array's
    try:
        # A layer's binary points follow from products whose last bit may depend on the number of threads.
        with blas_threads(1):
            return task.work.run(task.array)
    except (ConfigError, EieError) as error:
        return {"reason": str(error)}


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Of the sources that simulate."""
    digest = hashlib.sha256()
    for package in (model, sw, sim):
        folder = Path(str(package.__file__)).parent
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"{folder.name}/{path.relative_to(folder)}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _paper_layer(name: str, seed: int, code_bits: int) -> BenchmarkLayer:
    return BenchmarkLayer(PAPER_LAYERS[name], code_bits, seed)


@lru_cache(maxsize=1)
def _files(work: FileWork) -> tuple[CompressedNetwork, NDArray[np.float32]]:
    if _digest(work.network, work.inputs) != work.digest:
        raise EieError(f"{work.network} or {work.inputs} has changed since the sweep began, or differs on a worker")
    return load_with_inputs(work.network, work.inputs)[:2]


def _digest(*paths: Path) -> str:
    return hashlib.sha256(b"".join(hashlib.sha256(read_whole(path)).digest() for path in paths)).hexdigest()


def _record(enlarged: Mapping[str, int], events: Events) -> Record:
    return {"enlarged": dict(enlarged), "events": dict(vars(events))}
