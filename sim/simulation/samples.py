"""Inputs with their labels: of the user's own files, or of MNIST as the network takes its pixels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sim.mnist import Part, load_pixels
from sim.npy import read_inputs, read_labels
from sim.pixels import PixelScale, guessed_scale
from sim.progress import Say
from sw.network.compressed import CompressedNetwork

Split = Literal["test", "train"]
PARTS: dict[Split, Part] = {"test": "t10k", "train": "train"}
FEWEST = 20  # inputs of which a share says something


@dataclass(frozen=True)
class Samples:
    """(inputs, features) float32 inputs, their (inputs,) labels, what they are called, and how pixels became inputs."""

    name: str
    inputs: NDArray[np.float32]
    labels: NDArray[np.int64]
    scale: PixelScale | None = None

    def chance(self, error: float) -> str | None:
        """A sentence if an error, a share of the inputs, is close to that of who always says the most frequent label.

        Close is within a tenth of the way from there to no error.
        """
        most = int(np.bincount(self.labels).max()) / len(self.labels)
        if len(self.labels) < FEWEST or most == 1 or 1 - error > most + (1 - most) / 10:
            return None
        how = "" if self.scale is None else f", of which inputs were {self.scale.text}"
        return (
            f"an error of {100 * error:.2f} % in float32 is near chance, {100 * (1 - most):.2f} % by saying the most "
            f"frequent label: the network may want its inputs otherwise or be for other labels{how}"
        )


def mnist_samples(
    data: Path | None, split: Split, network: CompressedNetwork, scale: PixelScale | None, say: Say
) -> Samples:
    """A part of MNIST in `data`; without a scale what was guessed from the network's calibration is said."""
    if data is None:
        raise EieError("wanted --data DIR with mnist/ in it, or --input X.npy and --labels Y.npy")
    pixels, labels = load_pixels(data / "mnist", PARTS[split])
    if network.in_features != pixels.shape[1]:
        raise EieError(f"MNIST has {pixels.shape[1]} pixels, this network takes {network.in_features} inputs")
    if scale is None:
        ranges = network.calibration
        scale, why = guessed_scale(None if ranges is None else float(ranges.activations[0]))
        say(why)
    return Samples(f"MNIST {split} images", scale.apply(pixels), labels, scale)


def own_samples(inputs_file: Path | None, labels_file: Path | None, shape: tuple[int, ...]) -> Samples:
    """Those of two .npy files; EieError unless both are given."""
    if inputs_file is None or labels_file is None:
        given = "--labels" if inputs_file is None else "--input"
        raise EieError(f"--input and --labels belong together, got {given} alone")
    inputs = read_inputs(inputs_file, *shape)
    return Samples(str(inputs_file), inputs, read_labels(labels_file, len(inputs)))
