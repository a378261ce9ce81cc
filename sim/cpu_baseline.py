"""The same network on this computer's CPU, batch 1: dense numpy and sparse scipy, for scale."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from sw.network import Network

WARM_UP = 50
REPEATS = 500


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
