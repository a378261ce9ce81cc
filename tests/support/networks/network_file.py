"""A small network and inputs for it as files, for commands that take both."""

from itertools import pairwise
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from model.config import PRESETS, to_toml
from sim.cli import main
from sw.file.model_file import save
from sw.network.calibrate import calibrate
from tests.support.networks.random_networks import make_conv_network
from tests.support.networks.whole import MAP_ARRAY, whole_network

# An array that holds the network with convolutions, and the options for it.
CONV_CONFIG = PRESETS["tiny4"].with_(
    code_bits=8, sparse_matrix_depth=4096, activation_depth=64, pointer_depth=4096, constant_depth=4096
)
_CHANGES = [
    f"{name}={value}" for name, value in CONV_CONFIG.to_dict().items() if value != getattr(PRESETS["tiny4"], name)
]
CONV_ARRAY = ("--preset", "tiny4", *(word for change in _CHANGES for word in ("--set", change)))
MAPS = ("maps.eie", "--input", "maps.npy", "--config", "maps.toml")  # of `write_map_network`


def write_network() -> None:
    """Write net.eie, calibrated, of layers fc1 (40 to 30) and fc2 (30 to 8), and three inputs, x.npy."""
    rng = np.random.default_rng(1)
    tensors = {
        f"fc{number}.weight": rng.normal(size=(rows, columns)).astype(np.float32)
        for number, (columns, rows) in enumerate(pairwise((40, 30, 8)), start=1)
    }
    save_file(tensors, "net.safetensors")
    np.save("x.npy", (rng.uniform(0, 1, (3, 40)) * (rng.random((3, 40)) < 0.7)).astype(np.float32))
    assert main(["compress", "net.safetensors", "-o", "net.eie", "--density", "0.3", "--calibrate", "x.npy"]) == 0


def write_conv_network() -> None:
    """Write conv.eie, calibrated, a network with convolutions, and two inputs, images.npy."""
    network = make_conv_network(0)
    images = np.random.default_rng(0).normal(size=(2, *network.input_shape)).astype(np.float32)
    save(calibrate(network, images), Path("conv.eie"))
    np.save("images.npy", images)


def write_map_network() -> None:
    """Write maps.eie, calibrated, a network of all kinds of map layers, its array maps.toml, two inputs maps.npy."""
    network = whole_network()
    inputs = np.random.default_rng(0).normal(size=(2, *network.input_shape)).astype(np.float32)
    save(calibrate(network, inputs), Path("maps.eie"))
    Path("maps.toml").write_text(to_toml(MAP_ARRAY))
    np.save("maps.npy", inputs)
