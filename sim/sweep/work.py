"""What every point of a sweep runs, and the task that a worker process is given."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

import model
import sim
import sw
from model.config import ArrayConfig, ConfigError
from model.errors import EieError
from sim.cache import sources_digest
from sim.computer import one_thread
from sim.energy.events import Events
from sim.paper import PAPER_LAYERS
from sim.simulation.paper_layers import BenchmarkLayer
from sim.simulation.prepare import load_with_inputs
from sim.simulation.ranges import Ranges
from sim.simulation.simulate import simulate
from sw.files import read_whole
from sw.network.compressed import CompressedNetwork
from sw.network.integer_forward import run_integers

LIBRARIES = ("numpy", "scipy")  # a layer is made with them
TRAVELS = 16 << 20  # bytes of a network and its inputs that are sent to workers; larger ones must be where they run

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
        work.check()
        return work

    def check(self) -> None:
        """EieError unless both can be read here, are those of the sweep's beginning and fit each other."""
        _files(self)

    @property
    def name(self) -> str:
        return self.network.name

    def identity(self) -> Record:
        """What its results depend on."""
        return {"files": self.digest}

    def ranges(self, array: ArrayConfig) -> Ranges:
        """How many of the inputs leave a range of an array's numbers, sums in the order of a layer's inputs."""
        network, inputs = _files(self)
        made = run_integers(network, inputs, array.accumulator_bits, activation_bits=array.activation_bits)
        return Ranges.of(made.saturated, made.overflow, array)

    def run(self, array: ArrayConfig) -> Record:
        return _record({}, simulate(*_files(self), array).total.events)


Work = PaperWork | FileWork


@dataclass(frozen=True)
class Parcel:
    """The bytes of a small network's files, for workers that cannot read them."""

    digest: str
    network: tuple[str, bytes]
    inputs: tuple[str, bytes]

    @classmethod
    def of(cls, work: FileWork) -> "Parcel | None":
        """None for files that are larger than `TRAVELS` together; EieError for files that have changed."""
        if work.network.stat().st_size + work.inputs.stat().st_size > TRAVELS:
            return None
        parcel = cls(work.digest, *((path.name, read_whole(path)) for path in (work.network, work.inputs)))
        if _digest_of(parcel.network[1], parcel.inputs[1]) != work.digest:
            raise EieError(f"{work.network} or {work.inputs} has changed since the sweep began")
        return parcel

    def unpack(self) -> None:
        """Keep it in this process, where tasks of this digest find it."""
        _UNPACKED[self.digest] = self

    def read(self) -> tuple[CompressedNetwork, NDArray[np.float32]]:
        """What its files say; they are files only while they are read."""
        with TemporaryDirectory(prefix="eie-") as folder:
            paths = Path(folder) / "network", Path(folder) / "inputs"
            for path, (name, data) in zip(paths, (self.network, self.inputs), strict=True):
                path.mkdir()
                (path / name).write_bytes(data)
            return load_with_inputs(paths[0] / self.network[0], paths[1] / self.inputs[0])[:2]


_UNPACKED: dict[str, Parcel] = {}


@dataclass(frozen=True, kw_only=True)
class Task:
    """One simulation, with the digest of the code that is to run it."""

    array: ArrayConfig
    work: Work
    code: str

    @cached_property
    def key(self) -> str:
        """A hash of all that the record depends on: configuration, work, seed, code and versions."""
        fields = self.array.fields_for("image", "cycles", "area", "verilog")  # labels change no event and no cycle
        content = {"array": fields, "work": self.work.identity(), "code": self.code, "versions": library_versions()}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def run_task(task: Task) -> Record:
    """In any process. What the array cannot hold is a record with the reason; EieError for code that differs."""
    if code_digest() != task.code:
        raise EieError("a worker has other sources of eie than this command; wanted the same on both sides")
    if isinstance(task.work, FileWork):
        task.work.check()  # outside the try: a file that has gone is no reason of the array's
    try:
        # A layer's binary points follow from products whose last bit may depend on the number of threads.
        with one_thread():
            return task.work.run(task.array)
    except (ConfigError, EieError) as error:
        return {"reason": str(error)}


@lru_cache(maxsize=1)
def library_versions() -> Record:
    """Of the libraries that results depend on."""
    return {package: version(package) for package in LIBRARIES}


def code_digest() -> str:
    """Of the sources that simulate."""
    return sources_digest((model, sw, sim))


@lru_cache(maxsize=1)
def _paper_layer(name: str, seed: int, code_bits: int) -> BenchmarkLayer:
    return BenchmarkLayer(PAPER_LAYERS[name], code_bits, seed)


@lru_cache(maxsize=1)
def _files(work: FileWork) -> tuple[CompressedNetwork, NDArray[np.float32]]:
    if work.digest in _UNPACKED:
        return _UNPACKED[work.digest].read()
    if _digest(work.network, work.inputs) != work.digest:
        raise EieError(f"{work.network} or {work.inputs} has changed since the sweep began, or differs on a worker")
    return load_with_inputs(work.network, work.inputs)[:2]


def _digest(*paths: Path) -> str:
    return _digest_of(*(read_whole(path) for path in paths))


def _digest_of(*contents: bytes) -> str:
    return hashlib.sha256(b"".join(hashlib.sha256(content).digest() for content in contents)).hexdigest()


def _record(enlarged: Mapping[str, int], events: Events) -> Record:
    return {"enlarged": dict(enlarged), "events": dict(vars(events))}
