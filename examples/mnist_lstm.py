"""Train, prune and compress an LSTM that reads MNIST row by row, and run it on the array.

    python examples/mnist_lstm.py --data DIR -o NET.eie

One torch.nn.LSTM of 128 units takes the 28 rows of an image as 28 steps of 28 pixels, and a linear layer its last
output. Dense training; pruning to a tenth of the weights, the density of EIE's NT-LSTM, during further training, in
which weights may return; weights pulled to few shared values; training of these values. The two matrices of the LSTM
become one, so at most 7 and 8 values are shared in them: together no more than 4-bit codes hold. The file is then read
back and run on all 10,000 test images, which are used for nothing else: in float32, and with the array's integers on
the cycle-accurate engine. DIR holds mnist/ with the four gzip files. Needs the extra train; some minutes on one core.
"""

import argparse
import os
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from model.config import ConfigError, load_config
from model.errors import EieError
from sim.mnist import load_mnist
from sim.simulation.simulate import simulate
from sim.terminal.output import Output
from sim.text import count, mean, percent
from sw.compress.pipeline import compress
from sw.file.model_file import load, save
from sw.files import check_target
from sw.formats.graph_json import parse_graph
from sw.formats.tensors import network_from_tensors
from sw.network.accuracy import count_errors, measure_float
from sw.network.network import Network
from sw.training.batches import PIXEL_SCALE, ImageBatches
from sw.training.fine_tune import FineTuning, fine_tune
from sw.training.optimiser import Training
from sw.training.parameters import density
from sw.training.prune import Pruning, prune
from sw.training.pull import Pulling, pull
from sw.training.train import train

SIDE = 28
UNITS = 128
BATCH = 128
CALIBRATION = 1000  # training images
GRAPH = """{"input": [28, 28], "operations": [{"op": "lstm", "name": "lstm.l0"}, {"op": "layer", "name": "out"}]}"""
DENSE = Training(epochs=4, optimizer="adam", learning_rate=0.003, clip=1.0)
PRUNING = Pruning(
    density={"lstm.weight_ih_l0": 0.15, "lstm.weight_hh_l0": 0.085, "out.weight": 0.3},
    end=5,
    every=0.1,
    splice=True,
    hysteresis=1.1,
    fade=20,
    reset_momentum=False,
)
RETRAINING = Training(epochs=8, optimizer="adam", learning_rate=0.002, final=0.2, clip=1.0)
PULLING = Pulling(
    values={
        "lstm.weight_ih_l0": 7,
        "lstm.weight_hh_l0": 8,
        "out.weight": 15,
        "lstm.bias_ih_l0": 15,
        "out.bias": 10,
    },
    init="density",
)
PULLED = Training(epochs=4, optimizer="adam", learning_rate=0.001, final=0.3, clip=1.0)
FINE_TUNING = FineTuning(grid=8)
LAST = Training(epochs=1, optimizer="adam", learning_rate=0.0003, clip=1.0)


class RowReader(nn.Module):
    """(n, 1, 28, 28) images, row by row, to (n, 10) outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(SIDE, UNITS, batch_first=True)
        self.out = nn.Linear(UNITS, 10)
        # torch has two biases that are only ever added; one of them stays 0.
        spare = self.lstm.get_parameter("bias_hh_l0")
        nn.init.zeros_(spare).requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        steps, _ = self.lstm(images.flatten(0, 1))
        return self.out(steps[:, -1])


def trained(data: Path, seed: int, output: Output) -> tuple[Network, Network]:
    """The network before pruning, and with its weights shared."""
    pixels, digits = load_mnist(data / "mnist", "train")
    images = torch.from_numpy((pixels * PIXEL_SCALE).astype(np.uint8).reshape(1, -1, 1, SIDE, SIDE))
    batches = ImageBatches(images, torch.from_numpy(digits), BATCH, shuffle=True)
    torch.manual_seed(seed)
    network = RowReader()
    epochs = sum(training.epochs for training in (DENSE, RETRAINING, PULLED, LAST))
    with output.bar("training", epochs * len(batches)) as advance:
        settings: Any = {"step": lambda: advance(1)}
        train(network, batches, DENSE, seed=seed, **settings)
        dense = as_network(network)
        advance(0, "pruning")
        prune(network, batches, PRUNING, RETRAINING, seed=seed + 1, **settings)
        advance(0, f"sharing the weights, {percent(density(network))} of all")
        shared, _ = pull(network, batches, PULLING, PULLED, seed=seed + 2, **settings)
        fine_tune(network, batches, shared, FINE_TUNING, LAST, seed=seed + 3, **settings)
    return dense, as_network(network)


def as_network(module: RowReader) -> Network:
    """What `eie compress` makes of the state dict and the graph."""
    tensors = OrderedDict((name, tensor.detach().numpy().copy()) for name, tensor in module.state_dict().items())
    return network_from_tensors(tensors, {}, parse_graph(GRAPH))


def run(data: Path, file: Path, array: str, seed: int, output: Output) -> dict[str, Any]:
    """Train, write the file, read it back and measure: everything the script shows, as one dictionary."""
    config = load_config(array)
    pixels, _ = load_mnist(data / "mnist", "train")
    images, labels = load_mnist(data / "mnist", "t10k")
    images = images.reshape(-1, SIDE, SIDE)
    dense, network = trained(data, seed, output)
    sizes = save(compress(network, calibration=pixels[:CALIBRATION]), file)
    compressed = load(file)
    with output.bar(f"simulating {count(len(images))} images on {config.pes} PEs", len(images)) as advance:
        simulation = simulate(compressed, images, config, advance=advance)
    step = next(iter(simulation.layers.values())).each_vector
    return {
        "file": str(file),
        "array": config.name,
        "images": len(images),
        "weights_kept": sum(layer.positions.size for layer in compressed.layers)
        / sum(layer.weights for layer in compressed.layers),
        "file_bytes": sizes.bytes,
        "ratio": sizes.ratio,
        "error_dense": measure_float(dense, images, labels).error,
        "error_float": measure_float(compressed.to_network(), images, labels).error,
        "error_integer": count_errors(simulation.outputs, labels).error,
        "overflows": int(simulation.overflow.sum()),
        "cycles_per_image": simulation.total.cycles,
        "microseconds": simulation.total.microseconds,
        "nanojoules": simulation.total.energy_nj,
        "cycles_per_step": step.cycles,
        "nanojoules_per_step": step.energy_nj,
    }


def main() -> int:
    """Parse the options, run, print."""
    parser = argparse.ArgumentParser(description="Train and compress an LSTM on the rows of MNIST, and run it.")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("EIE_DATA", ".")), help="or set EIE_DATA")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="NET.eie")
    parser.add_argument("--array", default="eie64", help="preset or TOML file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.seed < 0 or options.threads < 1:
        parser.error("--seed must be 0 or more and --threads 1 or more")
    output = Output(as_json=options.json)
    torch.set_num_threads(options.threads)
    try:
        check_target(options.output)
        result = run(options.data, options.output, options.array, options.seed, output)
    except (ConfigError, EieError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    rows = [
        ["weights kept", percent(result["weights_kept"])],
        ["bytes on disk", f"{count(result['file_bytes'])} ({result['ratio']:.1f}x)"],
        ["error before pruning, float32", f"{100 * result['error_dense']:.2f} %"],
        ["error, decoded file, float32", f"{100 * result['error_float']:.2f} %"],
        ["error, array, 16-bit integers", f"{100 * result['error_integer']:.2f} %"],
        ["cycles per image", mean(result["cycles_per_image"])],
        ["microseconds per image", f"{result['microseconds']:.2f}"],
        ["nJ per image", mean(result["nanojoules"])],
        ["cycles per step of the LSTM", mean(result["cycles_per_step"])],
        ["nJ per step of the LSTM", mean(result["nanojoules_per_step"])],
    ]
    output.table(
        f"{options.output}, {count(result['images'])} MNIST test images, {options.array}", ["figure", "value"], rows
    )
    output.result(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
