"""Files in the form of MNIST's with images that are learned in a moment."""

import gzip
from pathlib import Path

import numpy as np

from tests.support.networks.recipes import IMAGES, digits

TEST_IMAGES = 50


def write_mnist(folder: Path, train: int = IMAGES, test: int = TEST_IMAGES) -> None:
    """The four files, with so many images; `sim.mnist.COUNTS` says how many MNIST has."""
    folder.mkdir()
    for seed, (part, count) in enumerate((("train", train), ("t10k", test)), start=1):
        images, labels = digits(seed, count)
        for name, magic, values in (("images-idx3", 0x803, images), ("labels-idx1", 0x801, labels.astype(np.uint8))):
            head = np.array([magic, *values.shape], ">i4").tobytes()
            (folder / f"{part}-{name}-ubyte.gz").write_bytes(gzip.compress(head + values.tobytes(), 1))
