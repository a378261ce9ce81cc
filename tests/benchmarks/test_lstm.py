"""benchmarks/bench_lstm.py: the whole sequence in no more cycles than were promised, with the right outputs."""

import numpy as np

from benchmarks.bench_lstm import SIDE, arrays, measure, network
from sw.network.calibrate import calibrate

PROMISED = 5500  # cycles an image, with two broadcasts a cycle


def test_an_image_in_one_start() -> None:
    random = np.random.default_rng(0)
    # As many zeros as images of digits have.
    images = (random.random((2, SIDE, SIDE)) * (random.random((2, SIDE, SIDE)) < 0.19)).astype(np.float32)
    run = measure(calibrate(network(random), images), images, arrays()[1])
    assert run["equal"]
    assert run["executions"] == {"lstm clear": 1, "lstm": SIDE, "lstm cell": SIDE, "out": 1}
    assert 4000 < run["most_cycles"] <= PROMISED
