"""Networks in files, and records of a sweep that nobody simulated."""

from itertools import pairwise
from pathlib import Path

import numpy as np

from sim.energy.events import Events
from sim.sweep.work import Record
from sw.file.model_file import save
from sw.network.compressed import CompressedNetwork
from tests.support.networks.random_networks import make_conv_network, make_layer

ROOMY = {"code_bits": 5, "constant_depth": 256, "pointer_depth": 1024, "activation_depth": 64}  # of tiny4, for both


def chain(folder: Path) -> tuple[Path, Path]:
    """A network of two fully connected layers, 12-9-5, without calibration, and three inputs."""
    layers = [make_layer(rows, (rows, columns), 0.4, name=f"fc{rows}") for columns, rows in pairwise((12, 9, 5))]
    return _write(folder, CompressedNetwork(layers=tuple(layers)), (3, 12))


def graph(folder: Path) -> tuple[Path, Path]:
    """A network with convolutions side by side, and three inputs."""
    return _write(folder, make_conv_network(1), (3, 2, 10, 9))


def record(cycles: int, reads: int = 1000, **enlarged: int) -> Record:
    """So many cycles and sparse-matrix reads, and 1,000 of everything else."""
    counts = dict.fromkeys(Events.__dataclass_fields__, 1000.0) | {"cycles": float(cycles), "row_reads": float(reads)}
    return {"enlarged": enlarged, "events": counts}


def _write(folder: Path, network: CompressedNetwork, shape: tuple[int, ...]) -> tuple[Path, Path]:
    save(network, folder / "small.eie")
    np.save(folder / "inputs.npy", np.random.default_rng(1).uniform(0, 1, shape).astype(np.float32))
    return folder / "small.eie", folder / "inputs.npy"
