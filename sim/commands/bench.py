"""`eie bench`: the nine layers of the EIE paper on an array, beside what the paper publishes."""

from collections.abc import Iterable, Sequence
from math import exp, log
from pathlib import Path
from typing import Annotated, Any

import typer

from model.config import ArrayConfig
from sim.baseline.files import read_baselines
from sim.baseline.platforms import COLUMNS as PLATFORM_COLUMNS
from sim.baseline.platforms import devices, last_row
from sim.baseline.platforms import remarks as platform_remarks
from sim.baseline.platforms import rows as platform_rows
from sim.energy.model import EnergyModel
from sim.energy.technology import load_technology
from sim.fields import check_seed
from sim.paper import PAPER_CLOCK_MHZ, PAPER_LAYERS, PAPER_PES, chosen
from sim.simulation.paper_layers import BenchmarkRun, run_layer
from sim.terminal.energy_table import energy_payload, show_energy
from sim.terminal.options import Changes, ConfigFile, Json, Pes, Preset, TechnologyFile, array_config
from sim.terminal.output import Output
from sim.text import count, mean, percent

TOLERANCE = 0.05  # of cycles / ideal; a larger difference from the paper is marked

COLUMNS = [
    "layer",
    "in x out",
    "entries",
    "fillers",
    "stalls",
    "useful",
    "balance",
    "ideal",
    "cycles",
    "cycles/ideal",
    "paper",
    "",
    "us",
    "paper ideal us",
    "paper us",
]


def bench_command(
    preset: Preset = None,
    config: ConfigFile = None,
    pes: Pes = None,
    changes: Changes = None,
    names: Annotated[
        list[str] | None,
        typer.Option("--layer", metavar="NAME", help=f"One of {', '.join(PAPER_LAYERS)} [default: all]; repeatable."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the random weights and inputs, 0 or more.")] = 1,
    technology_file: TechnologyFile = None,
    cpu_file: Annotated[
        Path | None, typer.Option("--cpu", metavar="FILE.json", help="Times that `eie baseline cpu -o` measured.")
    ] = None,
    gpu_file: Annotated[
        Path | None, typer.Option("--gpu", metavar="FILE.json", help="Times that `eie baseline gpu -o` measured.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run the nine layers of the EIE paper on an array. They are seeded random ones of the same sizes and densities."""
    output = Output(as_json=as_json)
    array = array_config(preset, config, pes, changes)
    layers = chosen(names)
    technology = load_technology(technology_file)
    check_seed(seed)
    measured = read_baselines(cpu_file, gpu_file)
    runs: list[BenchmarkRun] = []
    with output.steps(f"running {len(layers)} of {len(PAPER_LAYERS)} layers on {array.pes} PEs") as say:
        for layer in layers:
            say(f"compressing and running {layer.name}")
            runs.append(run_layer(layer, array, seed))
    output.table(
        f"{array.name}, {array.pes} PEs at {array.clock_mhz:g} MHz, against the paper's {PAPER_PES} PEs at "
        f"{PAPER_CLOCK_MHZ:g} MHz",
        COLUMNS,
        [_cells(run) for run in runs],
        _mean_cells(runs),
    )
    for line in remarks(runs, array, seed):
        output.line(line)
    models = {run.layer.name: EnergyModel.of_array(run.config, technology) for run in runs}
    energies = {run.layer.name: models[run.layer.name].energy(run.events) for run in runs}
    energy_remarks = {name: model.remarks for name, model in models.items()}
    output.line()
    array_us = {run.layer.name: run.microseconds for run in runs}
    found = devices(layers, measured)
    title = f"{array.name}, {array.pes} PEs, one frame at a time, beside a CPU and a GPU"
    output.table(title, PLATFORM_COLUMNS, platform_rows(array_us, found), last_row(array_us, found))
    for line in platform_remarks(found):
        output.line(line)
    output.line()
    show_energy(output, f"{array.name}, {array.pes} PEs", technology, energies, remarks=energy_remarks)
    output.result(
        {
            "config": array.to_dict(),
            "seed": seed,
            "technology": technology.name,
            "layers": [
                {
                    **_payload(run),
                    "energy": energy_payload(energies[run.layer.name]),
                    "energy_remarks": energy_remarks[run.layer.name],
                }
                for run in runs
            ],
            "geometric_means": geometric_means(runs),
            "platforms": [
                {
                    "kind": device.kind,
                    "source": device.source,
                    "microseconds": [
                        {"layer": name, "form": form, "batch": batch, "us": us}
                        for (name, form, batch), us in device.times.items()
                        if name in array_us
                    ],
                }
                for device in found
            ],
        }
    )


def differs(run: BenchmarkRun) -> bool:
    """Whether cycles / ideal is further from the paper's actual / ideal than the tolerance."""
    return abs(run.cycles_over_ideal - run.layer.actual_over_ideal) > TOLERANCE


def geometric_means(runs: Sequence[BenchmarkRun]) -> dict[str, float]:
    """Over the layers that were run."""
    return {
        "ideal_cycles": _geometric(run.ideal_cycles for run in runs),
        "cycles": _geometric(run.figures["cycles"] for run in runs),
        "cycles_over_ideal": _geometric(run.cycles_over_ideal for run in runs),
        "useful_efficiency": _geometric(run.figures["useful_efficiency"] for run in runs),
        "balance": _geometric(run.figures["balance"] for run in runs),
        "microseconds": _geometric(run.microseconds for run in runs),
        "paper_actual_over_ideal": _geometric(run.layer.actual_over_ideal for run in runs),
        "paper_ideal_us": _geometric(run.layer.ideal_us for run in runs),
        "paper_actual_us": _geometric(run.layer.actual_us for run in runs),
    }


def remarks(runs: Sequence[BenchmarkRun], array: ArrayConfig, seed: int) -> list[str]:
    """What a reader of the table must know: what was measured, what is marked, what was enlarged."""
    measured = (
        f"Uniformly random positions at the paper's densities, seed {seed}. Entries and fillers are those of active "
        "columns; ideal is their mean per PE; cycles go from start to done."
    )
    lines = [measured]
    if any(differs(run) for run in runs):
        lines.append(f"* cycles/ideal differs from the paper's actual/ideal by more than {TOLERANCE:g}.")
    for run in runs:
        if run.enlarged:
            changes = [f"{field} = {depth} instead of {getattr(array, field)}" for field, depth in run.enlarged.items()]
            lines.append(
                f"{run.layer.name} needs larger memories than {array.name} has: it ran with {', '.join(changes)}."
            )
    return lines


def _cells(run: BenchmarkRun) -> list[str]:
    layer, figures = run.layer, run.figures
    return [
        layer.name,
        f"{layer.inputs} x {layer.outputs}",
        *(count(round(figures[name])) for name in ("entries", "fillers", "stalls")),
        percent(figures["useful_efficiency"]),
        percent(figures["balance"]),
        mean(run.ideal_cycles),
        count(round(figures["cycles"])),
        f"{run.cycles_over_ideal:.2f}",
        f"{layer.actual_over_ideal:.2f}",
        "*" if differs(run) else "",
        f"{run.microseconds:.1f}",
        f"{layer.ideal_us:.1f}",
        f"{layer.actual_us:.1f}",
    ]


def _mean_cells(runs: Sequence[BenchmarkRun]) -> list[str]:
    means = geometric_means(runs)
    return [
        "geometric mean",
        *[""] * 4,
        percent(means["useful_efficiency"]),
        percent(means["balance"]),
        mean(means["ideal_cycles"]),
        mean(means["cycles"]),
        f"{means['cycles_over_ideal']:.2f}",
        f"{means['paper_actual_over_ideal']:.2f}",
        "",
        f"{means['microseconds']:.1f}",
        f"{means['paper_ideal_us']:.1f}",
        f"{means['paper_actual_us']:.1f}",
    ]


def _payload(run: BenchmarkRun) -> dict[str, Any]:
    layer = run.layer
    return {
        "name": layer.name,
        "shape": [layer.outputs, layer.inputs],
        "weight_density": layer.weight_density,
        "activation_density": layer.activation_density,
        "weights": run.weights,
        "enlarged": dict(run.enlarged),
        **run.figures,
        "ideal_cycles": run.ideal_cycles,
        "cycles_over_ideal": run.cycles_over_ideal,
        "microseconds": run.microseconds,
        "paper_ideal_us": layer.ideal_us,
        "paper_actual_us": layer.actual_us,
        "paper_actual_over_ideal": layer.actual_over_ideal,
        "differs": differs(run),
    }


def _geometric(values: Iterable[float]) -> float:
    logarithms = [log(value) for value in values]
    return exp(sum(logarithms) / len(logarithms))
