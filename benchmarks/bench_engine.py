"""How fast the engine is: a layer of Table III, and many inputs through a small network.

Run: ``python -m benchmarks.bench_engine``; the layer is seeded, made and laid out before the clock starts, and the
figures are the best of several runs.
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from model.config import PRESETS
from model.engine import Engine
from sim.paper import PAPER_LAYERS
from sim.simulation.image_run import run_image
from sim.simulation.paper_layers import BenchmarkLayer
from sim.simulation.prepare import lay_out
from sim.terminal.output import Output
from sim.text import count
from sw.compress.pipeline import compress
from sw.network.layer import Layer
from sw.network.network import Network

REPEATS = 20
INPUTS = 2000


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_engine", description="Time the engine.")
    parser.add_argument("--layer", default="Alex-7", choices=PAPER_LAYERS, help="of Table III")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    layer = BenchmarkLayer(PAPER_LAYERS[options.layer], 4, options.seed)
    rows: list[list[str]] = []
    payload: dict[str, float] = {}
    for preset in ("eie64", "balanced64"):
        image, _ = layer.fit(PRESETS[preset])
        engine = Engine(image)
        simulation = run_image(image, layer.inputs)
        physical = np.zeros((1, image.layers[0].columns), np.int16)
        physical[:, : image.in_features] = simulation.activations
        for what, outputs in (("cycles, counters", False), ("values too", True)):
            seconds = best(partial(engine.run_layers, physical, outputs))
            speed = int(simulation.cycles[0]) * image.config.pes / seconds
            case = f"{options.layer}, {preset}: {what}"
            rows.append([case, f"{1e6 * seconds:,.0f} us", f"{speed / 1e9:.2f} G PE-cycles/s"])
            payload[f"{preset}_pe_cycles_per_second{'_with_values' if outputs else ''}"] = speed
    image, batch = small_network(np.random.default_rng(options.seed))
    seconds = best(lambda: run_image(image, batch), 3)
    rows.append([f"{count(INPUTS)} inputs, 784-300-100-10", f"{seconds:.2f} s", f"{INPUTS / seconds:,.0f} inputs/s"])
    payload["small_network_inputs_per_second"] = INPUTS / seconds
    output = Output(as_json=options.json)
    output.table("the engine; counters are all of them", ["case", "best", "speed"], rows)
    if options.json:
        print(json.dumps(payload, indent=2))


def small_network(random: np.random.Generator):
    """LeNet-300-100's shape at a tenth of its weights, laid out, and inputs a fifth of which is not zero."""
    sizes = (784, 300, 100, 10)
    layers = [
        Layer(
            f"ip{number}",
            random.normal(0, 0.1, (sizes[number], sizes[number - 1])).astype(np.float32),
            np.zeros(sizes[number], np.float32),
            relu=number < 3,
        )
        for number in (1, 2, 3)
    ]
    inputs = (random.random((INPUTS, 784)) * (random.random((INPUTS, 784)) < 0.2)).astype(np.float32)
    network = compress(Network(tuple(layers)), density=0.1, code_bits=4, calibration=inputs[:100])
    image, _ = lay_out(network, inputs, PRESETS["eie64"])
    return image, inputs


def best(run: Callable[[], object], repeats: int = REPEATS) -> float:
    """Least seconds of several runs after one that warms up."""
    run()
    seconds: list[float] = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


if __name__ == "__main__":
    main()
