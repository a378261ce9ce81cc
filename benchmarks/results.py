"""The tables of docs/results.md: made, written into it, or compared with what it says.

Run: ``python -m benchmarks.results`` prints them as Markdown, ``--write`` puts them between the markers in
docs/results.md, and ``--check`` computes everything again that does not depend on the machine and says what the page
has otherwise.
``--data DIR``, the folder with mnist/, adds what the LeNets do on its test images.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.results_figures import (
    SEED,
    Figure,
    layer_table,
    lenet_figures,
    machine_sentence,
    power_figures,
    run_layers,
    speed_figures,
)
from model.errors import EieError
from sim.terminal.output import Output
from sw.files import read_whole, write_whole

PAGE = Path(__file__).parents[1] / "docs" / "results.md"
BEGIN, END = "<!-- results -->", "<!-- /results -->"
HEAD = ("figure", "value", "whose", "from")


def main() -> int:
    """Parse the options, compute, print, write or compare; 1 for a difference, 2 for a sentence."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.results", description="The tables of docs/results.md.")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--write", action="store_true", help="put it into the page")
    mode.add_argument("--check", action="store_true", help="compare what does not depend on the machine")
    parser.add_argument("--page", type=Path, default=PAGE, help="another file with the markers")
    parser.add_argument("--data", type=Path, default=_data(), help="folder with mnist/; or set EIE_DATA")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    output = Output(as_json=options.json)
    try:
        if options.check:
            return check(options.page, options.data, output)
        if options.write:
            block(options.page)
        table, figures = compute(options.data, output)
        figures += speed_figures()
        machine = machine_sentence()
        text = markdown(table, figures, machine)
        if options.write:
            write(options.page, text)
        for line in text.splitlines():
            output.line(line)
        output.result({"layers": table, "figures": [vars(figure) for figure in figures], "machine": machine})
    except EieError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def compute(data: Path | None, output: Output) -> tuple[list[list[str]], list[Figure]]:
    """The table of layers and the figures that do not depend on the machine."""
    with output.steps("computing the figures") as say:
        table = layer_table(run_layers(say))
    return table, [*power_figures(), *lenet_figures(data, output)]


def markdown(table: Sequence[Sequence[str]], figures: Sequence[Figure], machine: str) -> str:
    """The block between the markers."""
    head, *rows = table
    return "\n".join(
        [
            "Written by `python -m benchmarks.results --data DIR --write`. Layers are random ones of the paper's sizes",
            f"and densities (seed {SEED}), cycles and power are simulated, times are cycles at 800 MHz; no chip was",
            "measured.",
            "",
            _row(head),
            "|---" * len(head) + "|",
            *map(_row, rows),
            "",
            "\\* further than 0.05 from the paper; [benchmarks.md](benchmarks.md) says why. Useful are the",
            "nonzero weights of active columns, over PE cycles.",
            "",
            _row(HEAD),
            "|---" * len(HEAD) + "|",
            *map(figure_row, figures),
            "",
            f"Timed on: {machine}.",
        ]
    )


def figure_row(figure: Figure) -> str:
    """A figure as a row of the second table."""
    return _row((figure.what, figure.value, figure.whose, figure.command))


def check(page: Path, data: Path | None, output: Output) -> int:
    """0 if the page has every row that does not depend on the machine; else 1, the first missing one printed."""
    said = block(page).splitlines()
    table, figures = compute(data, output)
    wanted = [*map(_row, table), *map(figure_row, figures)]
    missing = [row for row in wanted if row not in said]
    output.result({"rows": len(wanted), "missing": missing})
    for row in missing:
        output.note(f"{page.name} has no row {row}")
    if missing:
        output.note("python -m benchmarks.results --data DIR --write brings it up to date")
        return 1
    output.line(f"{page.name}: {len(wanted)} rows as computed")
    return 0


def block(page: Path) -> str:
    """What stands between the markers."""
    before, found, rest = read_whole(page).decode("utf-8", "replace").partition(f"{BEGIN}\n")
    inside, closed, _ = rest.partition(f"{END}\n")
    if not found or not closed or BEGIN in before + inside:
        raise EieError(f"{page} must have the lines {BEGIN} and {END} once, in this order")
    return inside


def write(page: Path, text: str) -> None:
    """Replace it."""
    old = block(page)
    content = read_whole(page).decode("utf-8", "replace")
    write_whole(page, content.replace(f"{BEGIN}\n{old}{END}\n", f"{BEGIN}\n{text}\n{END}\n").encode())


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _data() -> Path | None:
    return Path(os.environ["EIE_DATA"]) if os.environ.get("EIE_DATA") else None


if __name__ == "__main__":
    sys.exit(main())
