"""How a field of a configuration is declared: default, range, unit, what a change of it changes; checked from there."""

from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, Literal, NamedTuple, Protocol

from model.errors import ConfigError

# What depends on a field. image: how a layer is laid out, as long as the memories hold it; cycles: cycles or events of
# loading and running, otherwise than by the image; area: the size of the array; verilog: the machine, and so the
# fingerprint that images and drivers are bound to.
Influence = Literal["image", "cycles", "area", "verilog"]

DECLARATION = "declaration"  # key of a field's metadata


class Bound(NamedTuple):
    """A bound that follows from other fields, in words and as a function of the configuration."""

    words: str
    value: Callable[[Any], int]


class Check(Protocol):
    """ConfigError unless the value of field `name` is of the right kind, or suits the configuration."""

    def __call__(self, name: str, value: Any, config: Any) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """What is known of one field.

    Parameters
    ----------
    meaning : one sentence without a period.
    values : the values it takes, in words.
    unit : of its value, "" for switches and words.
    influences : what changes with it; nothing for labels.
    later : the field came after arrays had been built: the fingerprint holds it only where it is not the default, so
        that those of older arrays stay.
    check_kind, check_value, check_relation : made for all fields in this order, the last against other fields.
    """

    meaning: str
    values: str
    unit: str
    influences: frozenset[Influence]
    later: bool
    check_kind: Check
    check_value: Check
    check_relation: Check


def declaration(item: Field[Any]) -> Declaration:
    """Of a field made by the functions below."""
    return item.metadata[DECLARATION]


def influenced(kind: type[Any], *influences: Influence) -> frozenset[str]:
    """Names of the fields of a configuration class that change one of these things."""
    return frozenset(item.name for item in fields(kind) if not declaration(item).influences.isdisjoint(influences))


def check_fields(config: Any) -> None:
    """ConfigError for the first field that is of a wrong kind; then for a wrong value, then for one others forbid."""
    for item in fields(config):
        declaration(item).check_kind(item.name, getattr(config, item.name), config)
    for item in fields(config):
        declaration(item).check_value(item.name, getattr(config, item.name), config)
    for item in fields(config):
        declaration(item).check_relation(item.name, getattr(config, item.name), config)


def whole(
    meaning: str,
    low: int | Bound,
    high: int,
    *influences: Influence,
    unit: str = "",
    default: Any = MISSING,
    even: str = "",
    later: bool = False,
) -> Any:
    """An integer from `low` to `high`; `even` says why it must be even, if it must."""

    def check_value(name: str, value: Any, config: Any) -> None:
        least = low.value(config) if isinstance(low, Bound) else low
        if not least <= value <= high:
            raise ConfigError(f"{name} must be between {least} and {high}, got {shown(value)}")
        if even and value % 2:
            raise ConfigError(f"{name} must be even ({even}), got {value}")

    words = low.words if isinstance(low, Bound) else f"{low:,}"
    values = f"{words} to {high:,}" + (", even" if even else "")
    checks = (_anything, check_value) if isinstance(low, Bound) else (check_value, _anything)
    return _field(meaning, values, unit, influences, default, later, _integer, *checks)


def one_of(
    meaning: str, choices: tuple[int, ...], *influences: Influence, unit: str, default: int, later: bool = False
) -> Any:
    """One of a few integers."""
    values = _listed([str(choice) for choice in choices])

    def check_value(name: str, value: Any, config: Any) -> None:
        if value not in choices:
            raise ConfigError(f"{name} must be {values}, got {shown(value)}")

    return _field(meaning, values, unit, influences, default, later, _integer, check_value)


def real(meaning: str, low: float, high: float, *influences: Influence, unit: str, default: float) -> Any:
    """A number from `low` to `high`."""

    def check_kind(name: str, value: Any, config: Any) -> None:
        if type(value) not in (int, float) or not low <= value <= high:
            raise ConfigError(f"{name} must be a number between {low:g} and {high:.0f}, got {shown(value)}")

    return _field(meaning, f"{low:g} to {high:,.0f}", unit, influences, default, False, check_kind)


def flag(meaning: str, *influences: Influence, default: bool, later: bool = False) -> Any:
    """True or false."""

    def check_kind(name: str, value: Any, config: Any) -> None:
        if type(value) is not bool:
            raise ConfigError(f"{name} must be true or false, got {shown(value)}")

    return _field(meaning, "true or false", "", influences, default, later, check_kind)


def choice(meaning: str, words: tuple[str, ...], *influences: Influence, default: str) -> Any:
    """One of a few words."""

    def check_kind(name: str, value: Any, config: Any) -> None:
        if value not in words:
            raise ConfigError(f"{name} must be one of {', '.join(words)}, got {shown(value)}")

    return _field(meaning, _listed(words), "", influences, default, False, check_kind)


def text(meaning: str, *influences: Influence, default: str) -> Any:
    """Any string."""

    def check_kind(name: str, value: Any, config: Any) -> None:
        if type(value) is not str:
            raise ConfigError(f"{name} must be a string, got {shown(value)}")

    return _field(meaning, "any text", "", influences, default, False, check_kind)


def shown(value: object) -> str:
    """A value in a sentence. Python makes no text of an integer of thousands of digits, which a file holds as hex."""
    try:
        return repr(value)
    except ValueError:
        return "a value too long to print"


def _integer(name: str, value: Any, config: Any) -> None:
    if type(value) is not int:
        raise ConfigError(f"{name} must be an integer, got {shown(value)}")


def _anything(name: str, value: Any, config: Any) -> None:
    pass


def _listed(words: list[str] | tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _field(
    meaning: str,
    values: str,
    unit: str,
    influences: tuple[Influence, ...],
    default: Any,
    later: bool,
    check_kind: Check,
    check_value: Check = _anything,
    check_relation: Check = _anything,
) -> Any:
    declared = Declaration(
        meaning=meaning,
        values=values,
        unit=unit,
        influences=frozenset(influences),
        later=later,
        check_kind=check_kind,
        check_value=check_value,
        check_relation=check_relation,
    )
    return field(default=default, metadata={DECLARATION: declared})
