"""Options that take one number for all layers, or a number for each layer that is named."""

from typing import TypeVar

from model.errors import EieError

Number = TypeVar("Number", int, float)


def parse_by_layer(option: str, text: str | None, kind: type[Number]) -> Number | dict[str, Number] | None:
    """``0.1``, or ``name=0.1,...`` as a dictionary; EieError, which names the option, for anything else."""
    if text is None:
        return None
    wanted = f"{option} wants a {'whole number' if kind is int else 'number'} or NAME=NUMBER,... with each name once"
    try:
        if "=" not in text:
            return kind(text)
        numbers: dict[str, Number] = {}
        for part in text.split(","):
            name, separator, value = part.rpartition("=")
            if not separator or name.strip() in numbers:
                raise EieError(f"{wanted}, got {text!r}")
            numbers[name.strip()] = kind(value)
    except ValueError as error:
        raise EieError(f"{wanted}, got {text!r}") from error
    return numbers
