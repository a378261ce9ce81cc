"""`eie sweep`: every combination of configuration values on layers of the EIE paper or on a network."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from model.errors import EieError
from sim.computer import usable_threads
from sim.energy.technology import Technology, load_technology
from sim.fields import check_seed
from sim.paper import PAPER_LAYERS, chosen
from sim.simulation.paper_layers import layout_key
from sim.sweep.cluster import WAIT_SECONDS, run_on_cluster
from sim.sweep.executors import run_locally
from sim.sweep.front import mark_front
from sim.sweep.journal import Journal
from sim.sweep.points import Point, parse_variations, points
from sim.sweep.recommend import Goal, Limits
from sim.sweep.results import RAN, Row, check_format, read_results, row, write_rows
from sim.sweep.shards import Shard, merge
from sim.sweep.work import FileWork, PaperWork, Record, Task, Work, code_digest
from sim.synthesis.families import FLOWS
from sim.terminal.options import Changes, ConfigFile, Json, Pes, Preset, TechnologyFile, array_config
from sim.terminal.output import Output
from sim.terminal.range_warnings import warn_of_ranges
from sim.terminal.sweep_decision import Decision, sweep_origin
from sim.terminal.sweep_usage import DEFAULT_DEVICE, measure_rows
from sim.text import count
from sw.files import check_target

MOST_JOBS = 1024
MOST_WAIT = 10**7  # seconds


def sweep_command(
    network: Annotated[
        Path | None, typer.Argument(metavar="[NET.eie]", help="A compressed network to run, instead of layers.")
    ] = None,
    inputs_file: Annotated[
        Path | None, typer.Option("--input", metavar="X.npy", help="Inputs of the network, (inputs, features).")
    ] = None,
    names: Annotated[
        list[str] | None,
        typer.Option("--layer", metavar="NAME,...", help=f"Layers of the paper: {', '.join(PAPER_LAYERS)}."),
    ] = None,
    all_layers: Annotated[bool, typer.Option("--all-layers", help="All nine of them.")] = False,
    variations: Annotated[
        list[str] | None,
        typer.Option(
            "--vary", metavar="FIELD=VALUE,...", help="Values of a field of the array, see `eie config`; repeatable."
        ),
    ] = None,
    preset: Preset = None,
    config: ConfigFile = None,
    pes: Pes = None,
    changes: Changes = None,
    path: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE.csv|.parquet", help="The results; a journal is kept beside them."),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(help="Local processes [default: as many as this computer has threads].")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="A Dask scheduler, tcp://host:8786, tls://... or its .json file: its workers run it.",
        ),
    ] = None,
    wait: Annotated[
        float, typer.Option(help="Seconds without a worker that can be used, after which a sweep on a cluster ends.")
    ] = WAIT_SECONDS,
    shard: Annotated[
        str | None,
        typer.Option(metavar="I/N", help="Run only part I of N and leave its journal; --merge makes the results."),
    ] = None,
    merged: Annotated[bool, typer.Option("--merge", help="Only gather what all shards of this sweep found.")] = False,
    seed: Annotated[int, typer.Option(help="Of the random weights and inputs of the layers, 0 or more.")] = 1,
    technology_file: TechnologyFile = None,
    shown: Annotated[
        Path | None, typer.Option("--show", metavar="FILE", help="Only show the Pareto front of these results.")
    ] = None,
    goal: Annotated[
        Goal | None,
        typer.Option("--best", help="Recommend the point with the least of it; product is energy times time."),
    ] = None,
    max_mm2: Annotated[float | None, typer.Option(help="Recommend an array of at most so many mm2.")] = None,
    max_mw: Annotated[float | None, typer.Option(help="Recommend one with at most so many mW.")] = None,
    min_fps: Annotated[float | None, typer.Option(help="Recommend one with at least so many inputs a second.")] = None,
    max_luts: Annotated[
        int | None, typer.Option(help="Recommend one of at most so many lookup tables, counted by synthesis.")
    ] = None,
    max_brams: Annotated[
        int | None, typer.Option(help="Recommend one of at most so many block RAMs, counted by synthesis.")
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"Synthesise every point that keeps the other limits for it: {', '.join(FLOWS)}; kept in a cache "
            f"[default with --max-luts and --max-brams: {DEFAULT_DEVICE}].",
        ),
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--html", metavar="FILE.html", help="Show the points, front and limits as a page.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Explore a design space: cycles, energy and area. A sweep that was stopped goes on where it was."""
    output = Output(as_json=as_json)
    limits = Limits(mm2=max_mm2, mw=max_mw, fps=min_fps, luts=max_luts, block_rams=max_brams)
    decision = Decision.of(goal, limits, device, page, shown is not None)
    if shown is not None:
        _show(output, shown, decision)
        return
    if path is None:
        raise EieError("wanted -o with a .csv or .parquet file for the results, or --show with one, got neither")
    check_format(path)
    base = array_config(preset, config, pes, changes)
    varied = parse_variations(base, variations or [])
    technology = load_technology(technology_file)
    part = _shard(shard, merged)
    _check_shard(part, decision)
    journal_path = path.with_name(f"{path.name}.journal") if part is None else part.journal(path)
    for target in (path, journal_path, *([] if page is None else [page])):
        check_target(target, network, inputs_file, config, technology_file)
    runner = _runner(jobs, scheduler, wait)
    works = _works(network, inputs_file, names, all_layers, seed)
    space = points(base, varied)
    if all(point.array is None for point in space):
        raise EieError(f"no combination of --vary is an array; the first one: {space[0].reason}")
    plan = _plan(space, works)
    wanted = list({task.key: task for task in plan.values()}.values())
    with Journal(journal_path) as journal:
        if journal.damaged:
            output.note(f"{journal_path}: left out {count(journal.damaged)} lines that do not fit their checksums")
        if merged:
            merge(path, wanted, journal)
        if part is not None:
            wanted = part.tasks(wanted)
        left = [task for task in wanted if task.key not in journal.records]
        _run(output, left, runner, journal)
        simulated, known = len(left), len(wanted) - len(left)
        if part is not None:
            _report_shard(output, part, journal_path, simulated, known)
            return
        rows = [
            row(point, work.name, _record(journal, plan.get((number, work))), technology)
            for number, point in enumerate(space)
            for work in works
        ]
    mark_front(rows)
    measure_rows(output, rows, decision.device, limits)
    more = [*_technology(technology_file), *decision.options()]
    write_rows(path, rows, sweep_origin(_subject(network, inputs_file, works, seed), base, varied, more))
    about = {
        "config": base.to_dict(),
        "vary": {name: list(values) for name, values in varied.items()},
        **_about(works, seed, technology, space),
        "simulated": simulated,
        "from_journal": known,
        **_ranges(output, works, space),
    }
    _show_rows(output, rows, path, about, decision)


@dataclass(frozen=True)
class _Runner:
    jobs: int
    scheduler: str | None
    wait: float


def _runner(jobs: int | None, scheduler: str | None, wait: float) -> _Runner:
    if scheduler is not None and jobs is not None:
        raise EieError("--jobs counts local processes and --scheduler names a cluster; wanted one of them")
    if jobs is not None and not 1 <= jobs <= MOST_JOBS:
        raise EieError(f"--jobs must be between 1 and {MOST_JOBS}, got {jobs}")
    if not 0 < wait <= MOST_WAIT:
        raise EieError(f"--wait must be between 0 and {MOST_WAIT:,} seconds, got {wait:g}")
    return _Runner(jobs or usable_threads(), scheduler, wait)


def _shard(text: str | None, merged: bool) -> Shard | None:
    if text is not None and merged:
        raise EieError("--shard runs a part of a sweep and --merge gathers all of them; wanted one of them")
    return None if text is None else Shard.parse(text)


def _check_shard(part: Shard | None, decision: Decision) -> None:
    if part is not None and (decision.given or decision.device or decision.page):
        raise EieError("a shard has no results to recommend from; give --best, limits, --device, --html with --merge")


def _works(
    network: Path | None, inputs_file: Path | None, names: Sequence[str] | None, all_layers: bool, seed: int
) -> list[Work]:
    check_seed(seed)
    if (network is None) != (inputs_file is None):
        raise EieError("a network wants its inputs and inputs want their network: NET.eie --input X.npy")
    if sum((network is not None, bool(names), all_layers)) != 1:
        raise EieError("wanted one of --layer, --all-layers and NET.eie with --input")
    if network is not None and inputs_file is not None:
        return [FileWork.of(network, inputs_file)]
    wanted = [name.strip() for text in names or [] for name in text.split(",")]
    return [PaperWork(layer.name, seed) for layer in chosen(wanted)]


def _plan(space: Sequence[Point], works: Sequence[Work]) -> Mapping[tuple[int, Work], Task]:
    """The task of every point that is an array, for every work, with those that share a layout side by side."""
    code = code_digest()
    pairs = [(number, point.array, work) for number, point in enumerate(space) for work in works if point.array]
    pairs.sort(key=lambda pair: (works.index(pair[2]), repr(layout_key(pair[1]))))
    return {(number, work): Task(array=array, work=work, code=code) for number, array, work in pairs}


def _run(output: Output, tasks: Sequence[Task], runner: _Runner, journal: Journal) -> None:
    if not tasks:
        return
    where = f"{min(runner.jobs, len(tasks))} processes" if runner.scheduler is None else "a cluster"
    with output.bar(f"simulating {count(len(tasks))} points on {where}", len(tasks)) as advance:
        results = (
            run_locally(tasks, runner.jobs)
            if runner.scheduler is None
            else run_on_cluster(tasks, runner.scheduler, runner.wait, output.note)
        )
        with closing(results):
            for task, record in results:
                journal.append(task.key, record)
                advance(1)


def _record(journal: Journal, task: Task | None) -> Record | None:
    return None if task is None else journal.records[task.key]


def _ranges(output: Output, works: Sequence[Work], space: Sequence[Point]) -> dict[str, Any]:
    """What the inputs of a network leave, on the arrays of the most inputs that do; said and as JSON."""
    arrays = {(each.accumulator_bits, each.activation_bits): each for each in (point.array for point in space) if each}
    found = [work.ranges(array) for work in works if isinstance(work, FileWork) for array in arrays.values()]
    if not found:
        return {}
    worst = max(found, key=lambda ranges: (ranges.overflows, ranges.saturated))
    warn_of_ranges(output, worst)
    return worst.payload


def _report_shard(output: Output, part: Shard, journal: Path, simulated: int, known: int) -> None:
    output.line(
        f"{journal}: shard {part.number} of {part.of}, {count(simulated)} simulations now, {count(known)} from the "
        "journal; the same command with --merge instead of --shard makes the results of all"
    )
    output.result({"shard": part.number, "of": part.of, "simulated": simulated, "from_journal": known})


def _show_rows(
    output: Output,
    rows: Sequence[Row],
    path: Path,
    about: Mapping[str, Any],
    decision: Decision,
) -> None:
    reasons = Counter(cells["reason"] for cells in rows if cells["status"] != RAN)
    output.line(
        f"{path}: {count(len(rows))} rows, {count(sum(reasons.values()))} of them skipped; "
        f"{count(about['simulated'])} simulations now, {count(about['from_journal'])} from the journal"
    )
    for reason, times in reasons.items():
        output.line(f"skipped {count(times)}: {reason}")
    enlarged = sum(cells["enlarged"] is not None for cells in rows)
    if enlarged:
        output.line(f"{count(enlarged)} rows ran with enlarged memories, whose energy and area are counted.")
    output.line()
    decided = decision.show(output, rows, f"Its rows are {path}.")
    output.result({**about, "skipped": dict(reasons), **decided, "output": str(path)})


def _about(works: Sequence[Work], seed: int, technology: Technology, space: Sequence[Point]) -> dict[str, Any]:
    return {
        "layers": [work.name for work in works],
        "seed": seed,
        "technology": technology.name,
        "points": len(space),
    }


def _subject(network: Path | None, inputs_file: Path | None, works: Sequence[Work], seed: int) -> list[str]:
    """What ran, as options."""
    if network is not None:
        return [str(network), "--input", str(inputs_file)]
    return ["--layer", ",".join(work.name for work in works), "--seed", str(seed)]


def _technology(file: Path | None) -> list[str]:
    return [] if file is None else ["--technology", str(file)]


def _show(output: Output, path: Path, decision: Decision) -> None:
    results = read_results(path)
    if not results.rows:
        raise EieError(f"{path} has no rows")
    if decision.page is not None:
        check_target(decision.page, path)
    made = results.origin
    decided = decision.show(
        output, results.rows, f"The rows of {path} were made by {made['version']}: {made['command']}"
    )
    output.result({"file": str(path), "results_made_by": made, **decided})
