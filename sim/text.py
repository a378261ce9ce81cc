"""How figures are written for people, and values for programs."""

from typing import Any


def count(value: int) -> str:
    """A number of things, with thousands separators."""
    return f"{value:,}"


def mean(value: float) -> str:
    """A mean of counts, with one decimal."""
    return f"{value:,.1f}"


def percent(value: float) -> str:
    """A fraction as a percentage with one decimal."""
    return f"{100 * value:.1f} %"


def ratio(value: float) -> str:
    """A compression ratio."""
    return f"{value:.1f}x"


def than(value: float) -> str:
    """The same as words, for what may have grown."""
    return f"{ratio(value)} smaller than" if value >= 1 else f"{1 / value:.2f}x larger than"


def as_text(value: Any) -> str:
    """A value as a cell of a CSV file or as an option has it."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
