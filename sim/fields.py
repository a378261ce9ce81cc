"""`FIELD=VALUE` and numbers that several commands take, and the sentences that refuse others."""

import tomllib
from typing import Any

from model.errors import ConfigError, EieError
from sw.files import UNREADABLE


def split_field(option: str, text: str, value: str) -> tuple[str, str]:
    """``field=value`` as its two halves; `option` and `value` are the words of the sentence that refuses others."""
    name, separator, rest = text.partition("=")
    if not separator:
        raise ConfigError(f"{option} wants FIELD={value}, got {text!r}")
    return name.strip(), rest.strip()


def field_value(text: str) -> Any:
    """A value of a field, as TOML; what is not TOML is a string, so that quotes are not needed."""
    try:
        table = tomllib.loads(f"value = {text}")
    except UNREADABLE:
        table = {}
    return table["value"] if len(table) == 1 else text


def check_seed(seed: int) -> None:
    """EieError for a --seed that no random generator takes."""
    if seed < 0:
        raise EieError(f"--seed must be 0 or more, got {seed}")


def parse_shape(text: str | None) -> tuple[int, ...] | None:
    """The sizes of --input-shape, such as 3,224,224; None if it was not given."""
    if text is None:
        return None
    sizes = text.split(",")
    if not all(size.strip().isdecimal() and len(size) < 10 and int(size) > 0 for size in sizes):
        raise EieError(f"--input-shape must be sizes above 0 with commas between them, got {text[:80]!r}")
    return tuple(int(size) for size in sizes)
