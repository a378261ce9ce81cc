"""The rows of a sweep: what each point costs for each layer; as CSV or Parquet."""

import csv
import io
import math
from array import array
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from model.config import ArrayConfig
from model.errors import EieError
from sim.energy.events import Events
from sim.energy.technology import Technology
from sim.metrics.figure import Figure
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

# What synthesis for a device measures of the array as it ran, if that was asked for.
LUTS: Figure[float | None] = Figure.outside(
    "luts", "LUTs", "Lookup tables of the array, counted by synthesis for the device, before placement."
)
BLOCK_RAMS: Figure[float | None] = Figure.outside(
    "block_rams", "block RAMs", "Block RAMs of the array, counted by synthesis for the device."
)
MEASURED = (LUTS, BLOCK_RAMS)

# Columns behind `layer` and the configuration's fields, with their kind: what became of the point, every figure that
# there is, mean per input, what synthesis measured, and whether the point is on the front.
COLUMNS: Mapping[str, type] = {
    "status": str,
    "reason": str,
    "enlarged": str,
    **{figure.name: float for figure in FIGURES},
    "device": str,
    **{figure.name: float for figure in MEASURED},
    "pareto": bool,
}
ORIGIN = ("version", "command")  # the last columns: which eie made the file, and what makes it again
COSTS = (Metrics.microseconds, Metrics.energy_nj, Metrics.area_mm2)  # that the front is about
FREE_ROWS = 4096  # that a Parquet file may have, however small it is: equal cells take next to nothing
ROW_BYTES = 8  # that each further row takes at least
BATCH = 1024  # rows


class PointRow(Row):
    """A point's row for a layer, in a tenth of the memory of a dictionary; of its cells ``pareto`` can be set."""

    __slots__ = ("_device", "_figures", "_layer", "_point", "_words", "pareto")

    def __init__(self, point: Point, layer: str, words: Sequence[str | None], figures: Sequence[float | None]):
        self._point, self._layer, self._words = point, layer, tuple(words)
        self._figures = array("d", (math.nan if value is None else value for value in figures))
        self.pareto: bool | None = None
        self._device: str | None = None

    @property
    def array(self) -> ArrayConfig | None:
        """The array as it ran, with memories as large as the layer needed; None if it did not."""
        status, _, enlarged = self._words
        if self._point.array is None or status != RAN:
            return None
        sizes = (text.split("=") for text in (enlarged or "").split(", ") if text)
        return self._point.array.with_(**{field: int(depth) for field, depth in sizes})

    def measured(self, device: str, luts: int, block_rams: int) -> None:
        """Note what synthesis for the device counted of that array."""
        self._device = device
        self._figures[NUMBERS[LUTS.name]], self._figures[NUMBERS[BLOCK_RAMS.name]] = luts, block_rams

    def __getitem__(self, name: str) -> Any:
        if name in NUMBERS:
            value = self._figures[NUMBERS[name]] if self._figures else math.nan
            return None if math.isnan(value) else value
        if name in WORDS:
            return self._words[WORDS.index(name)]
        if name == "pareto":
            return self.pareto
        if name == "device":
            return self._device
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
NUMBERS: Mapping[str, int] = {figure.name: number for number, figure in enumerate((*FIGURES, *MEASURED))}


def row(point: Point, layer: str, record: Record | None, technology: Technology) -> PointRow:
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
    return PointRow(point, layer, (RAN, None, enlarged), [*(figure.get(metrics) for figure in FIGURES), None, None])


def check_format(path: Path) -> None:
    """EieError unless a file of this name can be written and read here."""
    if path.suffix not in (CSV, PARQUET):
        raise EieError(f"results of a sweep are a {CSV} or a {PARQUET} file, got {str(path)!r}")
    if path.suffix == PARQUET:
        _parquet()


def write_rows(path: Path, rows: Sequence[Row], origin: Mapping[str, str]) -> None:
    """All rows, with a head; equal arguments give equal bytes. A figure that there is not is an empty cell.

    `origin` says what `ORIGIN` asks, in every row: no reader of CSV takes comments unasked.
    """
    check_format(path)
    buffer = io.BytesIO()
    if path.suffix == PARQUET:
        arrow = _parquet()
        kinds = {str: arrow.string(), bool: arrow.bool_(), int: arrow.int64(), float: arrow.float64()}
        cells = {name: ([row[name] for row in rows], kind) for name, kind in _kinds(rows).items()}
        cells |= {name: ([origin[name]] * len(rows), str) for name in ORIGIN}
        schema = arrow.schema([(name, kinds[kind]) for name, (_, kind) in cells.items()])
        columns = [arrow.array(values, kinds[kind]) for values, kind in cells.values()]
        arrow.parquet.write_table(arrow.Table.from_arrays(columns, schema=schema), buffer)
    else:
        text = io.TextIOWrapper(buffer, encoding="utf-8", newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([*rows[0], *ORIGIN])
        last = [origin[name] for name in ORIGIN]
        writer.writerows([*(as_text(value) for value in cells.values()), *last] for cells in rows)
        text.flush()
        text.detach()
    write_whole(path, buffer.getvalue())


class Results(NamedTuple):
    """What a file of results holds: its rows, and what `ORIGIN` asks; empty without rows."""

    rows: list[Row]
    origin: dict[str, str]


def read_results(path: Path) -> Results:
    """A file that `write_rows` wrote, the configuration's fields as text; EieError for another file."""
    check_format(path)
    data = read_whole(path)
    try:
        for _ in _rows(path.suffix, data):
            pass  # all of them are sound before any takes memory
        rows = list(_rows(path.suffix, data))
    except Exception as error:  # both readers raise whatever a damaged file makes them stumble over
        raise EieError(f"{path} holds no results of a sweep: {reason(error)}") from error
    origin = {name: str(rows[0][name]) for name in ORIGIN} if rows else {}
    for row in rows:
        for name in ORIGIN:
            del row[name]
    return Results(rows, origin)


def _kinds(rows: Sequence[Row]) -> dict[str, type]:
    return {name: COLUMNS.get(name) or type(value) for name, value in rows[0].items()}


def _rows(suffix: str, data: bytes) -> Iterator[Row]:
    for cells in _read_parquet(data) if suffix == PARQUET else _read_csv(data):
        row = {name: _typed(name, text) for name, text in cells.items()}
        wanted = ((figure.name, figure in COSTS) for figure in (*FIGURES, *MEASURED))
        if row["status"] == RAN and not all(_is_figure(row[name], needed) for name, needed in wanted):
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


LAST = [*COLUMNS, *ORIGIN]


def _check_head(names: Sequence[str]) -> None:
    if list(names[:1]) != ["layer"] or list(names[-len(LAST) :]) != LAST:
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
