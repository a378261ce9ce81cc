"""`eie trace`: a run as a timeline for Perfetto."""

import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from model.errors import EieError
from model.schedule import LayerSchedule
from sim.provenance import made_by
from sim.simulation.workload import Workload, source, workloads
from sim.terminal.fit_preset import fitted
from sim.terminal.options import Changes, ConfigFile, Json, Pes, PresetOrFit, array_config
from sim.terminal.output import Output
from sim.terminal.range_warnings import warn_of_ranges
from sim.terminal.source import Bench, BenchSeed, NetworkInputs, NetworkOrBench
from sim.text import count
from sim.timeline.shown_part import FIRST_EVENTS, MOST_EVENTS, ShownPart, parse_cycles, parse_lanes
from sim.timeline.trace_events import Event, View
from sw.files import check_target, write_whole

VIEWERS = "https://ui.perfetto.dev or chrome://tracing"


def trace_command(
    path: Annotated[Path, typer.Option("-o", "--output", metavar="TRACE.json", help="The timeline.")],
    network: NetworkOrBench = None,
    inputs_file: NetworkInputs = None,
    index: Annotated[int, typer.Option(metavar="N", help="Which of the inputs, from 0.")] = 0,
    bench: Bench = False,
    layers: Annotated[
        list[str] | None,
        typer.Option("--layer", metavar="NAME", help="A layer of the network, or with --bench the one; repeatable."),
    ] = None,
    preset: PresetOrFit = None,
    config: ConfigFile = None,
    pes: Pes = None,
    changes: Changes = None,
    begin: Annotated[int | None, typer.Option("--from", metavar="CYCLE", help="First cycle shown, from 0.")] = None,
    cycles: Annotated[
        str | None,
        typer.Option(
            metavar="N|A:B",
            help=f"So many, or from A to before B [default: all, or the first with {MOST_EVENTS:,} "
            f"events; with {FIRST_EVENTS:,} where --from, --layer and --lanes are not given either].",
        ),
    ] = None,
    lanes: Annotated[
        str | None, typer.Option(metavar="A:B", help="Show PEs A to before B only, of all that ran.")
    ] = None,
    each_queue: Annotated[bool, typer.Option("--queues", help="A counter for the queue of each PE too.")] = False,
    in_cycles: Annotated[
        bool, typer.Option("--in-cycles", help="Show a cycle as 1 ns, instead of the time it takes at the clock.")
    ] = False,
    seed: BenchSeed = 1,
    as_json: Json = False,
) -> None:
    """Write a run as a timeline for Perfetto. It has a lane per PE, the phases, the broadcasts and the queues.

    A network is traced with one input, of which --layer, --cycles and --lanes show a part, of --bench one --layer.
    """
    output = Output(as_json=as_json)
    array = array_config(preset, config, pes, changes, may_fit=not bench)
    chosen = source(network, inputs_file, bench, layers if bench else None, seed)
    first, number = parse_cycles(begin, cycles)
    shown = frozenset(() if bench else layers or ())
    part = ShownPart(begin=first, cycles=number, layers=shown, pes=parse_lanes(lanes, array.pes))
    check_target(path, network, inputs_file, config)
    names = set(layers or ())
    if bench and len(names) != 1:
        raise EieError(f"a trace is of one layer of --bench: wanted one --layer, got {len(names) or 'none'}")
    if bench and index != 0:
        raise EieError(f"--index is for the inputs of a network, a layer of --bench has one; got {index}")
    (workload,) = workloads(chosen, array, output, partial(fitted, preset, array, changes))
    if not 0 <= index < workload.inputs:
        raise EieError(f"--index must be between 0 and {workload.inputs - 1}, got {index}")
    with output.steps("scheduling") as say:
        schedules = [work.schedule(array.queue_depth) for work in workload.works(index)]
        total = sum(schedule.cycles for schedule in schedules)
        in_cycles = in_cycles or array.clock_mhz > 1000
        cycle_ns = 1 if in_cycles else 1000 / array.clock_mhz
        view = View(begin=0, end=total, cycle_ns=cycle_ns, queue_of_each_pe=each_queue)
        view, timeline, is_first = part.timeline(schedules, view)
        say(f"writing {path}")
        ranges = workload.ranges(slice(index, index + 1))
        facts = _facts(workload, schedules, view, index, seed if bench else None)
        facts |= {} if ranges is None else ranges.payload
        events, size = write_trace(path, timeline.events(f"{array.name}, {array.pes} PEs, {workload.name}"), facts)
    if ranges is not None:
        warn_of_ranges(output, ranges)
    if array.clock_mhz > 1000:
        output.note(
            f"viewers keep whole nanoseconds and a cycle at {array.clock_mhz:g} MHz is shorter: 1 ns is 1 cycle"
        )
    output.line(
        f"{path}: cycles {view.begin:,} to {view.end - 1:,} of {total:,}, {count(events)} events, {size / 1e6:.1f} MB"
    )
    if is_first:
        output.line(
            "These are the first, which open soon: --cycles A:B, --layer NAME and --lanes A:B show others, or more."
        )
    output.line(f"{facts['time']}. Loading and unloading are left out. Open it in {VIEWERS}.")
    output.result({"file": str(path), "events": events, "bytes": size, **facts})


def write_trace(path: Path, events: Iterable[Event], facts: Event) -> tuple[int, int]:
    """The JSON object form of the Trace Event Format, an event per line, whole or not at all; its events and bytes."""
    encode = json.JSONEncoder(separators=(",", ":")).encode  # made once: half the time of json.dumps
    lines = [encode(event).encode("ascii") for event in events]
    # Perfetto wants to know the unit before the first event.
    head = f'{{"displayTimeUnit":"ns","otherData":{json.dumps(facts)},"traceEvents":[\n'
    data = b"".join([head.encode("ascii"), b",\n".join(lines), b"\n]}\n"])
    write_whole(path, data)
    return len(lines), len(data)


def _facts(workload: Workload, schedules: list[LayerSchedule], view: View, index: int, seed: int | None) -> Event:
    """What a reader of the trace must know: whose it is, which part, and what its times mean."""
    config = workload.config
    return {
        "made_by": made_by(),
        "of": workload.name,
        "input": index,
        "seed": seed,
        "config": config.to_dict(),
        "enlarged": dict(workload.enlarged),
        "cycles": sum(schedule.cycles for schedule in schedules),
        "from": view.begin,
        "to": view.end - 1,
        "clock_mhz": config.clock_mhz,
        "cycle_ns": view.cycle_ns,
        "time": f"A cycle is {view.cycle_ns:g} ns, "
        + (
            f"its time at {config.clock_mhz:g} MHz, each event in whole nanoseconds"
            if view.cycle_ns == 1000 / config.clock_mhz
            else "so that times are cycles"
        ),
    }
