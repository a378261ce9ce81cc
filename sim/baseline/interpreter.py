"""A TensorFlow Lite network on this computer's CPU, in its makers' interpreter: one thread, one input at a time."""

import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.baseline.measurement import WARM_UP, Budget
from sim.optional import imported

PACKAGE = "ai-edge-litert"
MODULE = "ai_edge_litert.interpreter"


@dataclass(frozen=True, kw_only=True)
class InterpreterTime:
    """Median microseconds of one inference, batch 1, one thread, over `runs` of them; `library` with its version."""

    library: str
    microseconds: float
    runs: int


def times_of(files: Mapping[str, Path], seed: int = 0) -> dict[str, InterpreterTime | str]:
    """`time_interpreter` of every file, by its key; where there is no interpreter, the sentence that says so."""
    said: list[str] = []
    imported(MODULE, package=PACKAGE, say=said.append)
    return {key: said[0] if said else time_interpreter(path, seed) for key, path in files.items()}


def time_interpreter(path: Path, seed: int = 0, budget: Budget | None = None) -> InterpreterTime | str:
    """The time of a file, or in a sentence why there is none; in a process of its own, which a file may end."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(timed, path, seed, budget or Budget()).result()
        except BrokenProcessPool:
            return f"{path.name} ended the interpreter"
        except (ValueError, RuntimeError) as error:
            return f"{path.name}: the interpreter refuses it: {str(error)[:200]}"


def timed(path: Path, seed: int, budget: Budget) -> InterpreterTime:
    """`time_interpreter` in this process. The input is seeded and random over what its type holds, or 0 to 1."""
    module: Any = imported(MODULE)
    network: Any = module.Interpreter(model_path=str(path), num_threads=1)
    network.allocate_tensors()
    told: dict[str, Any] = network.get_input_details()[0]
    network.set_tensor(told["index"], _random(told, np.random.default_rng(seed)))
    for _ in range(WARM_UP):
        network.invoke()
    times: list[float] = []
    until = time.perf_counter() + budget.seconds
    while not times or (len(times) < budget.repeats and time.perf_counter() < until):
        began = time.perf_counter_ns()
        network.invoke()
        times.append((time.perf_counter_ns() - began) / 1000)
    return InterpreterTime(library=f"{PACKAGE} {version(PACKAGE)}", microseconds=median(times), runs=len(times))


def _random(told: dict[str, Any], random: np.random.Generator) -> NDArray[Any]:
    shape, dtype = tuple(told["shape"]), np.dtype(told["dtype"])
    if dtype.kind == "f":
        return random.uniform(size=shape).astype(dtype)
    limits = np.iinfo(dtype)
    return random.integers(limits.min, limits.max, shape, dtype, endpoint=True)
