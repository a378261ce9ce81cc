"""What row swaps guided by the recurrence buy `balanced64`, on inputs that the search has not seen.

Run: ``python -m benchmarks.bench_row_search``. Layers whose inputs are all active need one search; for the others the
active columns change from input to input, so that the search runs on several random inputs and is judged on others.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.config import PRESETS, ArrayConfig
from model.engine import Engine
from model.schedule import LayerWork
from sim.paper import PAPER_LAYERS, PaperLayer
from sim.simulation.image_run import physical_inputs, run_image
from sim.simulation.paper_layers import BenchmarkLayer
from sim.terminal.output import Output
from sim.text import count, percent
from sw.image.dealing import deal_rows
from sw.image.row_search import entries, search_rows

ARRAY = PRESETS["balanced64"]
LAYERS = ("Alex-8", "VGG-8", "NT-We")
UNSEEN = 16


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench_row_search", description="Row swaps guided by the recurrence."
    )
    parser.add_argument("--layer", action="append", choices=PAPER_LAYERS, help=f"[default: {', '.join(LAYERS)}]")
    parser.add_argument("--tries", type=int, default=1000, help="swaps that are evaluated")
    parser.add_argument("--inputs", type=int, default=8, help="that the search sees, if not every column is active")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    for name, least in (("tries", 0), ("inputs", 1), ("seed", 0)):
        if getattr(options, name) < least:
            parser.error(f"--{name} must be {least} or more, got {getattr(options, name)}")
    output = Output(as_json=options.json)
    rows: list[dict[str, Any]] = []
    for name in [name for name in PAPER_LAYERS if name in (options.layer or LAYERS)]:
        with output.bar(f"searching {name}", options.tries) as advance:
            rows.append(measure(PAPER_LAYERS[name], ARRAY, options.tries, options.inputs, options.seed, advance))
    output.table(
        f"{ARRAY.name}, {count(options.tries)} swaps tried, seed {options.seed}",
        ["layer", "inputs seen", "useful", "searched", "gain", "on the inputs seen", "processor s"],
        [_cells(row) for row in rows],
    )
    output.line(f"'useful' and 'searched': nonzero weights over PE cycles, mean of inputs not seen, {UNSEEN} at most.")
    output.result({"tries": options.tries, "seed": options.seed, "layers": rows})


def measure(
    layer: PaperLayer, array: ArrayConfig, tries: int, inputs: int, seed: int, advance: Callable[[int], None]
) -> dict[str, Any]:
    """Useful efficiency before and after the search, on inputs that it saw and on others."""
    made = BenchmarkLayer(layer, array.code_bits, seed)
    image, _ = made.fit(array)
    work = Engine(image).work(physical_inputs(image, run_image(image, made.inputs).activations))[0][0]
    held = np.zeros((layer.outputs, work.counts.shape[0]), np.bool_)
    positions = made.network.layers[0].positions
    held[positions // layer.inputs, positions % layer.inputs] = True
    order = deal_rows(held.sum(axis=1), array.pes, array.row_dealing)
    always_alike = layer.activation_density == 1
    random = np.random.default_rng([seed, 1])
    seen = [replace(work, columns=_columns(layer, random)) for _ in range(1 if always_alike else inputs)]
    unseen = seen if always_alike else [replace(work, columns=_columns(layer, random)) for _ in range(UNSEEN)]
    began = time.process_time()
    found = search_rows(
        held,
        order,
        seen,
        queue_depth=array.queue_depth,
        max_run=array.max_run,
        tries=tries,
        seed=seed,
        advance=advance,
    )
    seconds = time.process_time() - began
    return {
        "layer": layer.name,
        "inputs_seen": len(seen),
        "before": useful(held, order, unseen, array),
        "after": useful(held, found, unseen, array),
        "before_seen": useful(held, order, seen, array),
        "after_seen": useful(held, found, seen, array),
        "processor_seconds": seconds,
    }


def useful(held: NDArray[np.bool_], order: NDArray[np.int64], works: Sequence[LayerWork], array: ArrayConfig) -> float:
    """Nonzero weights of active columns over PE cycles with rows in that order, all inputs together."""
    rows = np.concatenate([held, np.zeros((1, held.shape[1]), np.bool_)])[order]
    counts = np.stack([entries(rows[pe :: array.pes], array.max_run) for pe in range(array.pes)], axis=1)
    weights = sum(int(held[:, work.columns].sum()) for work in works)
    return weights / array.pes / sum(replace(work, counts=counts).cycles(array.queue_depth) for work in works)


def _columns(layer: PaperLayer, random: np.random.Generator) -> NDArray[np.int64]:
    return np.sort(random.permutation(layer.inputs)[: round(layer.activation_density * layer.inputs)])


def _cells(row: dict[str, Any]) -> list[str]:
    return [
        row["layer"],
        str(row["inputs_seen"]),
        percent(row["before"]),
        percent(row["after"]),
        f"{100 * (row['after'] / row['before'] - 1):+.2f} %",
        f"{100 * (row['after_seen'] / row['before_seen'] - 1):+.2f} %",
        f"{row['processor_seconds']:.1f}",
    ]


if __name__ == "__main__":
    main()
