"""A recipe of seconds with every kind of stage, and images that a network learns in a moment."""

import numpy as np
from numpy.typing import NDArray

IMAGES = 240

RECIPE = """
network = "{network}"

[data]
validation = 60
copies = 1
originals = 0.5

[augmentation]
shift = 1.0

[teacher]
batch = 30
training = {{ epochs = 2, optimizer = "adam", learning_rate = 0.003 }}

[[stage]]
kind = "train"
batch = 20
training = {{ epochs = 3, optimizer = "adam", learning_rate = 0.002 }}

[[stage]]
kind = "prune"
batch = 20
pruning = {{ density = 0.1, score = "fisher", end = 2.0, every = 0.25, splice = true, dead_units = true }}
training = {{ epochs = 4, optimizer = "adam", learning_rate = 0.002, average = 0.9 }}

[[stage]]
kind = "tidy"

[[stage]]
kind = "pull"
batch = 20
pulling = {{ bits = 4, every = 3 }}
training = {{ epochs = 2, optimizer = "adam", learning_rate = 0.001, select = "best" }}

[[stage]]
kind = "share"
sharing.values = {{ "ip1.bias" = 3, "ip2.bias" = 3 }}

[[stage]]
kind = "fine_tune"
batch = 20
fine_tuning = {{ reassign = true, grid = 8 }}
training = {{ epochs = 2, optimizer = "adam", learning_rate = 0.001 }}

[[stage]]
kind = "fine_tune"
batch = 20
training = {{ epochs = 1, learning_rate = 0.0001 }}

[[stage]]
kind = "tidy"
tidying = {{ fold = false, reorder = "weights" }}
"""


def digits(seed: int, count: int = IMAGES) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """(count, 28, 28) images of a bright square whose place says which of ten classes it is, and the classes."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 10
    images = rng.integers(0, 60, (count, 28, 28))
    for image, label in zip(images, labels, strict=True):
        row, column = 2 + 13 * (label // 5), 2 + 5 * (label % 5)
        image[row : row + 8, column : column + 4] += 180
    return images.astype(np.uint8), labels
