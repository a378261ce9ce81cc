"""MNIST in its canonical gzip files, as the tests use it."""

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def load_mnist(folder: Path, part: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Images (n, 784) float32 as pixel / 256 and labels (n,); `part` is "train" or "t10k"."""
    with gzip.open(folder / f"{part}-images-idx3-ubyte.gz") as handle:
        pixels = np.frombuffer(handle.read(), dtype=np.uint8, offset=16)
    with gzip.open(folder / f"{part}-labels-idx1-ubyte.gz") as handle:
        labels = np.frombuffer(handle.read(), dtype=np.uint8, offset=8)
    return (pixels.reshape(-1, 784) / 256).astype(np.float32), labels.astype(np.int64)
