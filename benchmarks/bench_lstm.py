"""Cycles of an LSTM that reads MNIST row by row, whole sequences in one start, on the engine.

Run: ``python -m benchmarks.bench_lstm --data DIR``, DIR with mnist/. Sizes and densities are those of
examples/mnist_lstm.py (15 % of the weights for x kept, 8.5 % of those for h, 30 % of the linear layer's); weights and
biases are random, so that nothing need be trained: cycles depend on where weights and zeros lie, not on what is read.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig, preset
from sim.mnist import load_mnist
from sim.simulation.image_run import run_image
from sim.terminal.output import Output
from sim.text import mean
from sw.image.maps.build import build_map_image
from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedLayer, CompressedNetwork
from sw.network.graph import GATES, ApplyLayer, Graph, Lstm, Node
from sw.network.integer_forward import run_integers

SIDE, UNITS, OUTPUTS = 28, 128, 10
KEPT = (0.15, 0.085, 0.3)  # of the weights for x, for h and of the linear layer
CODE_BITS = 4


def arrays() -> list[ArrayConfig]:
    """balanced64 with maps and functions, one broadcast a cycle and two."""
    one = preset("balanced64").with_(maps=True, functions=True, accumulator_depth=64)
    return [one, one.with_(broadcasts_per_cycle=2)]


def layer(name: str, shape: tuple[int, int], kept: NDArray[np.bool_], random: np.random.Generator) -> CompressedLayer:
    """Random weights where `kept`, of the shape (outputs, inputs), says so."""
    positions = np.flatnonzero(kept)
    values = random.normal(size=(1 << CODE_BITS) - 1) * 0.35
    return CompressedLayer(
        name=name,
        shape=shape,
        code_bits=CODE_BITS,
        codebook=np.concatenate([[0], values]).astype(np.float32),
        bias=(random.normal(size=shape[0]) * 0.3).astype(np.float32),
        relu=False,
        positions=positions,
        codes=random.integers(1, 1 << CODE_BITS, positions.size).astype(np.uint8),
    )


def network(random: np.random.Generator) -> CompressedNetwork:
    """The LSTM and a linear layer on its last h; not calibrated."""
    rows, columns = GATES * UNITS, SIDE + UNITS
    densities = np.where(np.arange(columns) < SIDE, KEPT[0], KEPT[1])
    layers = (
        layer("lstm", (rows, columns), random.random((rows, columns)) < densities, random),
        layer("out", (OUTPUTS, UNITS), random.random((OUTPUTS, UNITS)) < KEPT[2], random),
    )
    nodes = (Node(Lstm(), (0,)), Node(ApplyLayer(), (1,)))
    return CompressedNetwork(layers=layers, graph=Graph(input_shape=(SIDE, SIDE), nodes=nodes))


def measure(made: CompressedNetwork, images: NDArray[np.float32], array: ArrayConfig) -> dict[str, Any]:
    """Cycles an image, by layer; whether all outputs are those of the integer datapath."""
    run = run_image(build_map_image(made, array), images.reshape(len(images), -1))
    return {
        "broadcasts_per_cycle": array.broadcasts_per_cycle,
        "cycles": run.cycles_per_input,
        "most_cycles": int(run.cycles.max()),
        "executions": {each.name: each.inputs // len(images) for each in run.layers},
        "cycles_per_execution": {each.name: each.cycles / each.inputs for each in run.layers},
        "equal": np.array_equal(run.integers, run_integers(made, images).integers),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_lstm", description="An LSTM in one start.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--images", type=int, default=64, help="of the test set, the first")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    if options.images < 1 or options.seed < 0:
        parser.error("--images must be 1 or more and --seed 0 or more")
    pixels, _ = load_mnist(options.data / "mnist", "t10k")
    images = pixels.reshape(-1, SIDE, SIDE)[: options.images].astype(np.float32)
    output = Output(as_json=options.json)
    made = calibrate(network(np.random.default_rng(options.seed)), images)
    runs = [measure(made, images, array) for array in arrays()]
    rows = [
        [
            str(run["broadcasts_per_cycle"]),
            mean(run["cycles"]),
            str(run["most_cycles"]),
            *(mean(cycles) for cycles in run["cycles_per_execution"].values()),
            "yes" if run["equal"] else "no",
        ]
        for run in runs
    ]
    names = [f"{name} x {times}" for name, times in runs[0]["executions"].items()]
    output.table(
        f"balanced64 with maps and functions, {len(images)} images, seed {options.seed}",
        ["broadcasts", "cycles", "most", *names, "outputs equal"],
        rows,
    )
    output.result({"images": len(images), "seed": options.seed, "arrays": runs})


if __name__ == "__main__":
    main()
