"""The points of a design space: every combination of the values that configuration fields are to take."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from model.config import ArrayConfig
from model.errors import ConfigError
from sim.fields import field_value, split_field

MOST_POINTS = 100_000
KINDS: Mapping[type, str] = {int: "integers", float: "numbers", bool: "true or false", str: "words"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One combination.

    Parameters
    ----------
    base : every field of the configuration that all points vary, by name; it is one table for all of them.
    names, values : the varied fields.
    array : the configuration; None if these fields describe none.
    reason : why they do not, in one sentence.
    """

    base: Mapping[str, Any]
    names: tuple[str, ...]
    values: tuple[Any, ...]
    array: ArrayConfig | None
    reason: str | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """Every field of the configuration, the varied ones included."""
        return {**self.base, **dict(zip(self.names, self.values, strict=True))}

    def field(self, name: str) -> Any:
        """One of them."""
        return self.values[self.names.index(name)] if name in self.names else self.base[name]


def parse_variations(base: ArrayConfig, texts: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """``field=value,value`` each: the values of each field, each once, in the order given.

    Raises ConfigError for a field that there is not or that comes twice, and for a value of the wrong kind. Whether a
    value of the right kind makes an array is found out for each combination (`points`).
    """
    known = base.to_dict()
    variations: dict[str, tuple[Any, ...]] = {}
    for text in texts:
        name, values = split_field("--vary", text, "VALUE,...")
        if name not in known:
            raise ConfigError(f"--vary: no field {name!r}; fields: {', '.join(known)}")
        if name in variations:
            raise ConfigError(f"--vary gives {name} twice; wanted all its values in one place")
        variations[name] = tuple(dict.fromkeys(_value(name, known[name], part.strip()) for part in values.split(",")))
    if prod(len(values) for values in variations.values()) > MOST_POINTS:
        raise ConfigError(f"--vary wants at most {MOST_POINTS:,} combinations, got more")
    return variations


def points(base: ArrayConfig, variations: Mapping[str, Sequence[Any]]) -> list[Point]:
    """All combinations, the last field varying fastest."""
    names, fields = tuple(variations), base.to_dict()
    found: list[Point] = []
    for values in itertools.product(*variations.values()):
        array, reason = None, None
        try:
            array = base.with_(**dict(zip(names, values, strict=True)))
        except ConfigError as error:
            reason = str(error)
        found.append(Point(base=fields, names=names, values=values, array=array, reason=reason))
    return found


def _value(name: str, like: object, text: str) -> Any:
    value, kind = field_value(text), type(like)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise ConfigError(f"--vary {name} wants {KINDS[kind]}, got {value!r}")
    return value
