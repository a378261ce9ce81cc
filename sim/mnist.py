"""MNIST from its four canonical gzip files (idx format)."""

import gzip
import zlib
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError

Part = Literal["train", "t10k"]
COUNTS: dict[Part, int] = {"train": 60_000, "t10k": 10_000}
IMAGE_MAGIC, LABEL_MAGIC = 0x803, 0x801
PIXELS = 28 * 28
PIECE = 1 << 16


def load_mnist(folder: Path, part: Part) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Images (n, 784) float32 as pixel / 256, and labels (n,); raises EieError if a file is missing or not MNIST."""
    pixels, labels = load_pixels(folder, part)
    return (pixels / 256).astype(np.float32), labels


def load_pixels(folder: Path, part: Part) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The same with the pixels as they are, (n, 784) uint8."""
    count = COUNTS[part]
    images = _read(folder / f"{part}-images-idx3-ubyte.gz", IMAGE_MAGIC, 16, count * PIXELS)
    labels = _read(folder / f"{part}-labels-idx1-ubyte.gz", LABEL_MAGIC, 8, count)
    return images.reshape(count, PIXELS), labels.astype(np.int64)


def _read(path: Path, magic: int, header: int, size: int) -> NDArray[np.uint8]:
    try:
        with gzip.open(path) as handle:
            content = _fill(handle, header + size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise EieError(f"cannot read {path}: {error}") from error
    if len(content) != header + size or int.from_bytes(content[:4], "big") != magic:
        raise EieError(f"{path} must be an MNIST file of {size} values, got something else")
    return np.frombuffer(content, dtype=np.uint8, offset=header)


def _fill(handle: gzip.GzipFile, most: int) -> bytearray:
    """At most so many bytes, which are in memory once."""
    content = bytearray(most)
    view, at = memoryview(content), 0
    while at < most and (read := handle.readinto(view[at : at + PIECE])):
        at += read
    view.release()
    del content[at:]
    return content
