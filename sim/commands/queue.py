"""`eie queue`: what the activation queues hold over time, and how deep they must be."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import typer

from model.config import ArrayConfig
from sim.simulation.ranges import Ranges
from sim.simulation.workload import Workload, source, workloads
from sim.terminal.fit_preset import fitted
from sim.terminal.options import Changes, ConfigFile, Json, Pes, PresetOrFit, array_config
from sim.terminal.output import Output
from sim.terminal.range_warnings import warn_of_ranges
from sim.terminal.source import Bench, BenchLayers, BenchSeed, NetworkInputs, NetworkOrBench
from sim.terminal.sparkline import sparkline
from sim.text import count, percent
from sim.timeline.queue_depth import MOST_DEPTH, DepthCurve, depth_curve, parse_loss
from sim.timeline.queue_figures import PARTS, QueueFigures, queue_figures

DEPTHS = [1 << power for power in range(MOST_DEPTH.bit_length())]  # those of the table


@dataclass(frozen=True, kw_only=True)
class QueueReport:
    """One layer's queues over so many inputs: as they are, and against their depth. `enlarged` as in `Workload`."""

    name: str
    inputs: int
    enlarged: Mapping[str, int]
    figures: QueueFigures
    curve: DepthCurve


def queue_command(
    network: NetworkOrBench = None,
    inputs_file: NetworkInputs = None,
    bench: Bench = False,
    layers: BenchLayers = None,
    preset: PresetOrFit = None,
    config: ConfigFile = None,
    pes: Pes = None,
    changes: Changes = None,
    loss_text: Annotated[
        str, typer.Option("--loss", metavar="1%", help="Cycles that may be lost against queues that are never full.")
    ] = "1%",
    seed: BenchSeed = 1,
    as_json: Json = False,
) -> None:
    """Show what the activation queues hold, and the depth they need. Exact, for a network or the paper's layers."""
    output = Output(as_json=as_json)
    array = array_config(preset, config, pes, changes, may_fit=not bench)
    loss = parse_loss(loss_text)
    chosen = source(network, inputs_file, bench, layers, seed)
    reports: list[QueueReport] = []
    checked: list[Ranges] = []
    for workload in workloads(chosen, array, output, partial(fitted, preset, array, changes)):
        array = array if bench else workload.config
        reports += _report(workload, output)
        checked += [ranges for ranges in [workload.ranges(slice(None))] if ranges is not None]
    warn_of_ranges(output, *checked)
    total = None if bench else sum((report.curve for report in reports[1:]), reports[0].curve)
    show_queues(output, array, reports)
    show_depths(output, array, reports, total, loss)
    for report in reports:
        if report.enlarged:
            fields = ", ".join(f"{field} = {depth}" for field, depth in report.enlarged.items())
            output.line(f"{report.name} needs larger memories than {array.name} has: it ran with {fields}.")
    if bench:
        output.line(f"Uniformly random positions at the paper's densities, seed {seed}.")
    output.result(
        {
            "network": None if network is None else str(network),
            "seed": seed if bench else None,
            "config": array.to_dict(),
            "inputs": reports[0].inputs,
            "loss": loss,
            **{name: value for ranges in checked for name, value in ranges.payload.items()},
            "layers": [_payload(report, loss) for report in reports],
            "total": None if total is None else _depth_payload(total, reports[0].inputs, loss),
        }
    )


def _report(workload: Workload, output: Output) -> list[QueueReport]:
    """A report per layer of the network, over all inputs."""
    found: dict[str, tuple[QueueFigures, DepthCurve]] = {}
    inputs = workload.inputs
    with output.bar(f"{workload.name}: queues for {inputs} input{'s' if inputs > 1 else ''}", inputs) as advance:
        for index in range(inputs):
            for work in workload.works(index):
                figures, curve = queue_figures(work.schedule(workload.config.queue_depth)), depth_curve(work)
                if work.name in found:
                    before, curve_before = found[work.name]
                    figures, curve = before + figures, curve_before + curve
                found[work.name] = figures, curve
            advance(1)
    return [
        QueueReport(name=name, inputs=inputs, enlarged=workload.enlarged, figures=figures, curve=curve)
        for name, (figures, curve) in found.items()
    ]


def show_queues(output: Output, array: ArrayConfig, reports: Sequence[QueueReport]) -> None:
    """What the queues hold: figures, shares by what they hold, and over time."""
    depth, inputs = array.queue_depth, reports[0].inputs
    vectors = ["vectors"] if any(report.figures.runs > inputs for report in reports) else []
    whose = f"{array.name}, {array.pes} PEs, queues of {depth}"
    output.table(
        f"{whose}: slices in a queue during BROADCAST and DRAIN" + (f", mean of {inputs} inputs" if inputs > 1 else ""),
        ["layer", *vectors, "cycles", "stalls", "some full", "mean", "fullest", "most", *_held(depth)],
        [
            [
                report.name,
                *(count(report.figures.runs // inputs) for _ in vectors),
                count(round(report.figures.cycles / inputs)),
                count(round(report.figures.stalls / inputs)),
                percent(report.figures.full_share),
                f"{report.figures.mean:.2f}",
                f"{report.figures.fullest:.2f}",
                str(report.figures.most),
                *(percent(float(report.figures.shares[first : last + 1].sum())) for first, last in _ranges(depth)),
            ]
            for report in reports
        ],
    )
    output.line(
        "some full: share of these cycles in which some queue had no slot left for a broadcast, counting what was on "
        "its way. fullest: the fullest queue, mean over cycles. Under a number: share of PE cycles in which a queue "
        "held so many.\n"
    )
    output.line(f"over time, in {PARTS} equal parts; full height is {depth}")
    width = max(len(report.name) for report in reports)
    for report in reports:
        figures = report.figures
        for name, what, values in (
            (report.name, "mean", figures.mean_parts / figures.runs),
            ("", "fullest", figures.highest_parts / figures.runs),
        ):
            output.line(f"{name:<{width}}  {what:<7}  {sparkline(values, depth, sys.stdout.encoding)}")
    output.line()


def show_depths(
    output: Output, array: ArrayConfig, reports: Sequence[QueueReport], total: DepthCurve | None, loss: float
) -> None:
    """Cycles lost by depth, and the depth that is enough."""
    inputs = reports[0].inputs
    depths = sorted({*(depth for depth in DEPTHS if depth >= reports[0].curve.smallest), array.queue_depth})
    output.table(
        "cycles that queues of a depth add to those of queues that are never full",
        ["layer", "never full", f"depth for {100 * loss:g} %", *(str(depth) for depth in depths)],
        [[report.name, *_depth_cells(report.curve, depths, inputs, loss)] for report in reports],
        ["total", *_depth_cells(total, depths, inputs, loss)] if total and len(reports) > 1 else (),
    )
    needed = total.needed(loss) if total else _all_needed(reports, loss)
    whom = "the network" if total else "every layer" if len(reports) > 1 else reports[0].name
    output.line(
        f"More than {MOST_DEPTH} slots are needed to keep {whom} within {100 * loss:g} % of queues that are never full."
        if needed is None
        else f"{count(needed)} slots keep {whom} within {100 * loss:g} % of queues that are never full."
    )


def _all_needed(reports: Sequence[QueueReport], loss: float) -> int | None:
    """The smallest depth that is enough for every layer."""
    depths = [report.curve.needed(loss) for report in reports]
    return None if None in depths else max(depth or 0 for depth in depths)


def _ranges(depth: int) -> list[tuple[int, int]]:
    """What a queue holds, first and last: one by one up to 4, then up to the next power of two, `depth` by itself."""
    ranges = [(held, held) for held in range(min(depth, 5))]
    first = 5
    while first < depth:
        last = min((1 << (first - 1).bit_length()), depth - 1) if depth > 16 else first
        ranges.append((first, last))
        first = last + 1
    return [*ranges, (depth, depth)]


def _held(depth: int) -> list[str]:
    return [str(first) if first == last else f"{first}-{last}" for first, last in _ranges(depth)]


def _depth_cells(curve: DepthCurve, depths: Sequence[int], inputs: int, loss: float) -> list[str]:
    needed = curve.needed(loss)
    return [
        count(round(curve.unbounded / inputs)),
        f"> {MOST_DEPTH}" if needed is None else str(needed),
        *(percent(curve.loss(depth)) for depth in depths),
    ]


def _depth_payload(curve: DepthCurve, inputs: int, loss: float) -> dict[str, Any]:
    return {
        "never_full_cycles": curve.unbounded / inputs,
        "cycles_by_depth": [int(cycles) / inputs for cycles in curve.cycles],
        "needed_depth": curve.needed(loss),
    }


def _payload(report: QueueReport, loss: float) -> dict[str, Any]:
    figures = report.figures
    return {
        "name": report.name,
        "enlarged": dict(report.enlarged),
        "vectors": figures.runs // report.inputs,
        "cycles": figures.cycles / report.inputs,
        "stalls": figures.stalls / report.inputs,
        "computing_cycles": figures.computing / report.inputs,
        "some_full": figures.full_share,
        "mean": figures.mean,
        "fullest": figures.fullest,
        "most": figures.most,
        "share_by_held": figures.shares.tolist(),
        "mean_over_time": (figures.mean_parts / figures.runs).tolist(),
        "fullest_over_time": (figures.highest_parts / figures.runs).tolist(),
        **_depth_payload(report.curve, report.inputs, loss),
    }
