"""The rows of a sweep: what each point costs for each layer; as CSV or Parquet."""

import csv
import io
import math
from array import array
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any, cast

from model.errors import EieError
from sim.energy.events import Events
from sim.energy.technology import Technology
from sim.metrics.metrics import FIGURES, Metrics
from sim.optional import imported
from sim.sweep.points import Point
from sim.sweep.work import Record
from sim.text import as_text
from sw.extras import pip_install
from sw.files import read_whole, reason, write_whole

CSV, PARQUET = ".csv", ".parquet"
RAN, SKIPPED = "ran", "skipped"

Row = MutableMapping[str, Any]

# Columns behind `layer` and the configuration's fields, with their kind: what became of the point, every figure that
# there is, mean per input, and whether the point is on the front.
COLUMNS: Mapping[str, type] = {
    "status": str,
    "reason": str,
    "enlarged": str,
    **{figure.name: float for figure in FIGURES},
    "pareto": bool,
}
COSTS = (Metrics.microseconds, Metrics.energy_nj, Metrics.area_mm2)  # that the front is about
FREE_ROWS = 4096  # that a Parquet file may have, however small it is: equal cells take next to nothing
ROW_BYTES = 8  # that each further row takes at least
BATCH = 1024  # rows


class PointRow(Row):
    """A point's row for a layer, in a tenth of the memory of a dictionary; ``pareto`` alone can be set."""

    __slots__ = ("_figures", "_layer", "_point", "_words", "pareto")

    def __init__(self, point: Point, layer: str, words: Sequence[str | None], figures: Sequence[float | None]):
        self._point, self._layer, self._words = point, layer, tuple(words)
        self._figures = array("d", (math.nan if value is None else value for value in figures))
        self.pareto: bool | None = None

    def __getitem__(self, name: str) -> Any:
        if name in NUMBERS:
            value = self._figures[NUMBERS[name]] if self._figures else math.nan
            return None if math.isnan(value) else value
        if name in WORDS:
            return self._words[WORDS.index(name)]
        if name == "pareto":
            return self.pareto
        return self._layer if name == "layer" else self._point.field(name)

    def __setitem__(self, name: str, value: Any) -> None:
        if name != "pareto":
            raise KeyError(name)
        self.pareto = value

    def __delitem__(self, name: str) -> None:
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(("layer", *self._point.base, *COLUMNS))

    def __len__(self) -> int:
        return 1 + len(self._point.base) + len(COLUMNS)


WORDS = ("status", "reason", "enlarged")
NUMBERS: Mapping[str, int] = {figure.name: number for number, figure in enumerate(FIGURES)}


def row(point: Point, layer: str, record: Record | None, technology: Technology) -> Row:
    """A point's row for a layer, without ``pareto``; `record` is None where the point is no array.

    Area and energy are those of the array as it ran, enlarged memories included.
    """
    if point.array is None or record is None or "reason" in record:
        return PointRow(point, layer, (SKIPPED, point.reason if record is None else record["reason"], None), ())
    metrics = Metrics(
        config=point.array.with_(**record["enlarged"]) if record["enlarged"] else point.array,
        events=Events(**record["events"]),
        technology=technology,
    )
    enlarged = ", ".join(f"{field}={depth}" for field, depth in record["enlarged"].items()) or None
    return PointRow(point, layer, (RAN, None, enlarged), [figure.get(metrics) for figure in FIGURES])


def check_format(path: Path) -> None:
    """EieError unless a file of this name can be written and read here."""
    if path.suffix not in (CSV, PARQUET):
        raise EieError(f"results of a sweep are a {CSV} or a {PARQUET} file, got {str(path)!r}")
    if path.suffix == PARQUET:
        _parquet()


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """All rows, with a head; equal rows give equal bytes. An empty cell of a CSV file is a figure that there is not."""
    check_format(path)
    buffer = io.BytesIO()
    if path.suffix == PARQUET:
        arrow = _parquet()
        kinds = {str: arrow.string(), bool: arrow.bool_(), int: arrow.int64(), float: arrow.float64()}
        schema = arrow.schema([(name, kinds[kind]) for name, kind in _kinds(rows).items()])
        cells = [arrow.array([row[field.name] for row in rows], field.type) for field in schema]
        arrow.parquet.write_table(arrow.Table.from_arrays(cells, schema=schema), buffer)
    else:
        text = io.TextIOWrapper(buffer, encoding="utf-8", newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(rows[0])
        writer.writerows([as_text(value) for value in cells.values()] for cells in rows)
        text.flush()
        text.detach()
    write_whole(path, buffer.getvalue())


def read_rows(path: Path) -> list[Row]:
    """The rows of a file that `write_rows` wrote, the configuration's fields as text; EieError for another file."""
    check_format(path)
    data = read_whole(path)
    try:
        for _ in _rows(path.suffix, data):
            pass  # all of them are sound before any takes memory
        return list(_rows(path.suffix, data))
    except Exception as error:  # both readers raise whatever a damaged file makes them stumble over
        raise EieError(f"{path} holds no results of a sweep: {reason(error)}") from error


def _kinds(rows: Sequence[Row]) -> dict[str, type]:
    return {name: COLUMNS.get(name) or type(value) for name, value in rows[0].items()}


def _rows(suffix: str, data: bytes) -> Iterator[Row]:
    for cells in _read_parquet(data) if suffix == PARQUET else _read_csv(data):
        row = {name: _typed(name, text) for name, text in cells.items()}
        if row["status"] == RAN and not all(_is_figure(row[figure.name], figure in COSTS) for figure in FIGURES):
            raise ValueError("a point that ran must have figures")
        yield row


def _is_figure(value: Any, wanted: bool) -> bool:
    """Whether it is a number that a run can have, or, unless it is wanted, none."""
    if value is None:
        return not wanted
    return isinstance(value, float) and 0 <= value < math.inf


def _read_csv(data: bytes) -> Iterator[dict[str, str]]:
    lines = csv.reader(io.StringIO(data.decode(), newline=""), strict=True)
    head = next(lines, None)
    if head is None:
        raise ValueError("the file is empty")
    _check_head(head)
    for line in lines:
        yield dict(zip(head, line, strict=True))


def _read_parquet(data: bytes) -> Iterator[dict[str, str]]:
    file = _parquet().parquet.ParquetFile(io.BytesIO(data))
    _check_head(file.schema_arrow.names)
    rows = file.metadata.num_rows
    if rows > FREE_ROWS + len(data) // ROW_BYTES:
        raise ValueError(f"its {rows} rows are too many for {len(data)} bytes")
    for batch in file.iter_batches(BATCH):
        for cells in cast("list[Row]", batch.to_pylist()):
            yield {name: as_text(value) for name, value in cells.items()}


def _check_head(names: Sequence[str]) -> None:
    if list(names[:1]) != ["layer"] or list(names[-len(COLUMNS) :]) != list(COLUMNS):
        raise ValueError("its columns are others")


def _typed(name: str, text: str) -> Any:
    kind = COLUMNS.get(name, str)
    if kind is str:
        return text
    if kind is bool:
        return {"true": True, "false": False}[text]
    return float(text) if text else None


def _parquet() -> Any:
    if imported("pyarrow.parquet") is None:
        raise EieError(f"{PARQUET} files need pyarrow: {pip_install('parquet')}")
    return imported("pyarrow")
