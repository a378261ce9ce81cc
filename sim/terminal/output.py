"""What commands print: tables and notes for people, one JSON object for programs, progress on the error stream."""

import json
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from model.errors import EieError
from sim.progress import Advance, Say
from sim.provenance import made_by
from sim.text import count

WIDTH = 160  # at least, for tables: a narrow terminal wraps lines, which is better than cutting numbers

SECONDS_BETWEEN_LINES = 5.0


class Output:
    """One command's output.

    Parameters
    ----------
    as_json : print only the object given to `result`, on standard output; tables and notes are not shown.
    """

    def __init__(self, *, as_json: bool):
        self.as_json = as_json
        self._out = _Console(highlight=False)
        self._err = _Console(highlight=False, stderr=True)
        self._out.width = max(self._out.width, WIDTH)

    def line(self, text: str = "") -> None:
        """A sentence on standard output; nothing with --json."""
        if not self.as_json:
            self._out.print(escape(text), soft_wrap=True)

    def note(self, text: str) -> None:
        """A remark on the error stream, also with --json."""
        self._err.print(escape(text), soft_wrap=True)

    def table(
        self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], total: Sequence[str] = ()
    ) -> None:
        """Rows under a head, the first column to the left, the others to the right; `total` below a rule."""
        if self.as_json:
            return
        self._out.print(f"[bold]{escape(title)}[/bold]", soft_wrap=True)
        table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
        for number, column in enumerate(columns):
            table.add_column(escape(column), justify="right" if number else "left", no_wrap=True)
        for row in rows:
            table.add_row(*(escape(cell) for cell in row))
        if total:
            table.add_section()
            table.add_row(*(escape(cell) for cell in total), style="bold")
        self._out.print(table)
        self._out.print()

    def result(self, payload: dict[str, Any], *, bare: bool = False) -> None:
        """The same facts as one JSON object, with what made them unless it is `bare`; nothing without --json."""
        if self.as_json:
            whole = payload if bare else {"made_by": made_by(), **payload}
            try:
                text = json.dumps(whole, indent=2, allow_nan=False)
            except ValueError as error:
                raise EieError("JSON takes finite numbers, and a figure of this run is not finite") from error
            print(text)

    @contextmanager
    def steps(self, first: str) -> Generator[Say]:
        """Shows what is being done: a spinner on a terminal, a line per step elsewhere. Yields the printer of steps."""
        if not self._err.is_terminal:
            self.note(first)
            yield self.note
            return
        with self._err.status(escape(first)) as status:
            yield lambda text: status.update(escape(text))

    @contextmanager
    def bar(self, text: str, total: int) -> Generator[Advance]:
        """A progress bar over `total` units on a terminal, now and then a line elsewhere; yields what advances it."""
        if not self._err.is_terminal:
            self.note(text)
            yield self._lines(text, total)
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self._err, transient=True) as progress:
            task = progress.add_task(escape(text), total=total)

            def advance(units: int, text: str | None = None) -> None:
                progress.update(task, advance=units, description=None if text is None else escape(text))

            yield advance

    def _lines(self, text: str, total: int) -> Advance:
        start = time.monotonic()
        done, said, current = 0, start, text

        def advance(units: int, text: str | None = None) -> None:
            nonlocal done, said, current
            done += units
            current = text or current
            now = time.monotonic()
            if done < total and now - said >= SECONDS_BETWEEN_LINES:
                said = now
                self.note(f"{current}: {count(done)} of {count(total)}{_pace(done, total, now - start)}")

        return advance


def _pace(done: int, total: int, seconds: float) -> str:
    """How fast it goes and how long it still takes, if anything is done."""
    if not done:
        return ""
    rate = done / seconds
    return f", {rate:{',.1f' if rate >= 1 else '.2g'}}/s, {duration((total - done) / rate)} left"


def duration(seconds: float) -> str:
    """As "7 s" or "0:12:05"."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


class _Console(Console):
    """Leaves a reader that has gone to `sim.terminal.exit_code`, rich would exit with 1."""

    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError
