"""`eie baseline`: a network, or the layers of the EIE paper, on this computer, beside an array's simulated time."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path
from typing import Annotated, Any

import typer

from model.config import ArrayConfig
from model.errors import EieError
from sim.baseline.comparison import Kind, LayerBaseline, SpeedUp, case_name, paper_us, payload, speed_ups
from sim.baseline.cpu import cpu
from sim.baseline.gpu import gpu
from sim.baseline.layer_product import layer_matrix
from sim.baseline.measurement import Budget, Device, Timing, no_meter, time_layer
from sim.baseline.network import NetworkPlan
from sim.computer import this_computer, usable_threads
from sim.fields import check_seed
from sim.paper import PAPER_LAYERS, PaperLayer, chosen
from sim.provenance import made_by
from sim.simulation.paper_layers import run_layer
from sim.terminal.baseline_network import network_and_array, time_and_show
from sim.terminal.options import Changes, ConfigFile, Json, Pes, PresetOrFit, array_config
from sim.terminal.output import Output
from sw.files import check_target, write_whole

LOADED = "what else runs lengthens times, most with all threads"
MOST = 100_000  # repeats, frames of a batch, threads

GPU_SECONDS = 2.0  # a board's energy counter moves some ten times a second

baseline_app = typer.Typer(
    help="Time layers of the paper, or a network, on this computer. Beside it stands an array's simulated time.",
    add_completion=False,
    rich_markup_mode=None,
)

Names = Annotated[
    list[str] | None,
    typer.Option("--layer", metavar="NAME", help=f"One of {', '.join(PAPER_LAYERS)} [default: all]; repeatable."),
]
NetworkFile = Annotated[
    Path | None,
    typer.Argument(
        metavar="NET", help="A network instead of the layers: .eie, ONNX or another that `eie compress` reads."
    ),
]
NetworkInputs = Annotated[
    Path | None, typer.Option("--input", metavar="X.npy", help="Inputs of NET.eie, for the array's simulated time.")
]
Batches = Annotated[str, typer.Option("--batch", metavar="N,...", help="Frames multiplied at once.")]
Repeats = Annotated[int, typer.Option(help="Timed runs of a product, at most.")]
Seconds = Annotated[
    float,
    typer.Option(
        help="For the timed runs of a product, of which there are a few at least; as many more for its energy."
    ),
]
Seed = Annotated[int, typer.Option(help="Of the random weights and inputs, 0 or more.")]
ResultFile = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE.json", help="The object that --json prints.")
]


@baseline_app.callback(invoke_without_command=True)
def baseline(context: typer.Context) -> None:
    """Without a command: the help."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@baseline_app.command("cpu")
def baseline_cpu_command(
    network: NetworkFile = None,
    inputs_file: NetworkInputs = None,
    names: Names = None,
    batches: Batches = "1,64",
    threads: Annotated[str, typer.Option(metavar="N|all,...", help="Threads of the libraries that use several.")] = (
        "1,all"
    ),
    repeats: Repeats = Budget.repeats,
    seconds: Seconds = Budget.seconds,
    preset: PresetOrFit = None,
    config: ConfigFile = None,
    pes: Pes = None,
    changes: Changes = None,
    seed: Seed = 1,
    path: ResultFile = None,
    as_json: Json = False,
) -> None:
    """Time the nine layers, or a network, on this CPU. Numpy dense and scipy CSR; torch and MKL too where installed.

    Of a network the products of its layers, and the whole of it in torch and, of an ONNX file, onnxruntime.
    """
    output = Output(as_json=as_json)
    array = array_config(preset, config, pes, changes, may_fit=network is not None)
    plan = _plan(names, batches, thread_counts(threads), repeats, seconds, seed)
    if path is not None:
        check_target(path, config, network, inputs_file)
    machine, device = this_computer(), cpu()
    if network is not None:
        wanted = network_and_array(output, network, inputs_file, names, preset, array, changes)
        facts = {"machine": asdict(machine)}
        output.line(f"{machine.cpu}, {machine.threads} usable threads; load average {machine.load:.2f}: {LOADED}")
        time_and_show(output, wanted, _how(plan), device, "cpu", facts, path)
        return
    baselines = _time(output, plan, array, device)
    cores = "" if machine.cores is None else f"{machine.cores} cores, "
    output.line(f"{machine.cpu}, {cores}{machine.threads} usable threads; {_versions(machine.versions)}")
    missing = sorted({"torch", "MKL"} - {library.name for library in device.libraries})
    remarks = [
        f"The load average was {machine.load:.2f} at the start; what else runs lengthens times, most with all threads.",
        *([f"Not installed, not timed: {', '.join(missing)}."] if missing else []),
        "The CSR products of scipy use one thread.",
        "No energy is claimed: no RAPL counter of this CPU can be read."
        if device.meter is no_meter
        else "Energy is that of the whole CPU packages (RAPL): everything else they do is in it.",
    ]
    _show(output, baselines, "cpu", array, remarks)
    _write(output, baselines, "cpu", array, plan, {"machine": asdict(machine)}, path)


@baseline_app.command("gpu")
def baseline_gpu_command(
    network: NetworkFile = None,
    inputs_file: NetworkInputs = None,
    names: Names = None,
    batches: Batches = "1,64",
    repeats: Repeats = Budget.repeats,
    seconds: Seconds = GPU_SECONDS,
    preset: PresetOrFit = None,
    config: ConfigFile = None,
    pes: Pes = None,
    changes: Changes = None,
    seed: Seed = 1,
    path: ResultFile = None,
    as_json: Json = False,
) -> None:
    """Time the nine layers, or a network, on a CUDA GPU through torch. Dense and CSR; energy with nvidia-ml-py."""
    output = Output(as_json=as_json)
    array = array_config(preset, config, pes, changes, may_fit=network is not None)
    plan = _plan(names, batches, [1], repeats, seconds, seed)
    if path is not None:
        check_target(path, config, network, inputs_file)
    machine, device = this_computer(), gpu()
    if network is not None:
        wanted = network_and_array(output, network, inputs_file, names, preset, array, changes)
        facts = {"gpu": {"name": device.name, "versions": device.versions}, "machine": asdict(machine)}
        time_and_show(output, wanted, _how(plan), device, "cuda", facts, path)
        return
    baselines = _time(output, plan, array, device)
    output.line(f"{device.name}, {device.memory_bytes / 2**30:.0f} GiB; {_versions(device.versions)}")
    remarks = [
        "Times are between CUDA events around each call: a small kernel waits for its launch from Python.",
        "No energy is claimed: NVML or its energy counter is missing."
        if baselines[0].timings[0].microjoules is None
        else "Energy is that of the whole board (NVML).",
    ]
    _show(output, baselines, "gpu", array, remarks)
    facts = {"name": device.name, "memory_bytes": device.memory_bytes, "versions": device.versions}
    _write(output, baselines, "gpu", array, plan, {"gpu": facts, "machine": asdict(machine)}, path)


def batch_sizes(text: str) -> list[int]:
    """``1,64`` as numbers, each once and in this order; EieError for anything else."""
    return _numbers("--batch", text, {}, f"numbers from 1 to {MOST}")


def thread_counts(text: str) -> list[int]:
    """``1,all`` as numbers, each once and in this order, "all" being those this process may use."""
    return _numbers("--threads", text, {"all": usable_threads()}, f'"all" or numbers from 1 to {MOST}')


def _numbers(option: str, text: str, words: Mapping[str, int], wanted: str) -> list[int]:
    values: list[int] = []
    for part in (part.strip() for part in text.split(",")):
        value = words.get(part, 0)
        if part.isascii() and part.isdigit() and len(part) <= len(str(MOST)):
            value = int(part)
        if not 1 <= value <= MOST:
            raise EieError(f"{option} wants {wanted}, separated by commas, got {text!r}")
        values.append(value)
    return list(dict.fromkeys(values))


@dataclass(frozen=True, kw_only=True)
class _Plan:
    layers: Sequence[PaperLayer]
    batches: Sequence[int]
    threads: Sequence[int]
    budget: Budget
    seed: int


def _plan(
    names: list[str] | None, batches: str, threads: Sequence[int], repeats: int, seconds: float, seed: int
) -> _Plan:
    if not 1 <= repeats <= MOST:
        raise EieError(f"--repeats must be between 1 and {MOST}, got {repeats}")
    if not 0 < seconds < inf:
        raise EieError(f"--seconds must be a finite number above 0, got {seconds:g}")
    check_seed(seed)
    return _Plan(
        layers=chosen(names),
        batches=batch_sizes(batches),
        threads=threads,
        budget=Budget(repeats=repeats, seconds=seconds),
        seed=seed,
    )


def _time(output: Output, plan: _Plan, array: ArrayConfig, device: Device) -> list[LayerBaseline]:
    baselines: list[LayerBaseline] = []
    with output.steps(f"timing {len(plan.layers)} of {len(PAPER_LAYERS)} layers") as say:
        for layer in plan.layers:
            say(f"simulating {layer.name} on {array.pes} PEs")
            run = run_layer(layer, array, plan.seed)
            say(f"timing {layer.name}")
            matrix = layer_matrix(layer, plan.seed, max(plan.batches))
            timings = time_layer(matrix, device, plan.batches, plan.threads, plan.budget)
            baselines.append(
                LayerBaseline(
                    layer=layer,
                    weights=run.weights,
                    enlarged=run.enlarged,
                    array_us=run.metrics.microseconds,
                    timings=timings,
                )
            )
    return baselines


def _show(
    output: Output, baselines: Sequence[LayerBaseline], kind: Kind, array: ArrayConfig, remarks: Sequence[str]
) -> None:
    output.line(f"beside it {array.name}, {array.pes} PEs at {array.clock_mhz:g} MHz, simulated, one frame at a time\n")
    show(output, baselines, kind)
    output.line("Medians of warm runs, us per frame, float32; every product was checked once.")
    output.line('"array" is how many times faster the array is: below 1 it is slower.')
    for remark in remarks:
        output.line(remark)


def _write(
    output: Output,
    baselines: Sequence[LayerBaseline],
    kind: Kind,
    array: ArrayConfig,
    plan: _Plan,
    device: dict[str, Any],
    path: Path | None,
) -> None:
    result = {
        "made_by": made_by(),
        **device,
        "config": array.to_dict(),
        "seed": plan.seed,
        **asdict(plan.budget),
        **payload(baselines, kind),
    }
    output.result(result)
    if path is not None:
        write_whole(path, (json.dumps(result, indent=2) + "\n").encode())
        output.line(f"written to {path}")


def _how(plan: _Plan) -> NetworkPlan:
    return NetworkPlan(batches=plan.batches, threads=plan.threads, budget=plan.budget)


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


COLUMNS = ["layer", "library", "runs", "us", "quartiles", "min .. max", "paper us", "array us", "array"]


ENERGY_COLUMNS = ["uJ", "W"]


SPEED_UP_COLUMNS = ["against", "us", "array", "least", "in", "most", "in", "array slower in"]


def show(output: Output, baselines: Sequence[LayerBaseline], kind: Kind) -> None:
    """A table per batch and number of threads, then one of the speed-ups."""
    timed = [(baseline, timing) for baseline in baselines for timing in baseline.timings]
    energy = any(timing.microjoules is not None for _, timing in timed)
    for case in dict.fromkeys(case_name(timing) for _, timing in timed):
        output.table(
            case,
            COLUMNS + (ENERGY_COLUMNS if energy else []),
            [
                _cells(baseline, timing, kind) + (_energy_cells(timing) if energy else [])
                for baseline, timing in timed
                if case_name(timing) == case
            ],
        )
    rows = [_speed_up_cells(row, len(baselines)) for row in speed_ups(baselines)]
    output.table("geometric means", SPEED_UP_COLUMNS, rows)


def _cells(baseline: LayerBaseline, timing: Timing, kind: Kind) -> list[str]:
    published = paper_us(baseline.layer, kind, timing.batch, timing.form)
    return [
        baseline.layer.name,
        f"{timing.library} {timing.form}",
        str(timing.runs),
        _us(timing.median_us),
        f"{_us(timing.lower_quartile_us)} .. {_us(timing.upper_quartile_us)}",
        f"{_us(timing.minimum_us)} .. {_us(timing.maximum_us)}",
        "" if published is None else _us(published),
        _us(baseline.array_us),
        _times(timing.median_us / baseline.array_us),
    ]


def _energy_cells(timing: Timing) -> list[str]:
    if timing.microjoules is None or timing.watts is None:
        return ["", ""]
    return [f"{timing.microjoules:,.0f}", f"{timing.watts:.0f}"]


def _speed_up_cells(row: SpeedUp, layers: int) -> list[str]:
    slower = f"all {layers}" if len(row.slower) == layers > 1 else ", ".join(row.slower) or "none"
    extremes = [_times(row.least), row.least_layer, _times(row.most), row.most_layer]
    return [row.against, _us(row.us), _times(row.mean), *extremes, slower]


def _us(value: float) -> str:
    return f"{value:,.1f}"


def _times(value: float) -> str:
    return f"{value:.2f}x" if value < 10 else f"{value:,.0f}x"
