"""What a reader may assume where a file does not say it, and whom it tells."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sw.formats.connections import Connections

Order = Literal["file", "name"]


@dataclass(frozen=True, kw_only=True)
class Assumptions:
    """Of a file of named tensors that says nothing of how its layers are connected.

    Parameters
    ----------
    order : of a chain of fully connected layers: that of the tensors in the file, or of their names. None: what the
        shapes, the file and the names agree on, and a refusal where they do not.
    connections : of the same layers, known from elsewhere; used if the file has exactly these.
    say : told every assumption in a sentence.
    """

    order: Order | None = None
    connections: Connections | None = None
    say: Callable[[str], None] = lambda _: None


NOTHING_SAID = Assumptions()
