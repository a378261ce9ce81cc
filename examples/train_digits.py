"""Train the example network on scikit-learn's handwritten digits, prune it and share its weights, and write it.

    python examples/train_digits.py [--output DIR]

Three fully connected layers, 64-300-100-10 (LeNet-300-100's shape for 8 x 8 images), through the steps of Deep
Compression: dense training; pruning to a tenth of the weights during further training, in which weights may return; at
most 15 shared values per layer, found by k-means from linear first centroids; training of these values. Since there are
few digits, most are slightly distorted anew in every epoch. The network before and after goes beside this file with the
held-out digits, on which nothing was chosen. Needs the extras train and dev; about half a minute on one core.
"""

import argparse
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from sw.compress.pipeline import compress
from sw.file.model_file import file_sizes
from sw.formats.network_file import save_network
from sw.training.augment import Augmentation, distort
from sw.training.evaluate import evaluate
from sw.training.export import to_network
from sw.training.fine_tune import FineTuning, fine_tune
from sw.training.optimiser import Training
from sw.training.parameters import density, prunable
from sw.training.prune import Pruning, prune
from sw.training.share import Sharing, share
from sw.training.tidy import Tidying, tidy
from sw.training.train import train

SEED = 0
HELD_OUT = 360
CALIBRATION = 100
PIXEL_SCALE = 16
BATCH = 64
CODE_BITS = 4
UNDISTORTED = 0.3  # of the digits of an epoch
DISTORTION = Augmentation(rotation=15, scale=0.15, shear=0.15, shift=0.7, elastic=0.3, smoothness=1.5)
DENSE = Training(epochs=150, optimizer="adam", learning_rate=0.002)
PRUNING = Pruning(
    density=0.1,
    end=210,
    score="fisher",
    splice=True,
    hysteresis=1.1,
    fade=20,
    reset_momentum=False,
    dead_units=True,
)
RETRAINING = Training(epochs=300, optimizer="adam", learning_rate=0.002, final=0.1)
TIDYING = Tidying(reorder="weights")
FINE_TUNING = FineTuning(grid=8)
LAST_TRAINING = Training(epochs=60, optimizer="adam", learning_rate=0.0005)


def main() -> None:
    """Train, print how each step ends, write the four files."""
    parser = argparse.ArgumentParser(description="Train, prune and share the example network.")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="folder for the four files")
    folder = parser.parse_args().output
    values, digits = load_digits(return_X_y=True)
    pixels, labels = np.asarray(values, dtype=np.uint8), np.asarray(digits, dtype=np.uint8)
    train_i, test_i = train_test_split(np.arange(len(labels)), test_size=HELD_OUT, stratify=labels, random_state=SEED)
    training, held_out = Digits(pixels[train_i], labels[train_i]), [tensors(pixels[test_i], labels[test_i])]

    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    network = nn.Sequential(
        OrderedDict(
            l1=nn.Linear(64, 300), relu1=nn.ReLU(), l2=nn.Linear(300, 100), relu2=nn.ReLU(), l3=nn.Linear(100, 10)
        )
    )

    def say(step: str) -> None:
        size = file_sizes(compress(to_network(network, (64,)))).bytes
        error = evaluate(network, held_out)
        print(f"{step}: {density(network):.1%} of the weights, {size} bytes, held-out accuracy {1 - error:.2%}")

    train(network, training, DENSE, seed=SEED)
    say("dense")
    save_network(to_network(network, (64,)), folder / "digits_dense.safetensors")
    prune(network, training, PRUNING, RETRAINING, seed=SEED)
    tidy(network, TIDYING)
    say("pruned")
    shared = share(network, Sharing(bits=dict.fromkeys(prunable(network, biases=True), CODE_BITS)))
    say("shared")
    fine_tune(network, training, shared, FINE_TUNING, LAST_TRAINING, seed=SEED)
    say("fine-tuned")
    save_network(to_network(network, (64,)), folder / "digits_network.safetensors")

    np.savez(
        folder / "digits.npz",
        images=pixels[test_i],
        labels=labels[test_i],
        calibration=pixels[train_i[:CALIBRATION]],
    )
    np.save(folder / "digits_inputs.npy", (pixels[test_i[:16]] / PIXEL_SCALE).astype(np.float32))


def tensors(pixels: np.ndarray, labels: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """(n, 64) float32 inputs in 0 .. 1, and (n,) labels."""
    return torch.from_numpy(pixels.astype(np.float32) / PIXEL_SCALE), torch.from_numpy(labels.astype(np.int64))


class Digits:
    """Shuffled batches, most digits distorted; any iterable of (inputs, labels) with a length trains a network."""

    def __init__(self, pixels: np.ndarray, labels: np.ndarray):
        self.inputs, self.labels = tensors(pixels, labels)

    def __len__(self) -> int:
        return len(self.labels) // BATCH

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        count = len(self.labels)
        distorted = distort(self.inputs.view(count, 1, 8, 8), DISTORTION).flatten(1)
        inputs = torch.where(torch.rand(count, 1) < UNDISTORTED, self.inputs, distorted)
        for chosen in torch.randperm(count)[: len(self) * BATCH].view(len(self), BATCH):
            yield inputs[chosen], self.labels[chosen]


if __name__ == "__main__":
    main()
