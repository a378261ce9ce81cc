"""sim/simulation/samples.py: MNIST as a network takes it, and errors that say that it takes it otherwise."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from model.errors import EieError
from sim.mnist import COUNTS
from sim.pixels import USUAL, PixelScale
from sim.simulation.samples import Samples, mnist_samples, own_samples
from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedNetwork
from tests.support.networks.random_networks import make_layer


def test_near_chance_is_said_of_errors_that_labels_alone_would_give() -> None:
    labels = np.arange(100) % 10
    samples = Samples("x.npy", np.zeros((100, 4), np.float32), labels, USUAL)
    said = samples.chance(0.85)
    assert said is not None
    assert "85.00 % in float32 is near chance, 90.00 % by saying the most frequent label" in said
    assert said.endswith("of which inputs were pixels / 256")
    assert samples.chance(0.80) is None
    assert Samples("x.npy", samples.inputs, np.zeros(100, np.int64)).chance(0.0) is None  # one label only
    assert Samples("x.npy", samples.inputs[:19], labels[:19]).chance(0.9) is None  # too few


def test_mnist_as_the_calibration_says(tmp_path: Path) -> None:
    folder = tmp_path / "mnist"
    folder.mkdir()
    count = COUNTS["t10k"]
    pixels = (np.arange(count * 784) % 256).astype(np.uint8)
    head = (0x803).to_bytes(4, "big") + bytes(12)
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(head + pixels.tobytes(), 1))
    labels = (np.arange(count) % 10).astype(np.uint8)
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(
        gzip.compress((0x801).to_bytes(4, "big") + bytes(4) + labels.tobytes(), 1)
    )
    network = CompressedNetwork(layers=(make_layer(0, (10, 784), 0.1),))
    normalised = PixelScale(255.0, 0.1307, 0.3081).apply(pixels[:784].reshape(1, 784))
    network = calibrate(network, normalised)
    said: list[str] = []
    samples = mnist_samples(tmp_path, "test", network, None, said.append)
    np.testing.assert_array_equal(samples.inputs[0], normalised[0])
    assert "inputs are (pixels / 255 - 0.1307) / 0.3081" in said[0]
    told = mnist_samples(tmp_path, "test", network, USUAL, said.append)
    np.testing.assert_array_equal(told.inputs[0], pixels[:784] / 256)
    assert len(said) == 1
    with pytest.raises(EieError, match=r"wanted --data DIR with mnist/ in it, or --input X.npy and --labels Y.npy"):
        mnist_samples(None, "test", network, None, said.append)


def test_own_files_belong_together() -> None:
    with pytest.raises(EieError, match="--input and --labels belong together, got --labels alone"):
        own_samples(None, Path("y.npy"), (4,))
