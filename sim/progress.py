"""How long work says how far it is: a callable that takes a text, or a share."""

from collections.abc import Callable
from typing import Protocol

Say = Callable[[str], None]


class Advance(Protocol):
    """Moves a bar on by so many units; a text replaces the one beside it."""

    def __call__(self, units: int, text: str | None = None) -> None: ...
