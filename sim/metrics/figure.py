"""A figure: one thing that is said of a run. Tables, JSON, CSV, pages and the documentation are made of these."""

import math
from collections.abc import Callable, Sequence
from statistics import geometric_mean
from typing import Any, Generic, Literal, TypeVar, overload

# Tables with a column for each figure: `eie simulate`, `eie bench`, the page of `eie report`, energy in all of them,
# and the front of `eie sweep`.
Table = Literal["run", "bench", "page", "energy", "front"]
Group = Literal["work", "component", "energy"]

SIGNIFICANT = 3  # digits that a number in a table has at least, however small it is
SIGNIFICANT_HERE = 2  # of percentages and of means of counts

T = TypeVar("T", float, float | None)


class Figure(Generic[T]):
    """A property of `sim.metrics.Metrics` that knows what it means and how it is shown; see `figure`."""

    def __init__(
        self,
        get: Callable[[Any], T],
        *,
        name: str,
        meaning: str,
        heading: str,
        unit: str,
        decimals: int | None,
        term: str,
        group: Group,
        tables: Sequence[Table],
        largest: bool,
    ):
        self.get = get
        self.name, self.meaning, self.heading, self.unit, self.term = name, meaning, heading, unit, term
        self.group: Group = group
        self.tables = frozenset(tables)
        self._decimals, self._largest = decimals, largest
        self.__doc__ = meaning

    @classmethod
    def outside(cls, name: str, heading: str, meaning: str) -> "Figure[float | None]":
        """A count of an array that no run gives: the largest stands for several layers."""
        return Figure[float | None](
            lambda _: None,
            name=name,
            meaning=meaning,
            heading=heading,
            unit="",
            decimals=0,
            term="",
            group="work",
            tables=(),
            largest=True,
        )

    @overload
    def __get__(self, instance: None, owner: type) -> "Figure[T]": ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> "Figure[T] | T":
        return self if instance is None else self.get(instance)

    def cells(self, values: Sequence[float | None]) -> list[str]:
        """A column of a table: these values as text, "-" where there is none."""
        decimals = self._decimals
        if decimals is None:  # counts; means of several inputs need not be whole
            decimals = 0 if all(value is None or float(value).is_integer() for value in values) else 1
        return ["-" if value is None else self._number(value, decimals) for value in values]

    def text(self, value: float | None) -> str:
        """One value as a table has it."""
        return self.cells([value])[0]

    def over(self, values: Sequence[float | None]) -> float | None:
        """What stands for several layers that ran each by itself: the geometric mean, of an area the largest."""
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            return None
        if self._largest:
            return max(known)
        if len(known) == 1:
            return known[0]
        return geometric_mean(known) if all(known) else 0.0

    def _number(self, value: float, decimals: int) -> str:
        if self.unit == "%":
            return f"{number(100 * value, decimals, SIGNIFICANT_HERE)} %"
        return number(value, decimals, SIGNIFICANT if self._decimals is not None else SIGNIFICANT_HERE)


def figure(
    heading: str,
    unit: str = "",
    decimals: int | None = None,
    *,
    term: str = "",
    group: Group = "work",
    tables: Sequence[Table] = ("run", "bench", "page", "front"),
    largest: bool = False,
) -> Callable[[Callable[[Any], T]], Figure[T]]:
    """Makes a method of `Metrics` a figure: its name is the key in JSON and CSV, its docstring says what it is.

    Parameters
    ----------
    heading : of its column.
    unit : "%" for a fraction that tables show as a percentage.
    decimals : in tables, and more where a number would have less than `SIGNIFICANT` digits. None for a count.
    term : the field's word, where it is another one.
    group : JSON has "energy" in an object of its own.
    tables : that have the column.
    largest : the largest stands for several layers, not the geometric mean.
    """

    def make(get: Callable[[Any], T]) -> Figure[T]:
        return Figure(
            get,
            name=get.__name__,
            meaning=" ".join((get.__doc__ or "").split()),
            heading=heading,
            unit=unit,
            decimals=decimals,
            term=term,
            group=group,
            tables=tables,
            largest=largest,
        )

    return make


def number(value: float, decimals: int, significant: int = SIGNIFICANT) -> str:
    """With thousands separators, and decimals for that many significant digits if so few are not enough.

    A number below 1e-9 is written with an exponent.
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:,.{decimals}f}"
    size = math.floor(math.log10(abs(value)))
    if size < -9:
        return f"{value:.{significant - 1}e}"
    if decimals == 0 and float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.{max(decimals, significant - 1 - size)}f}"
