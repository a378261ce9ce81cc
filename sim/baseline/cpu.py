"""This computer's CPU, for scale: a small network through numpy and scipy, and what multiplies the paper's layers."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from sim.baseline.layer_product import LayerMatrix
from sim.baseline.measurement import Clock, Library, Meter, Run, no_meter, wall_clock
from sim.baseline.torch_library import torch_library, torch_threads
from sim.computer import blas_threads
from sim.optional import imported
from sw.network.network import Network

WARM_UP = 50
REPEATS = 500

POWERCAP = Path("/sys/class/powercap")


@dataclass(frozen=True)
class CpuTimes:
    """Median microseconds for one input through all layers, float32."""

    dense_us: float
    sparse_us: float


def time_network(network: Network, inputs: NDArray[np.float32], repeats: int = REPEATS) -> CpuTimes:
    """Time `network` (its zeros are what the sparse form leaves out), one input after the other, `inputs` in turn."""
    dense = [layer.weight for layer in network.layers]
    sparse = [csr_array(layer.weight) for layer in network.layers]
    return CpuTimes(_median_us(network, dense, inputs, repeats), _median_us(network, sparse, inputs, repeats))


def _median_us(
    network: Network, weights: Sequence[NDArray[np.float32] | csr_array], inputs: NDArray[np.float32], repeats: int
) -> float:
    def forward(values: NDArray[np.float32]) -> None:
        for layer, weight in zip(network.layers, weights, strict=True):
            values = weight @ values + layer.bias
            if layer.relu:
                values = np.maximum(values, 0)

    times = [_timed(forward, inputs[number % len(inputs)]) for number in range(WARM_UP + repeats)]
    return median(times[WARM_UP:])


def _timed(function: Callable[[NDArray[np.float32]], None], values: NDArray[np.float32]) -> float:
    began = time.perf_counter_ns()
    function(values)
    return (time.perf_counter_ns() - began) / 1000


@dataclass(frozen=True)
class Cpu:
    """This CPU as a `sim.baseline.measurement.Device`: numpy, scipy, and torch and MKL where they are installed.

    Energy is that of the CPU packages (RAPL) where their counters may be read.
    """

    libraries: Sequence[Library]
    meter: Meter
    clock: Clock = wall_clock


def cpu(powercap: Path = POWERCAP) -> Cpu:
    """This CPU with the libraries that can be imported; `powercap` as Linux's /sys/class/powercap."""
    libraries = [
        Library(name="numpy", form="dense", prepare=_numpy_dense, threads=blas_threads, scales=True),
        Library(name="scipy", form="CSR", prepare=_scipy_csr),
    ]
    torch = imported("torch")
    if torch is not None:
        threads = partial(torch_threads, torch)
        libraries.append(torch_library(torch, "cpu", "dense", threads, scales=True))
        if torch.backends.mkl.is_available():  # torch's CSR products on a CPU are MKL's
            libraries.append(torch_library(torch, "cpu", "CSR", threads, scales=True))
    mkl = imported("sparse_dot_mkl")
    if mkl is not None:
        prepare = partial(_mkl_csr, mkl)
        libraries.append(Library(name="MKL", form="CSR", prepare=prepare, threads=blas_threads, scales=True))
    domains = package_domains(powercap)
    return Cpu(libraries, Rapl(domains) if domains else no_meter)


def package_domains(powercap: Path) -> list[Path]:
    """RAPL's folders of whole CPU packages, none if a counter may not be read: a sum of some would mislead."""
    try:
        folders = sorted(powercap.glob("intel-rapl:*"))
        packages = [folder for folder in folders if (folder / "name").read_text().startswith("package")]
        Rapl(packages)
    except (OSError, ValueError):
        return []
    return packages


class Rapl:
    """Joules of the CPU packages since the first reading; counters may wrap once between two readings."""

    def __init__(self, domains: Sequence[Path]):
        self._last = {folder: _microjoules(folder, "energy_uj") for folder in domains}
        self._range = {folder: _microjoules(folder, "max_energy_range_uj") for folder in domains}
        self._total = 0

    def __call__(self) -> float:
        for folder, before in self._last.items():
            now = _microjoules(folder, "energy_uj")
            self._total += now - before if now >= before else now - before + self._range[folder]
            self._last[folder] = now
        return self._total / 1e6


def _microjoules(folder: Path, file: str) -> int:
    return int((folder / file).read_text())


def _numpy_dense(matrix: LayerMatrix, batch: int) -> Run:
    weights, inputs = matrix.dense, matrix.operand(batch)
    return lambda: weights @ inputs


def _scipy_csr(matrix: LayerMatrix, batch: int) -> Run:
    weights, inputs = matrix.csr, matrix.operand(batch)
    return lambda: weights @ inputs


def _mkl_csr(mkl: Any, matrix: LayerMatrix, batch: int) -> Run:
    weights, inputs = matrix.csr, matrix.operand(batch)
    return lambda: mkl.dot_product_mkl(weights, inputs)
