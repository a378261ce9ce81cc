"""The tables of the suite MLPerf Tiny: what the array did, and what others publish."""

from collections.abc import Mapping
from typing import Any

from sim.baseline.interpreter import InterpreterTime
from sim.computer import this_computer
from sim.energy.model import NARROW
from sim.metrics.metrics import Metrics
from sim.mlperf_tiny import PUBLISHED, TINY_NETWORKS
from sim.simulation.tiny_bench import TinyBench, TinyRun
from sim.simulation.tiny_pruning import KINDS
from sim.terminal.output import Output
from sim.text import count

FIGURES = (Metrics.cycles, Metrics.useful_efficiency, Metrics.microseconds)
COLUMNS = (
    "network",
    "weights",
    "layers",
    *(figure.heading for figure in FIGURES),
    "inf/s",
    "uJ",
    "memory Kbit",
    "error",
    "right",
)
CPU_COLUMN = "this CPU us"
PUBLISHED_COLUMNS = ("network", "division", "entry", "device", "multipliers", "MHz", "inf/s", "uJ", "quality")


Times = Mapping[str, InterpreterTime | str]  # of this computer's CPU, by task; a sentence where there is none


def show_tiny(output: Output, bench: TinyBench, times: Times) -> None:
    """Both tables and every remark; the same facts with --json."""
    array = bench.array
    runs = {run.network.task: run for run in bench.runs}
    columns = [*COLUMNS, *([CPU_COLUMN] if times else [])]
    kept = "all weights kept" if all(share == 1 for share in bench.densities.values()) else "pruned"
    output.table(
        f"MLPerf Tiny on {array.name}, {array.pes} PEs at {array.clock_mhz:g} MHz, {kept}",
        columns,
        [
            [*_cells(runs[task]), *([_microseconds(times.get(task))] if times else [])]
            if task in runs
            else [f"{task} {TINY_NETWORKS[task].name}", *["-"] * (len(columns) - 1)]
            for task in bench.tasks
        ],
    )
    for line in remarks(bench, times):
        output.line(line)
    output.line()
    output.table(
        "Published, median of a whole device: results of MLPerf Tiny v0.7 to v1.3",
        PUBLISHED_COLUMNS,
        [
            [
                each.task,
                each.division or "-",
                each.entry,
                each.device,
                _known(each.multipliers),
                _known(each.clock_mhz),
                f"{each.inferences_s:,.0f}",
                _known(each.microjoules),
                each.quality,
            ]
            for each in PUBLISHED
            if each.task in bench.tasks
        ],
    )
    output.line("closed: the reference network; open: a network of the submitter's own. - is not known.")
    output.result(payload(bench, times))


def remarks(bench: TinyBench, times: Times) -> list[str]:
    """What a reader of the table must know: what was measured, on what, what was enlarged, what could not be run."""
    array = bench.array
    measured = (
        f"Simulated: cycles from start to done, mean of {bench.samples} inputs, loading not counted; us and inf/s at "
        f"the clock of {array.name}. Energy and memories are of the array only, uJ is an estimate. "
        "Error: the largest difference of an output from that in float32, over the range of these."
    )
    inputs = (
        f"Inputs are uniformly random in the range of the network's inputs, seed {bench.seed}, and random inputs are "
        "not photographs or sounds: their cycles differ. Those of KWS are the benchmark's."
    )
    narrow = [f"Activations have 8 bits; {NARROW}."] if array.activation_bits == 8 else []
    lines = [measured, inputs, *narrow, *_pruning(bench), *_cpu(times)]
    for run in bench.runs:
        task = run.network.task
        if run.enlarged:
            changes = [f"{field} = {depth} instead of {getattr(array, field)}" for field, depth in run.enlarged.items()]
            lines.append(f"{task} needs larger memories than {array.name} has: it ran with {', '.join(changes)}.")
        lines += [f"{task}: {cut}." for cut in run.run.cuts]
        if run.run.inputs < bench.samples:
            lines.append(f"{task}: {run.run.inputs} inputs only, there are no more.")
        lines += [f"{task}: {remark}." for remark in run.remarks]
        lines += [f"{task}: warning: {remark}." for remark in run.run.ranges.remarks]
    return [*lines, *(f"{task} was not run: {reason}" for task, reason in bench.reasons.items())]


def _pruning(bench: TinyBench) -> list[str]:
    """What was left out."""
    kept = [f"{share:.0%} of {KINDS[kind]}" for kind, share in bench.densities.items() if share != 1]
    if not kept:
        return []
    said = (
        f"Pruned: kept are the largest weights of every output channel, {', '.join(kept)}; without retraining, so that "
    )
    return [said + "such rows show cycles and not what a network pruned so can do."]


def _cpu(times: Times) -> list[str]:
    """How the CPU was timed, and why a network was not."""
    libraries = {each.library for each in times.values() if isinstance(each, InterpreterTime)}
    computer = this_computer()
    lines = [
        f"{CPU_COLUMN}: {computer.cpu}, {library}, Python {computer.versions['python']}, one thread, batch 1, median, "
        f"load {computer.load:.1f} of {computer.threads} threads; the file as it is, no weight left out."
        for library in libraries
    ]
    return [*lines, *dict.fromkeys(f"{CPU_COLUMN}: {each}." for each in times.values() if isinstance(each, str))]


def payload(bench: TinyBench, times: Times) -> dict[str, Any]:
    """The JSON object."""
    return {
        "suite": "mlperf-tiny",
        "config": bench.array.to_dict(),
        "seed": bench.seed,
        "samples": bench.samples,
        "densities": dict(bench.densities),
        "networks": [_payload(run) for run in bench.runs],
        "not_run": [{"task": task, "reason": reason} for task, reason in bench.reasons.items()],
        "this_cpu": {task: vars(each) if isinstance(each, InterpreterTime) else each for task, each in times.items()},
        "published": [each._asdict() for each in PUBLISHED],
        "remarks": remarks(bench, times),
    }


def _cells(run: TinyRun) -> list[str]:
    total = run.run.total
    right = "-" if run.labelled is None else f"{run.labelled.right} of {run.labelled.samples}"
    return [
        f"{run.network.task} {run.network.name}",
        count(run.weights),
        count(len(run.run.layers)),
        *(figure.text(figure.get(total)) for figure in FIGURES),
        f"{_inferences_s(run):,.0f}",
        f"{total.energy_nj / 1000:.2f}",
        f"{run.memory_bits / 1024:,.0f}",
        f"{run.error:.2%}",
        right,
    ]


def _microseconds(cpu: InterpreterTime | str | None) -> str:
    return f"{cpu.microseconds:,.0f}" if isinstance(cpu, InterpreterTime) else "-"


def _payload(run: TinyRun) -> Mapping[str, Any]:
    return {
        "task": run.network.task,
        "name": run.network.name,
        "file": run.network.file,
        "inputs": run.run.inputs,
        "weights": run.weights,
        "layers": list(run.run.layers),
        "enlarged": dict(run.enlarged),
        "cuts": [vars(cut) for cut in run.run.cuts],
        **run.run.total.payload(),
        "load_cycles": run.run.load_cycles,
        "inferences_s": _inferences_s(run),
        "memory_bits": run.memory_bits,
        "error": run.error,
        "right": None if run.labelled is None else vars(run.labelled),
        **run.run.ranges.payload,
        "random_inputs": run.labelled is None,
        "remarks": list(run.remarks),
    }


def _inferences_s(run: TinyRun) -> float:
    return 1e6 / run.run.total.microseconds


def _known(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
