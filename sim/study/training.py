"""A recipe's network, trained on MNIST and written as a model file: `eie train`, and every row of a study.

It needs torch, which the extra `train` brings.
"""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.baseline.torch_library import torch_threads
from sim.optional import imported
from sw.compress.pipeline import compress
from sw.file.model_file import save
from sw.file.sizes import FileSizes

if TYPE_CHECKING:
    from sw.training.checkpoint import Checkpoint
    from sw.training.pipeline import Trained
    from sw.training.recipe import Recipe
    from sw.training.watcher import Watcher

IMAGE_SHAPE = (1, 28, 28)
PIXEL_SCALE = 256
CALIBRATION_IMAGES = 500


def train_recipe(
    recipe: "Recipe",
    images: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    seed: int,
    device: str,
    threads: int | None,
    watcher: "Watcher",
    checkpoint: "Checkpoint",
    weights: dict[str, NDArray[np.float32]] | None = None,
) -> "Trained":
    """Run a recipe on training images (n, 784), as pixel / 256, and labels (n,)."""
    from sw.training.pipeline import run_recipe

    torch: Any = imported("torch")
    pixels = torch.from_numpy(np.rint(images * PIXEL_SCALE).astype(np.uint8)).view(-1, *IMAGE_SHAPE)
    with torch_threads(torch, threads or torch.get_num_threads()):
        return run_recipe(
            recipe,
            pixels,
            torch.from_numpy(labels),
            seed=seed,
            weights=None if weights is None else {name: torch.from_numpy(value) for name, value in weights.items()},
            device=device,
            watcher=watcher,
            checkpoint=checkpoint,
        )


def write_trained(trained: "Trained", images: NDArray[np.float32], path: Path, seed: int) -> FileSizes:
    """Compress what was trained into the file at `path`, calibrated on some of the training images."""
    from sw.training.export import to_network

    sample = np.random.default_rng(seed).choice(len(images), min(CALIBRATION_IMAGES, len(images)), replace=False)
    network = to_network(trained.module, IMAGE_SHAPE)
    return save(compress(network, calibration=images[np.sort(sample)]), path)


def run_arguments(
    recipe: str,
    weights: bytes | None,
    images: NDArray[np.float32],
    labels: NDArray[np.int64],
    others: dict[str, Any],
) -> str:
    """What a run is asked for, as text to compare: a checkpoint of anything else is another run's."""
    digests = {
        "recipe": hashlib.sha256(recipe.encode()).hexdigest(),
        "weights": None if weights is None else hashlib.sha256(weights).hexdigest(),
        "data": hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest(),
    }
    return json.dumps({**digests, **others}, sort_keys=True)
