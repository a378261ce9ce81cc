"""The figures of docs/results.md: computed here, or published, each with whose it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.bench_engine import best
from examples.mnist import run as run_mnist
from model.config import PRESETS
from model.engine import Engine
from sim.commands.bench import differs, geometric_means
from sim.computer import this_computer
from sim.energy.check import check
from sim.energy.technology import load_technology
from sim.paper import PAPER_LAYERS
from sim.progress import Say
from sim.simulation.image_run import physical_inputs, run_image
from sim.simulation.paper_layers import BenchmarkLayer, BenchmarkRun
from sim.terminal.output import Output
from sim.text import count, mean, percent

SEED = 1
MACHINES = ("eie64", "balanced64")
OURS, PAPERS, AUTHORS = "ours", "the EIE paper's", "Deep Compression's"
LENETS = {"LeNet-300-100": "27 KB at 1.58 %", "LeNet-5": "44 KB at 0.74 %"}
TEST_IMAGES = 10_000
SPEED_LAYER = "Alex-7"

# What a figure needs to come out the same again: nothing, the data of MNIST, or the same machine.
Needs = Literal["nothing", "data", "machine"]


@dataclass(frozen=True)
class Figure:
    """One row: what it is, its value in words, whose it is, the command that gives it, and what it depends on."""

    what: str
    value: str
    whose: str
    command: str
    needs: Needs = "nothing"


@dataclass(frozen=True, kw_only=True)
class LayerRuns:
    """What each machine of `MACHINES` did with the layers of these names, in the paper's order."""

    names: Sequence[str]
    runs: Mapping[str, Sequence[BenchmarkRun]]


def run_layers(say: Say, names: Sequence[str] = tuple(PAPER_LAYERS)) -> LayerRuns:
    """The nine layers, or some of them, on every machine."""
    runs: dict[str, list[BenchmarkRun]] = {name: [] for name in MACHINES}
    for layer_name in names:
        say(f"running {layer_name}")
        made = BenchmarkLayer(PAPER_LAYERS[layer_name], PRESETS[MACHINES[0]].code_bits, SEED)
        for name in MACHINES:
            runs[name].append(made.run(PRESETS[name]))
    return LayerRuns(names=names, runs=runs)


def layer_table(layers: LayerRuns) -> list[list[str]]:
    """Head, whose each column is, a row per layer, and, of all nine layers, geometric means."""
    columns = [
        ("layer", "*whose*"),
        ("cycles / ideal, `eie64`", OURS),
        ("actual / ideal", PAPERS),
        *((f"useful, `{name}`", OURS) for name in MACHINES),
        *((f"us, `{name}`", OURS) for name in MACHINES),
        ("us", PAPERS),
        *((f"mW, `{name}`", OURS) for name in MACHINES),
        *((f"uJ, `{name}`", OURS) for name in MACHINES),
    ]
    first, *_ = MACHINES
    rows = [[head for head, _ in columns], [whose for _, whose in columns]]
    for number, layer in enumerate(PAPER_LAYERS[name] for name in layers.names):
        runs = [layers.runs[name][number] for name in MACHINES]
        metrics = [run.metrics for run in runs]
        rows.append(
            [
                layer.name,
                f"{metrics[0].cycles / metrics[0].ideal_cycles:.2f}{' *' if differs(runs[0]) else ''}",
                f"{layer.actual_over_ideal:.2f}",
                *(percent(each.useful_efficiency) for each in metrics),
                *(f"{each.microseconds:.1f}" for each in metrics),
                f"{layer.actual_us:.1f}",
                *(f"{each.milliwatts:,.0f}" for each in metrics),
                *(f"{each.energy_nj / 1000:.1f}" for each in metrics),
            ]
        )
    if len(layers.names) < len(PAPER_LAYERS):
        return rows
    means = {name: geometric_means(layers.runs[name]) for name in MACHINES}
    rows.append(
        [
            "geometric mean",
            f"{means[first]['cycles_over_ideal']:.2f}",
            f"{means[first]['paper_actual_over_ideal']:.2f}",
            *(percent(means[name]["useful_efficiency"]) for name in MACHINES),
            *(f"{means[name]['microseconds']:.1f}" for name in MACHINES),
            f"{means[first]['paper_actual_us']:.1f}",
            *(f"{_geometric([run.metrics.milliwatts for run in layers.runs[name]]):,.0f}" for name in MACHINES),
            *(f"{_geometric([run.metrics.energy_nj / 1000 for run in layers.runs[name]]):.1f}" for name in MACHINES),
        ]
    )
    return rows


def power_figures() -> list[Figure]:
    """The check of the energy model, beside what the paper publishes."""
    rows = {row.part: row for row in check(load_technology())}
    units = [row for part, row in rows.items() if row.rests_on == "both" and part not in ("PE", "array of 64 PEs")]
    worst = max((abs(row.deviation), row.part) for row in units)
    figures: list[Figure] = []
    for part in ("PE", "array of 64 PEs"):
        row = rows[part]
        value = f"{row.model_mw:.2f} mW, {100 * row.deviation:+.1f} %"
        figures.append(Figure(f"power of the paper's {part}, its own activity", value, OURS, "`eie energy`"))
        figures.append(Figure("the same", f"{row.paper_mw:g} mW", PAPERS, "Table II, section V"))
    value = f"{100 * worst[0]:.1f} % ({worst[1]})"
    figures.append(Figure("largest deviation of a unit that rests on event energies", value, OURS, "`eie energy`"))
    return figures


def lenet_figures(data: Path | None, output: Output) -> list[Figure]:
    """The two LeNets: bytes always, what they do on MNIST where its folder is given."""
    figures: list[Figure] = []
    for name, published in LENETS.items():
        file = Path("examples") / f"{name.lower()}.eie"
        command = f"`python examples/mnist.py {file} --data DIR`"
        size = (Path(__file__).parents[1] / file).stat().st_size
        figures.append(Figure(f"{name}, bytes of the file", count(size), OURS, f"`eie inspect {file}`"))
        figures.append(Figure("the same", published, AUTHORS, "Table 1"))
        if data is not None:
            done = run_mnist(Path(__file__).parents[1] / file, data, MACHINES[0], TEST_IMAGES, 0, output)
            figures += [_lenet(f"{name}, {what}", value, command) for what, value in _lenet_values(done).items()]
    return figures


def speed_figures() -> list[Figure]:
    """How fast the engine is here: the best of several runs of a layer that is laid out."""
    made = BenchmarkLayer(PAPER_LAYERS[SPEED_LAYER], PRESETS[MACHINES[0]].code_bits, SEED)
    figures: list[Figure] = []
    for name in MACHINES:
        image, _ = made.fit(PRESETS[name])
        simulation = run_image(image, made.inputs)
        engine, physical = Engine(image), physical_inputs(image, simulation.activations)
        seconds = best(lambda engine=engine, physical=physical: engine.run(physical))
        speed = int(simulation.cycles[0]) * image.config.pes / seconds / 1e9
        value = f"{speed:.1f} G PE-cycles/s"
        what = f"engine, {SPEED_LAYER} on `{name}`, values and all counters"
        figures.append(Figure(what, value, OURS, "`python -m benchmarks.bench_engine`", "machine"))
    return figures


def machine_sentence() -> str:
    """The computer and what ran on it, and when."""
    here = this_computer()
    versions = ", ".join(f"{name} {number}" for name, number in here.versions.items() if name in ("python", "numpy"))
    cores = f"{here.cores} cores, " if here.cores else ""
    return (
        f"{here.cpu}, {cores}{here.threads} usable threads, load average {here.load:.1f}, {here.system}; {versions}, "
        f"numba {version('numba')}; {here.date[:10]}"
    )


def _lenet(what: str, value: str, command: str) -> Figure:
    return Figure(what, value, OURS, command, "data")


def _lenet_values(done: Mapping[str, Any]) -> dict[str, str]:
    return {
        "error in float32, on the array": f"{100 * done['error_float']:.2f} %, {100 * done['error_integer']:.2f} %",
        "per image": f"{mean(done['cycles_per_image'])} cycles, {mean(done['nanojoules'])} nJ",
    }


def _geometric(values: Sequence[float]) -> float:
    return float(np.exp(np.mean(np.log(values))))
