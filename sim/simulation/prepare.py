"""Getting a network and its inputs ready: read, calibrated if it must be, laid out."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.image import NetworkImage
from sim.npy import read_inputs
from sim.progress import SILENT, Progress
from sw.file.model_file import load
from sw.image.build import build_image
from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedNetwork

Inputs = Path | Callable[[tuple[int, ...]], NDArray[np.float32]]  # a file, or what makes (n, *shape) for a shape


def load_with_inputs(
    network: Path, inputs: Inputs, progress: Progress = SILENT, activation_bits: int = 16
) -> tuple[CompressedNetwork, NDArray[np.float32], bool]:
    """A network from a file and inputs for it, (n, features), as `with_inputs` gives them."""
    return with_inputs(network, load(network), inputs, progress, activation_bits)


def with_inputs(
    path: Path,
    network: CompressedNetwork,
    inputs: Inputs,
    progress: Progress = SILENT,
    activation_bits: int = 16,
) -> tuple[CompressedNetwork, NDArray[np.float32], bool]:
    """The network read from `path` calibrated, its inputs, and whether it had to be on these, which is noted.

    `activation_bits` are those of the array.
    """
    shape = network.shapes[0]
    values = read_inputs(inputs, *shape) if isinstance(inputs, Path) else inputs(shape)
    values = values.reshape(len(values), -1)
    if network.calibration is not None:
        if network.calibration.activation_bits > activation_bits:
            progress.note(
                f"{path} is calibrated for activations of 16 bits: {activation_bits} bits get room for the largest; "
                "`eie compress --calibrate X.npy --activation-bits 8` chooses binary points with the least error"
            )
        return network, values, False
    progress.note(f"{path} has no calibration: binary points are chosen from these {len(values)} inputs")
    return calibrate(network, values, activation_bits), values, True


def lay_out(
    compressed: CompressedNetwork, inputs: NDArray[np.float32], config: ArrayConfig
) -> tuple[NetworkImage, bool]:
    """The image of a network that the array runs by itself, and whether it had to be calibrated on these inputs."""
    calibrated_here = compressed.calibration is None
    if calibrated_here:
        compressed = calibrate(compressed, inputs, config.activation_bits)
    return build_image(compressed, config), calibrated_here
