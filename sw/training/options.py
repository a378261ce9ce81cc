"""Hyper-parameters: declared once with default and range, checked alike for Python and for recipe files."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, cast

from model.errors import EieError

Check = Callable[[str, Any], None]
T = TypeVar("T", bound="Options")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Base of all hyper-parameters: a frozen dataclass whose fields are made by the functions below."""

    def __post_init__(self) -> None:
        for item in fields(self):
            check: Check = item.metadata["check"]
            check(f"{type(self).__name__.lower()}.{item.name}", getattr(self, item.name))


def from_table(options: type[T], table: Mapping[str, Any], where: str) -> T:
    """The options in a TOML table; EieError names what is unknown or out of range."""
    known = [item.name for item in fields(options)]
    for key in table:
        if key not in known:
            raise EieError(f"{where}: no option {key!r}; options: {', '.join(known)}")
    try:
        return options(**table)
    except EieError as error:
        raise EieError(f"{where}: {error}") from error


def whole(default: int, low: int, high: int) -> Any:
    """A whole number from `low` to `high`."""

    def check(name: str, value: Any) -> None:
        if not _is_whole(value) or not low <= value <= high:
            raise EieError(f"{name} must be a whole number from {low} to {high}, got {value!r}")

    return field(default=default, metadata={"check": check})


def real(default: float, low: float, high: float) -> Any:
    """A finite number from `low` to `high`."""
    return field(default=default, metadata={"check": _real(low, high)})


def flag(default: bool) -> Any:
    """True or false."""

    def check(name: str, value: Any) -> None:
        if not isinstance(value, bool):
            raise EieError(f"{name} must be true or false, got {value!r}")

    return field(default=default, metadata={"check": check})


def choice(default: str, *words: str) -> Any:
    """One of a few words."""

    def check(name: str, value: Any) -> None:
        if value not in words:
            raise EieError(f"{name} must be one of {', '.join(words)}, got {value!r}")

    return field(default=default, metadata={"check": check})


def by_name(default: float | None, low: float, high: float, *, integers: bool = False) -> Any:
    """One number for all parameters, or a mapping from parameter names to numbers; None if `default` is None."""
    single = _whole_or_real(low, high, integers)

    def check(name: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, entry in cast("Mapping[Any, Any]", value).items():
                single(f"{name}[{key!r}]", entry)
        elif value is not None or default is not None:
            single(name, value)

    return field(default=default, metadata={"check": check})


def value_of(option: float | Mapping[str, float] | None, name: str) -> float | None:
    """What a `by_name` option says of one parameter; None if it does not name it."""
    return option.get(name) if isinstance(option, Mapping) else option


def check_names(option: float | Mapping[str, float] | None, names: list[str], what: str) -> None:
    """EieError if a `by_name` option names a parameter that is not there."""
    if isinstance(option, Mapping):
        for key in option:
            if key not in names:
                raise EieError(f"{what} must name parameters of {', '.join(names)}, got {key!r}")


def _whole_or_real(low: float, high: float, integers: bool) -> Check:
    check_real = _real(low, high)

    def check(name: str, value: Any) -> None:
        check_real(name, value)
        if integers and not _is_whole(value):
            raise EieError(f"{name} must be a whole number, got {value!r}")

    return check


def _real(low: float, high: float) -> Check:
    def check(name: str, value: Any) -> None:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or not low <= value <= high:
            raise EieError(f"{name} must be a number from {low:g} to {high:g}, got {value!r}")

    return check


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
