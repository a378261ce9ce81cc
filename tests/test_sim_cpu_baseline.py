"""sim/cpu_baseline.py: medians of real runs."""

import numpy as np

from sim.cpu_baseline import time_network
from sw.network import LinearLayer, Network


def test_more_work_takes_longer() -> None:
    def network(size: int) -> Network:
        weight = np.ones((size, size), np.float32)
        return Network((LinearLayer("fc", weight, np.zeros(size, np.float32), relu=True),))

    small = time_network(network(4), np.ones((2, 4), np.float32), repeats=20)
    large = time_network(network(1024), np.ones((2, 1024), np.float32), repeats=20)
    assert 0 < small.dense_us < large.dense_us
    assert 0 < small.sparse_us < large.sparse_us
