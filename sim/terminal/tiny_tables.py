"""The tables of the suite MLPerf Tiny: what the array did, and what others publish."""

from collections.abc import Mapping
from typing import Any

from sim.metrics.metrics import Metrics
from sim.mlperf_tiny import PUBLISHED, TINY_NETWORKS
from sim.simulation.tiny_bench import TinyBench, TinyRun
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
    "right",
)
PUBLISHED_COLUMNS = ("network", "division", "entry", "device", "multipliers", "MHz", "inf/s", "uJ", "quality")


def show_tiny(output: Output, bench: TinyBench) -> None:
    """Both tables and every remark; the same facts with --json."""
    array = bench.array
    runs = {run.network.task: run for run in bench.runs}
    output.table(
        f"MLPerf Tiny on {array.name}, {array.pes} PEs at {array.clock_mhz:g} MHz, all weights kept",
        COLUMNS,
        [
            _cells(runs[task]) if task in runs else [f"{task} {network.name}", *["-"] * (len(COLUMNS) - 1)]
            for task, network in TINY_NETWORKS.items()
        ],
    )
    for line in remarks(bench):
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
        ],
    )
    output.line("closed: the reference network; open: a network of the submitter's own. - is not known.")
    output.result(payload(bench))


def remarks(bench: TinyBench) -> list[str]:
    """What a reader of the table must know: what was measured, on what, what was enlarged, what could not be run."""
    array = bench.array
    measured = (
        f"Simulated: cycles from start to done, mean of {bench.samples} inputs, loading not counted; us and inf/s at "
        f"the clock of {array.name}. Energy and memories are of the array only, uJ is an estimate."
    )
    inputs = (
        f"Inputs are uniformly random in the range of the network's inputs, seed {bench.seed}, and random inputs are "
        "not photographs or sounds: their cycles differ. Those of KWS are the benchmark's."
    )
    lines = [measured, inputs]
    for run in bench.runs:
        task = run.network.task
        if run.enlarged:
            changes = [f"{field} = {depth} instead of {getattr(array, field)}" for field, depth in run.enlarged.items()]
            lines.append(f"{task} needs larger memories than {array.name} has: it ran with {', '.join(changes)}.")
        if run.run.inputs < bench.samples:
            lines.append(f"{task}: {run.run.inputs} inputs only, there are no more.")
        lines += [f"{task}: {remark}." for remark in run.remarks]
        for what, hit in (("overflowed an accumulator", run.run.overflow), ("were saturated", run.run.saturated)):
            if hit.any():
                lines.append(f"{task}: warning: {int(hit.sum())} of {len(hit)} inputs {what}.")
    return [*lines, *(f"{task} was not run: {reason}" for task, reason in bench.reasons.items())]


def payload(bench: TinyBench) -> dict[str, Any]:
    """The JSON object."""
    return {
        "suite": "mlperf-tiny",
        "config": bench.array.to_dict(),
        "seed": bench.seed,
        "samples": bench.samples,
        "networks": [_payload(run) for run in bench.runs],
        "not_run": [{"task": task, "reason": reason} for task, reason in bench.reasons.items()],
        "published": [each._asdict() for each in PUBLISHED],
        "remarks": remarks(bench),
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
        right,
    ]


def _payload(run: TinyRun) -> Mapping[str, Any]:
    return {
        "task": run.network.task,
        "name": run.network.name,
        "file": run.network.file,
        "inputs": run.run.inputs,
        "weights": run.weights,
        "layers": list(run.run.layers),
        "enlarged": dict(run.enlarged),
        **run.run.total.payload(),
        "load_cycles": run.run.load_cycles,
        "inferences_s": _inferences_s(run),
        "memory_bits": run.memory_bits,
        "right": None if run.labelled is None else vars(run.labelled),
        "overflows": int(run.run.overflow.sum()),
        "saturated_inputs": int(run.run.saturated.sum()),
        "random_inputs": run.labelled is None,
        "remarks": list(run.remarks),
    }


def _inferences_s(run: TinyRun) -> float:
    return 1e6 / run.run.total.microseconds


def _known(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
