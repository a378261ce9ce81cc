"""A technology: what events and parts of a PE cost, from a TOML file that gives a unit and a source for each."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, Delaunay, QhullError

from model.errors import EieError
from sw.files import UNREADABLE, read_whole

DEFAULT_TECHNOLOGY = Path(__file__).parent / "technologies" / "cmos45.toml"

# Figures of each table of the file and their unit.
TABLES: Mapping[str, Mapping[str, str]] = {
    "process": {"node": "nm", "supply": "V", "clock": "MHz"},
    "event": dict.fromkeys(
        ("queue_write", "queue_read", "address_add", "multiply", "accumulate", "dram_bit"),
        "pJ",
    ),
    "power": dict.fromkeys(("clock", "registers", "leading_nonzero_node"), "mW"),
    "area": {
        **dict.fromkeys(("queue_bit", "arithmetic_unit", "other_logic", "leading_nonzero_node"), "um2"),
        **dict.fromkeys(("memory_scale", "filler_share"), "ratio"),
    },
}
SRAM_FIELDS = ("bytes", "bits", "read_pj", "write_pj", "leakage_mw", "area_um2")
LARGEST, SMALLEST = 1e12, 1e-12  # a figure outside is a slip of the pen, and would leave the range of floats

LARGEST_FILE = 1 << 16  # bytes; the parser's time grows with the square of a key's parts

ON_THE_EDGE = 1e-6  # in powers of two: rounding, no memory lies this close to another


@dataclass(frozen=True)
class Figure:
    """A value with its unit and the sentence that says where it comes from."""

    value: float
    unit: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Sram:
    """A memory: capacity in bytes, width in bits; pJ per read and per write, mW of leakage, area in um2."""

    bytes: float
    bits: float
    read_pj: float
    write_pj: float
    leakage_mw: float
    area_um2: float


@dataclass(frozen=True, kw_only=True)
class Technology:
    """Figures by table and name (`TABLES`), and measured memories.

    Parameters
    ----------
    name : label printed in reports.
    figures : ``figures["event"]["multiply"]`` and so on.
    sram_source : where the memories were measured.
    srams : measured memories, three or more whose sizes and widths do not lie on one line.
    """

    name: str
    figures: Mapping[str, Mapping[str, Figure]]
    sram_source: str
    srams: tuple[Sram, ...]

    def event(self, name: str) -> float:
        """pJ of an event."""
        return self.figures["event"][name].value

    def per_cycle(self, name: str) -> float:
        """pJ per cycle of a power, at the clock it was given for."""
        return 1000 * self.figures["power"][name].value / self.figures["process"]["clock"].value

    def area(self, name: str) -> float:
        """um2 of a part, or a ratio."""
        return self.figures["area"][name].value

    def sram(self, capacity: float, bits: float) -> tuple[Sram, bool]:
        """A memory of `capacity` bytes and `bits` wide, and whether it lies among the measured ones.

        Between them every figure is interpolated linearly in logarithms, on triangles of measured memories. Outside,
        the nearest place between measured ones stands for it: the memory returned has that place's capacity and width.
        """
        if (capacity, bits) not in self._asked:  # a sweep asks for the same ones a hundred thousand times
            self._asked[capacity, bits] = self._interpolated(capacity, bits)
        return self._asked[capacity, bits]

    @cached_property
    def _asked(self) -> dict[tuple[float, float], tuple[Sram, bool]]:
        return {}

    def _interpolated(self, capacity: float, bits: float) -> tuple[Sram, bool]:
        corners, hull, values = self._mesh
        place = np.log2([capacity, bits])
        inside = int(corners.find_simplex(place, tol=ON_THE_EDGE)) >= 0
        if not inside:
            place = _nearest_on(hull, place)
        triangle = int(corners.find_simplex(place, tol=ON_THE_EDGE))
        transform = corners.transform[triangle]
        first = transform[:2] @ (place - transform[2])
        weights = np.append(first, 1 - first.sum())
        read, write, leakage, area = np.exp2(weights @ values[corners.simplices[triangle]])
        return (
            Sram(
                bytes=float(2 ** place[0]),
                bits=float(2 ** place[1]),
                read_pj=float(read),
                write_pj=float(write),
                leakage_mw=float(leakage),
                area_um2=float(area),
            ),
            inside,
        )

    @cached_property
    def _mesh(self) -> tuple[Delaunay, NDArray[np.float64], NDArray[np.float64]]:
        """Triangles over (log2 bytes, log2 bits), corners of their outline, log2 of (read, write, leakage, area)."""
        table = np.log2([[getattr(sram, field) for field in SRAM_FIELDS] for sram in self.srams])
        places = table[:, :2]
        return Delaunay(places), places[ConvexHull(places).vertices], table[:, 2:]


def load_technology(path: Path | None = None) -> Technology:
    """The technology in a TOML file, 45 nm if none is named; EieError with one sentence for a file that is not one."""
    path = path or DEFAULT_TECHNOLOGY
    if path.suffix != ".toml":
        raise EieError(f"--technology wants a .toml file, got {str(path)!r}")
    try:
        table = tomllib.loads(read_whole(path, LARGEST_FILE).decode("utf-8"))
    except EieError:
        raise
    except UNREADABLE as error:
        raise EieError(f"{path} is not valid TOML: {error}") from error
    try:
        return _technology(table)
    except EieError as error:
        raise EieError(f"{path}: {error}") from error


def _technology(table: dict[str, Any]) -> Technology:
    content = _table(table, "the file", ("name", *TABLES, "sram"))
    figures: dict[str, dict[str, Figure]] = {}
    for part, units in TABLES.items():
        rows = _table(content[part], f"[{part}]", tuple(units))
        figures[part] = {name: _figure(rows[name], f"{part}.{name}", unit) for name, unit in units.items()}
    sram = _table(content["sram"], "[sram]", ("source", "memories"))
    if not isinstance(sram["memories"], list):
        raise EieError(f"sram.memories must be an array of tables, got {sram['memories']!r}")
    memories = cast("list[Any]", sram["memories"])
    srams = tuple(_sram(row, f"sram.memories[{number}]") for number, row in enumerate(memories))
    technology = Technology(
        name=_text(content["name"], "name"),
        figures=figures,
        sram_source=_text(sram["source"], "sram.source"),
        srams=srams,
    )
    places = {(memory.bytes, memory.bits) for memory in srams}
    if len(places) < len(srams):
        raise EieError("sram.memories must differ in bytes or bits, got one twice")
    try:
        if len(srams) < 3:
            raise QhullError
        technology.sram(srams[0].bytes, srams[0].bits)
    except QhullError:
        raise EieError(
            "sram.memories must be three or more whose bytes and bits do not lie on one line in logarithms, "
            f"got {len(srams)}"
        ) from None
    return technology


def _figure(row: Any, where: str, unit: str) -> Figure:
    row = _table(row, where, ("value", "unit", "source"))
    if row["unit"] != unit:
        raise EieError(f"{where}.unit must be {unit!r}, got {row['unit']!r}")
    value = _number(row["value"], f"{where}.value", zero=where.split(".")[0] != "process")
    return Figure(value, unit, _text(row["source"], f"{where}.source"))


def _sram(row: Any, where: str) -> Sram:
    row = _table(row, where, SRAM_FIELDS)
    return Sram(**{name: _number(row[name], f"{where}.{name}") for name in SRAM_FIELDS})


def _table(value: Any, where: str, keys: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise EieError(f"{where} must be a table of {', '.join(keys)}, got {value!r}")
    table = cast("dict[str, Any]", value)
    missing = [key for key in keys if key not in table]
    if missing:
        raise EieError(f"{where} wants {', '.join(keys)}, got no {missing[0]!r}")
    unknown = sorted(set(table) - set(keys))
    if unknown:
        raise EieError(f"{where} wants {', '.join(keys)}, got {unknown[0]!r}")
    return table


def _number(value: Any, where: str, *, zero: bool = False) -> float:
    wanted = f"a number from {SMALLEST:g} to {LARGEST:g}{', or 0' if zero else ''}"
    # NaN compares as false; of an integer without end neither a float nor a text can be made.
    is_number = type(value) in (int, float)
    if is_number and (SMALLEST <= value <= LARGEST or (zero and value == 0)):
        return float(value)
    shown = "a larger one" if is_number and value > LARGEST else repr(value)[:80]
    raise EieError(f"{where} must be {wanted}, got {shown}")


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise EieError(f"{where} must be a sentence, got {value!r}")
    return value


def _nearest_on(hull: NDArray[np.float64], place: NDArray[np.float64]) -> NDArray[np.float64]:
    """The point of a convex outline, (corners, 2) in order, that is nearest to a place outside it."""
    sides = np.roll(hull, -1, axis=0) - hull
    along = ((place - hull) * sides).sum(axis=1) / (sides**2).sum(axis=1)
    points = hull + np.clip(along, 0, 1)[:, None] * sides
    return points[np.argmin(((points - place) ** 2).sum(axis=1))]
