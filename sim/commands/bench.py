"""`eie bench`: layers of the EIE paper or networks of MLPerf Tiny on an array, beside what is published of them."""

from collections.abc import Sequence
from pathlib import Path
from statistics import geometric_mean
from typing import Annotated, Any, Literal

import typer

from model.config import ArrayConfig
from model.errors import EieError
from sim.baseline.files import Measured, read_baselines
from sim.baseline.interpreter import times_of
from sim.baseline.platforms import COLUMNS as PLATFORM_COLUMNS
from sim.baseline.platforms import devices, last_row
from sim.baseline.platforms import remarks as platform_remarks
from sim.baseline.platforms import rows as platform_rows
from sim.energy.technology import Technology, load_technology
from sim.metrics.tables import columns, headings, mean_row, rows
from sim.mlperf_tiny import FOLDER, TINY_NETWORKS
from sim.paper import PAPER_CLOCK_MHZ, PAPER_LAYERS, PAPER_PES, chosen
from sim.simulation.bench import TOLERANCE, bench
from sim.simulation.paper_layers import BenchmarkRun
from sim.simulation.tiny_bench import Sharing, tiny_bench
from sim.simulation.tiny_pruning import DENSITIES, KINDS, wanted_densities
from sim.terminal.energy_table import show_energy
from sim.terminal.options import Changes, ConfigFile, Json, Pes, Preset, TechnologyFile, array_config
from sim.terminal.output import Output
from sim.terminal.tiny_tables import show_tiny

Suite = Literal["paper", "mlperf-tiny"]
TINY_PRESET = "mcu16"
TINY_SAMPLES = 4


def _usual_densities() -> str:
    return ", ".join(f"{share:.0%} of {KINDS[kind]}" for kind, share in DENSITIES.items() if share != 1)


PAPER_COLUMNS = ["paper's", "", "paper ideal us", "paper us"]


def bench_command(
    preset: Preset = None,
    config: ConfigFile = None,
    pes: Pes = None,
    changes: Changes = None,
    names: Annotated[
        list[str] | None,
        typer.Option("--layer", metavar="NAME", help=f"One of {', '.join(PAPER_LAYERS)} [default: all]; repeatable."),
    ] = None,
    suite: Annotated[
        Suite, typer.Option(help="The paper's nine layers, or the reference networks of MLPerf Tiny on mcu16.")
    ] = "paper",
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", envvar="EIE_DATA", help="Of MLPerf Tiny: folder with mlperf_tiny/."),
    ] = None,
    samples: Annotated[
        int | None, typer.Option(help=f"Of MLPerf Tiny: inputs of each network, 1 or more [default: {TINY_SAMPLES}].")
    ] = None,
    tasks: Annotated[
        list[str] | None,
        typer.Option("--task", metavar="TASK", help=f"Of MLPerf Tiny: {', '.join(TINY_NETWORKS)}; repeatable."),
    ] = None,
    pruned: Annotated[bool, typer.Option("--pruned", help=f"Of MLPerf Tiny: keep {_usual_densities()}.")] = False,
    densities: Annotated[
        list[str] | None,
        typer.Option("--density", metavar="KIND=SHARE", help="Of MLPerf Tiny: keep such a share; repeatable."),
    ] = None,
    fitted: Annotated[
        bool, typer.Option("--reconstruct", help="Of MLPerf Tiny: fit weights so that layers keep their outputs.")
    ] = False,
    row_scales: Annotated[
        bool, typer.Option("--scale-rows", help="Of MLPerf Tiny: give rows of weights scales, see `eie compress`.")
    ] = False,
    this_cpu: Annotated[
        bool, typer.Option("--this-cpu", help="Of MLPerf Tiny: time the TensorFlow Lite interpreter here, one thread.")
    ] = False,
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
    """Run the layers of the EIE paper or MLPerf Tiny on an array. Those of the paper are random, of its densities."""
    output = Output(as_json=as_json)
    if suite == "mlperf-tiny":
        if names or cpu_file is not None or gpu_file is not None:
            raise EieError("--layer, --cpu and --gpu are of the paper's layers, --suite mlperf-tiny has none of them")
        if data is None:
            raise EieError("--suite mlperf-tiny needs --data DIR or EIE_DATA, the folder with mlperf_tiny/")
        array = array_config(TINY_PRESET if preset is None and config is None else preset, config, pes, changes)
        found = tiny_bench(
            data,
            array,
            TINY_SAMPLES if samples is None else samples,
            seed,
            tasks=tasks,
            densities=wanted_densities(pruned, densities or []),
            sharing=_sharing(fitted, row_scales),
            technology=load_technology(technology_file),
            progress=output,
        )
        files = {task: data / FOLDER / TINY_NETWORKS[task].file for task in found.tasks}
        show_tiny(output, found, times_of(files, seed) if this_cpu else {})
        return
    if samples is not None:
        raise EieError("--samples is of --suite mlperf-tiny, a layer of the paper has one input")
    if tasks or pruned or densities or fitted or row_scales or this_cpu:
        raise EieError(
            "--task, --pruned, --density, --reconstruct, --scale-rows and --this-cpu are of --suite mlperf-tiny"
        )
    array = array_config(preset, config, pes, changes)
    technology = load_technology(technology_file)
    _run_paper(output, array, names, seed, technology, read_baselines(cpu_file, gpu_file))


def _sharing(fitted: bool, row_scales: bool) -> Sharing:
    if fitted and row_scales:
        raise EieError("--scale-rows makes layers that must stay as they are, wanted it without --reconstruct")
    return "reconstruct" if fitted else "scale-rows" if row_scales else "plain"


def _run_paper(
    output: Output,
    array: ArrayConfig,
    names: Sequence[str] | None,
    seed: int,
    technology: Technology,
    measured: Sequence[Measured],
) -> None:
    layers = chosen(names)
    runs = bench(array, names, seed, technology=technology, progress=output).runs
    metrics = {run.layer.name: run.metrics for run in runs}
    _show_cycles(output, runs, array)
    for line in remarks(runs, array, seed):
        output.line(line)
    output.line()
    array_us = {name: each.microseconds for name, each in metrics.items()}
    found = devices(layers, measured)
    title = f"{array.name}, {array.pes} PEs, one frame at a time, beside a CPU and a GPU"
    output.table(title, PLATFORM_COLUMNS, platform_rows(array_us, found), last_row(array_us, found))
    for line in platform_remarks(found):
        output.line(line)
    output.line()
    energy_remarks = {name: each.energy_remarks for name, each in metrics.items()}
    show_energy(output, f"{array.name}, {array.pes} PEs", metrics, remarks=energy_remarks)
    output.result(
        {
            "config": array.to_dict(),
            "seed": seed,
            "technology": technology.name,
            "layers": [_payload(run) for run in runs],
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


def _show_cycles(output: Output, runs: Sequence[BenchmarkRun], array: ArrayConfig) -> None:
    metrics = {run.layer.name: run.metrics for run in runs}
    figures = columns("bench")
    body, _ = rows(metrics, figures)
    output.table(
        f"{array.name}, {array.pes} PEs at {array.clock_mhz:g} MHz, against the paper's {PAPER_PES} PEs at "
        f"{PAPER_CLOCK_MHZ:g} MHz",
        ["layer", "in x out", *headings(figures), *PAPER_COLUMNS],
        [
            [name, f"{run.layer.inputs} x {run.layer.outputs}", *cells, *_paper_cells(run)]
            for run, (name, *cells) in zip(runs, body, strict=True)
        ],
        ["geometric mean", "", *mean_row(list(metrics.values()), figures), *_paper_means(runs)],
    )


def differs(run: BenchmarkRun) -> bool:
    """Whether cycles / ideal is further from the paper's actual / ideal than the tolerance."""
    return abs(run.metrics.cycles / run.metrics.ideal_cycles - run.layer.actual_over_ideal) > TOLERANCE


def geometric_means(runs: Sequence[BenchmarkRun]) -> dict[str, float]:
    """Over the layers that were run."""
    means = {figure.name: figure.over([figure.get(run.metrics) for run in runs]) for figure in columns("bench")}
    return {
        **{name: mean for name, mean in means.items() if mean is not None},
        "paper_actual_over_ideal": geometric_mean(run.layer.actual_over_ideal for run in runs),
        "paper_ideal_us": geometric_mean(run.layer.ideal_us for run in runs),
        "paper_actual_us": geometric_mean(run.layer.actual_us for run in runs),
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


def _paper_cells(run: BenchmarkRun) -> list[str]:
    layer = run.layer
    return [
        f"{layer.actual_over_ideal:.2f}",
        "*" if differs(run) else "",
        f"{layer.ideal_us:.1f}",
        f"{layer.actual_us:.1f}",
    ]


def _paper_means(runs: Sequence[BenchmarkRun]) -> list[str]:
    means = geometric_means(runs)
    return [
        f"{means['paper_actual_over_ideal']:.2f}",
        "",
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
        **run.metrics.payload(),
        "energy_remarks": run.metrics.energy_remarks,
        "paper_ideal_us": layer.ideal_us,
        "paper_actual_us": layer.actual_us,
        "paper_actual_over_ideal": layer.actual_over_ideal,
        "differs": differs(run),
    }
