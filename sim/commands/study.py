"""`eie study`: methods of the literature on MNIST, each trained, compressed, counted and simulated alike."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from model.errors import EieError
from sim.computer import usable_threads
from sim.optional import imported
from sim.provenance import made_by
from sim.source_date import source_date
from sim.study.rows import Order, Row, given_row, is_complete, stored_row
from sim.study.run import run_rows
from sim.study.summary import csv_text, summaries
from sim.terminal.options import Json
from sim.terminal.output import Output
from sim.terminal.study_tables import show_published, show_study
from sim.text import count
from sw.extras import pip_install
from sw.files import check_target, make_folder, write_whole

MOST_SEEDS, MOST_JOBS, MOST_IMAGES = 100, 256, 10_000


def study_command(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[METHOD ...]", help="Methods, or METHOD.NETWORK [default: all]; --list shows them."),
    ] = None,
    folder: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Where rows and their model files are kept.")
    ] = Path("study"),
    data: Annotated[
        Path | None,
        typer.Option("--data", envvar="EIE_DATA", metavar="DIR", help="Folder with mnist/ and its four gzip files."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the first row of a method.")] = 0,
    seeds: Annotated[int, typer.Option(help="Rows of each method, with one seed after another.")] = 1,
    jobs: Annotated[
        int | None, typer.Option(help="Rows at a time, a process each [default: as many as there are threads].")
    ] = None,
    threads: Annotated[int, typer.Option(help="Threads of torch for a row; another number gives other weights.")] = 1,
    images: Annotated[int, typer.Option(help="Test images that are simulated for cycles and energy.")] = 200,
    verify: Annotated[bool, typer.Option("--verify", help="An image of each row through the RTL.")] = False,
    files: Annotated[
        list[Path] | None,
        typer.Option("--file", metavar="NET.eie", help="Another network to count beside them; repeatable."),
    ] = None,
    csv_path: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE.csv", help="Every row, with every figure.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--html", "--plot", metavar="FILE.html", help="Table and plots as a page.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Only what the folder has; train nothing.")] = False,
    only_list: Annotated[bool, typer.Option("--list", help="Only say which methods there are.")] = False,
    as_json: Json = False,
) -> None:
    """Compare methods of the literature on one network, file and array.

    Each is trained on MNIST by its recipe, written as a model file, decoded, counted on all test images and simulated.
    The test images choose nothing. A study that was ended goes on; several commands may share a folder.
    """
    output = Output(as_json=as_json)
    chosen = _chosen(names or [])
    if only_list:
        _list(output, chosen)
        return
    _check(seed, seeds, jobs, threads, images)
    if plot is not None and imported("bokeh") is None:
        raise EieError(f"--html needs bokeh: {pip_install('report')}")
    if data is None and (files or not show):
        raise EieError("wanted --data DIR, the folder with mnist/, or EIE_DATA; got neither")
    make_folder(folder)
    for target in (csv_path, plot):
        if target is not None:
            check_target(target, *(files or []))
    orders = [
        Order(
            name=name,
            recipe=text,
            method=recipe.method,
            network=recipe.network,
            seed=number,
            data=data or Path(),
            folder=folder,
            threads=threads,
            simulated=images,
            verified=verify,
        )
        for name, (text, recipe) in chosen.items()
        for number in range(seed, seed + seeds)
    ]
    rows = [row for order in orders if (row := stored_row(order)) is not None] if show else None
    failed: dict[str, str] = {}
    if rows is None:
        rows, failed = _make(output, orders, jobs or usable_threads(), context.find_root().obj)
    for path in files or []:
        with output.steps(f"counting {path}"):
            rows.append(given_row(path, data or Path(), images))
    _tell(output, rows, failed, csv_path, plot)
    if failed:
        raise typer.Exit(2)


def _chosen(names: Sequence[str]) -> dict[str, tuple[str, Any]]:
    """Recipes by name, as text and read: all, or those that `names` say."""
    if imported("torch") is None:
        raise EieError(f"eie study needs torch: {pip_install('train')}")
    from sw.training.methods.about import study_recipes
    from sw.training.recipe import parse_recipe, read_recipe

    known = study_recipes()
    wanted: list[str] = []
    for name in names:
        found = [each for each in known if name in (each, each.partition(".")[0])]
        if not found:
            methods = ", ".join(dict.fromkeys(each.partition(".")[0] for each in known))
            raise EieError(f"a method must be one of {methods}, got {name!r}")
        wanted += found
    texts = {name: read_recipe(known[name]) for name in dict.fromkeys(wanted or known)}
    return {name: (text, parse_recipe(text, str(known[name]))) for name, text in texts.items()}


def _list(output: Output, chosen: dict[str, tuple[str, Any]]) -> None:
    output.table(
        "methods",
        ["method.network", "method", "paper"],
        [[name, recipe.method.name, recipe.method.paper] for name, (_, recipe) in chosen.items()],
    )
    output.result(
        {
            "methods": [
                {"name": name, "network": recipe.network, "method": recipe.method.name, "paper": recipe.method.paper}
                for name, (_, recipe) in chosen.items()
            ]
        }
    )


def _check(seed: int, seeds: int, jobs: int | None, threads: int, images: int) -> None:
    for name, value, low, high in (
        ("--seed", seed, 0, 2**32 - 1 - MOST_SEEDS),
        ("--seeds", seeds, 1, MOST_SEEDS),
        ("--jobs", 1 if jobs is None else jobs, 1, MOST_JOBS),
        ("--threads", threads, 1, MOST_JOBS),
        ("--images", images, 1, MOST_IMAGES),
    ):
        if not low <= value <= high:
            raise EieError(f"{name} must be from {low} to {high}, got {value}")


def _make(
    output: Output, orders: Sequence[Order], jobs: int, command: Sequence[str]
) -> tuple[list[Row], dict[str, str]]:
    """The rows in the order that was asked for, and why others are none."""
    from sw.training.recipe import parse_recipe

    there = {order.stem: row for order in orders if (row := stored_row(order)) is not None}
    missing = [order for order in orders if not is_complete(order, there.get(order.stem))]
    output.note(f"{count(len(orders) - len(missing))} of {count(len(orders))} rows are there already")
    epochs = {order.stem: _epochs(parse_recipe(order.recipe, order.name)) for order in missing}
    failed: dict[str, str] = {}
    with output.bar("training", max(1, sum(epochs.values()))) as advance:
        for order, row, why in run_rows(missing, jobs, lambda done, text: advance(done, text or None), command):
            if row is not None:
                there[order.stem] = row
                output.note(
                    f"{order.stem}: {100 * row['integer_error']:.2f} % wrong, {count(row['bytes'])} bytes, "
                    f"{row['training_seconds'] / 60:.1f} minutes"
                )
                continue
            failed[order.stem] = why or "another command is making it"
            output.note(f"{order.stem}: {failed[order.stem]}")
    return [there[order.stem] for order in orders if order.stem in there and order.stem not in failed], failed


def _epochs(recipe: Any) -> int:
    teacher = 0 if recipe.teacher is None else recipe.teacher.training.epochs
    return teacher + sum(step.training.epochs for step in recipe.stages if step.trains)


def _tell(
    output: Output,
    rows: Sequence[Row],
    failed: dict[str, str],
    csv_path: Path | None,
    plot: Path | None,
) -> None:
    found = summaries(rows)
    if found:
        show_study(output, found)
        show_published(output)
    else:
        output.line("No row is there yet.")
    if csv_path is not None:
        write_whole(csv_path, csv_text(rows).encode())
        output.line(f"{csv_path}: {count(len(rows))} rows")
    if plot is not None and found:
        from sim.report.study_page import study_page

        date = source_date().isoformat(timespec="seconds")
        write_whole(plot, study_page(found, made_by(), date).encode())
        output.line(f"{plot}: {count(len(found))} methods. Open it in a browser; it needs no network.")
    output.result({"rows": list(rows), "front": [each.name for each in found if each.on_front], "failed": failed})
