"""Getting a network and its inputs ready: read, calibrated if it must be, laid out."""

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


def load_with_inputs(
    network: Path, inputs: Path, progress: Progress = SILENT
) -> tuple[CompressedNetwork, NDArray[np.float32], bool]:
    """A network and inputs for it from files, calibrated; whether it had to be, on these inputs, which is noted."""
    compressed = load(network)
    values = read_inputs(inputs, *compressed.shapes[0])
    calibrated_here = compressed.calibration is None
    if calibrated_here:
        progress.note(calibration_note(network, values))
    return (calibrate(compressed, values) if calibrated_here else compressed), values, calibrated_here


def lay_out(
    compressed: CompressedNetwork, inputs: NDArray[np.float32], config: ArrayConfig
) -> tuple[NetworkImage, bool]:
    """The image of a network that the array runs by itself, and whether it had to be calibrated on these inputs."""
    calibrated_here = compressed.calibration is None
    if calibrated_here:
        compressed = calibrate(compressed, inputs)
    return build_image(compressed, config), calibrated_here


def calibration_note(network: Path, inputs: NDArray[np.float32]) -> str:
    """What a command says of a network that it had to calibrate itself."""
    return f"{network} has no calibration: binary points are chosen from these {len(inputs)} inputs"
