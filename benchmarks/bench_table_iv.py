"""Why cycles / ideal of the paper's organisation differs from Table IV: every layer once more with one thing changed.

Run: ``python -m benchmarks.bench_table_iv``; about a minute. What is changed, one at a time:

* the work: the weight density that gives the ideal time of Table IV, instead of the rounded density of Table III;
* the queue: four slots more, as if broadcasts on their way to the queue took no slot of it (`QUEUE_SLOTS_ON_THE_WAY`);
* the rows: log-normally spread densities, since rows of trained layers are not as equally full as random ones.
"""

import argparse
from dataclasses import replace
from math import log
from typing import Any

from model.config import PRESETS
from sim.paper import PAPER_LAYERS, PaperLayer
from sim.simulation.bench import TOLERANCE
from sim.simulation.paper_layers import BenchmarkLayer, BenchmarkRun
from sim.terminal.output import Output

QUEUE_SLOTS_ON_THE_WAY = 4  # architecture.md, section 8: a broadcast has its slot four cycles before it is queued
SPREADS = (0.1, 0.2, 0.3, 0.5)
IDEAL_WITHIN = 0.005
MOST_TRIES = 6

ARRAY = PRESETS["eie64"]
DEEPER = ARRAY.with_(queue_depth=ARRAY.queue_depth + QUEUE_SLOTS_ON_THE_WAY)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench_table_iv", description="eie64 beside Table IV of the EIE paper, and why."
    )
    parser.add_argument("--layer", action="append", choices=PAPER_LAYERS, help="of Table III; repeatable")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    if options.seed < 0:
        parser.error(f"--seed must be 0 or more, got {options.seed}")
    names = [name for name in PAPER_LAYERS if not options.layer or name in options.layer]
    output = Output(as_json=options.json)
    rows: list[dict[str, Any]] = []
    with output.steps(f"{len(names)} layers, {4 + len(SPREADS)} experiments each") as say:
        for name in names:
            say(name)
            rows.append(explain(PAPER_LAYERS[name], options.seed))
    changed = ["its work", "at density", f"queue {DEEPER.queue_depth}", *(f"rows {spread}" for spread in SPREADS)]
    output.table(
        f"cycles / ideal of {ARRAY.name}, seed {options.seed}, and what one change makes of it",
        ["layer", "paper", ARRAY.name, "difference", *changed],
        [_cells(row) for row in rows],
    )
    output.line(f"* within {TOLERANCE:g} of the paper. 'its work': the density that gives Table IV's ideal time.")
    output.line("'rows': standard deviation of the logarithms of the rows' densities.")
    output.result({"seed": options.seed, "tolerance": TOLERANCE, "layers": rows})


def explain(layer: PaperLayer, seed: int) -> dict[str, Any]:
    """Cycles over ideal of a layer as `eie bench` has it and with each change."""
    made = BenchmarkLayer(layer, ARRAY.code_bits, seed)
    base = made.run(ARRAY)
    deeper = made.run(DEEPER)
    density, working = run_with_its_work(layer, base, seed)
    return {
        "layer": layer.name,
        "paper": layer.actual_over_ideal,
        "eie64": base.metrics.cycles_over_ideal,
        "its_work": working.metrics.cycles_over_ideal,
        "density": density,
        "deeper_queue": deeper.metrics.cycles_over_ideal,
        "rows": {
            str(spread): BenchmarkLayer(layer, ARRAY.code_bits, seed, spread).run(ARRAY).metrics.cycles_over_ideal
            for spread in SPREADS
        },
    }


def run_with_its_work(layer: PaperLayer, base: BenchmarkRun, seed: int) -> tuple[float, BenchmarkRun]:
    """The weight density at which the layer's ideal time is the paper's, by secants in logarithms, and its run."""
    density, run, slope = layer.weight_density, base, 1.0
    for _ in range(MOST_TRIES):
        gap = log(layer.ideal_cycles / run.metrics.ideal_cycles)
        if abs(gap) < IDEAL_WITHIN:
            break
        before = density, run.metrics.ideal_cycles
        density *= (layer.ideal_cycles / run.metrics.ideal_cycles) ** (1 / slope)
        run = BenchmarkLayer(replace(layer, weight_density=density), ARRAY.code_bits, seed).run(ARRAY)
        slope = log(run.metrics.ideal_cycles / before[1]) / log(density / before[0])
    return density, run


def _cells(row: dict[str, Any]) -> list[str]:
    def cell(value: float) -> str:
        return f"{value:.2f} {'*' if abs(value - row['paper']) <= TOLERANCE else ' '}"

    return [
        row["layer"],
        f"{row['paper']:.2f}",
        cell(row["eie64"]),
        f"{row['eie64'] - row['paper']:+.3f}",
        cell(row["its_work"]),
        f"{100 * row['density']:.2f} %",
        cell(row["deeper_queue"]),
        *(cell(value) for value in row["rows"].values()),
    ]


if __name__ == "__main__":
    main()
