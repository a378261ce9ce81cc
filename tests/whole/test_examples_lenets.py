"""The compressed LeNets in examples/: their sizes, and their errors where MNIST is."""

from pathlib import Path

import numpy as np
import pytest

from model.config import PRESETS
from sim.mnist import load_mnist
from sim.simulation.simulate import simulate
from sw.file.model_file import load_with_sizes, to_bytes
from sw.network.accuracy import count_errors, measure_float, measure_integers

# Bytes and error at most. Deep Compression has 40 times smaller at 1.58 %, and 39 times at 0.74 %.
PROMISED = {"lenet-300-100": (1_066_440 // 150, 0.0158), "lenet-5": (1_724_320 // 300, 0.0074)}


@pytest.mark.parametrize("name", PROMISED)
def test_sizes(name: str, project_root: Path):
    path = project_root / "examples" / f"{name}.eie"
    network, report = load_with_sizes(path)
    assert report.bytes == path.stat().st_size <= PROMISED[name][0]
    assert to_bytes(network) == path.read_bytes()
    assert network.calibration is not None


@pytest.mark.parametrize("name", PROMISED)
def test_errors_on_all_test_images(name: str, project_root: Path, data_folder: Path):
    network, _ = load_with_sizes(project_root / "examples" / f"{name}.eie")
    images, labels = load_mnist(data_folder / "mnist", "t10k")
    in_float = measure_float(network.to_network(), images, labels)
    in_integers = measure_integers(network, images, labels)
    assert in_float.inputs == in_integers.inputs == 10_000
    assert in_float.error <= PROMISED[name][1]
    assert in_integers.error <= PROMISED[name][1]
    assert in_integers.overflows == 0


def test_lenet_5_reads_digits_on_the_array(project_root: Path, data_folder: Path):
    network, _ = load_with_sizes(project_root / "examples" / "lenet-5.eie")
    images, labels = load_mnist(data_folder / "mnist", "t10k")
    simulation = simulate(network, images[:200], PRESETS["eie64"])
    assert count_errors(simulation.outputs, labels[:200]).wrong <= 3
    assert [layer.vectors for layer in simulation.layers.values()] == [576, 64, 1, 1]
    assert not np.any(simulation.overflow)
