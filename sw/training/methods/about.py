"""Which method of the literature a recipe follows, with the figures that its paper gives and what is expected here."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from model.errors import EieError

FOLDER = Path(__file__).parent.parent / "recipes" / "study"
COUNTED = ("parameters", "file")


@dataclass(frozen=True, kw_only=True)
class Result:
    """An error and a ratio of sizes, either of which may be unknown.

    error : share of the test images, a fraction.
    ratio : size of the float32 network over that of the compressed one.
    counted : what the ratio counts: "parameters" that are left, or bytes of a "file".
    """

    error: float | None = None
    ratio: float | None = None
    counted: str = "file"


@dataclass(frozen=True, kw_only=True)
class Method:
    """The [method] table of a recipe.

    name : as the paper calls it.
    paper : authors, year, where.
    published : the paper's figures for this network; empty if it has none.
    target : what is expected of this recipe.
    note : where the recipe deviates from the paper, a sentence; may be empty.
    """

    name: str
    paper: str
    published: Result
    target: Result
    note: str


def parse_method(table: Mapping[str, Any]) -> Method:
    """The method in a TOML table; EieError says what is unknown, missing or out of range."""
    for key in table:
        if key not in ("name", "paper", "published", "target", "note"):
            raise EieError(f"[method]: no option {key!r}; options: name, paper, published, target, note")
    return Method(
        name=_text(table, "name"),
        paper=_text(table, "paper"),
        published=_result(table, "published"),
        target=_result(table, "target"),
        note=_text(table, "note", ""),
    )


def study_recipes() -> dict[str, Path]:
    """The recipes of `eie study` by name, METHOD.NETWORK, in alphabetical order."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.toml"))}


def _text(table: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = table.get(key, default)
    if not isinstance(value, str) or (default is None and not value):
        raise EieError(f"[method]: {key} must be text, got {value!r}")
    return value


def _result(table: Mapping[str, Any], key: str) -> Result:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise EieError(f"[method]: {key} must be a table, got {value!r}")
    given = cast("dict[str, Any]", value)
    for name in given:
        if name not in ("error", "ratio", "counted"):
            raise EieError(f"[method]: {key} has no option {name!r}; options: error, ratio, counted")
    counted = given.get("counted", "file")
    if counted not in COUNTED:
        raise EieError(f"[method]: {key}: counted must be one of {', '.join(COUNTED)}, got {counted!r}")
    return Result(error=_number(given, key, "error", 0, 1), ratio=_number(given, key, "ratio", 1, 1e6), counted=counted)


def _number(given: Mapping[str, Any], key: str, name: str, low: float, high: float) -> float | None:
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise EieError(f"[method]: {name} of {key} must be a number from {low:g} to {high:g}, got {value!r}")
    return float(value)
