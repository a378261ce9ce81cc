"""Buffers in the activation memory, and which rows each gets.

Buffers are placed by size, the largest first, each at the lowest rows that are free while it is needed; the network's
input lies at row 0.
"""

from dataclasses import dataclass
from typing import NamedTuple

from sw.image.maps.step import Made


class Span(NamedTuple):
    """Local rows of a buffer, the first and the one after the last, and when they are needed, as of a buffer."""

    first: int
    end: int
    written: int
    read: int


@dataclass(eq=False)
class Buffer:
    """Maps whose local channels stand side by side at every position.

    Parameters
    ----------
    maps : in this order.
    offsets : before each map's first local channel.
    pitch : local rows from one position to the next.
    rows : local rows of the whole.
    written, read : number of the first step that writes it, -1 for the input, and of the last that reads or writes it.
    row : first local row.
    lead : rows in front of the first position: h of an LSTM or a GRU before its first step.
    spans : parts of it with times of their own; none is the whole.
    """

    maps: list[Made]
    offsets: dict[int, int]
    pitch: int
    rows: int
    written: int
    read: int
    row: int = 0
    lead: int = 0
    spans: tuple[Span, ...] = ()

    @property
    def needed(self) -> tuple[Span, ...]:
        """All of it in spans."""
        return self.spans or (Span(0, self.rows, self.written, self.read),)

    @property
    def first(self) -> int:
        """Local row of the first position."""
        return self.row + self.lead


def place_rows(buffers: list[Buffer], depth: int) -> None:
    """At the lowest rows; where these go beyond `depth`, at the highest, if that will do: holes are others then."""
    order = sorted(buffers, key=lambda buffer: (not _holds_input(buffer), -buffer.rows))
    for number, buffer in enumerate(order):
        buffer.row = min(row for row in _candidates(buffer, order[:number], 0) if _is_free(buffer, row, order[:number]))
    if max(buffer.row + buffer.rows for buffer in buffers) <= depth:
        return
    lowest = [buffer.row for buffer in buffers]
    for number, buffer in enumerate(order):
        placed = order[:number]
        rows = [0] if _holds_input(buffer) else _candidates(buffer, placed, depth - buffer.rows)
        free = [row for row in rows if row + buffer.rows <= depth and _is_free(buffer, row, placed)]
        if not free:
            for each, row in zip(buffers, lowest, strict=True):
                each.row = row
            return
        buffer.row = max(free)


def _candidates(buffer: Buffer, placed: list[Buffer], first: int) -> list[int]:
    """Rows where it may begin: `first`, and right behind or before spans of others that are needed with its own."""
    rows = {first}
    for other in placed:
        for mine in buffer.needed:
            for its in other.needed:
                if _meet(mine, its):
                    rows |= {other.row + its.end - mine.first, other.row + its.first - mine.end}
    return [row for row in rows if row >= 0]


def _is_free(buffer: Buffer, row: int, placed: list[Buffer]) -> bool:
    return not any(
        _meet(mine, its) and row + mine.first < other.row + its.end and other.row + its.first < row + mine.end
        for other in placed
        if row < other.row + other.rows and other.row < row + buffer.rows
        for mine in buffer.needed
        for its in other.needed
    )


def _holds_input(buffer: Buffer) -> bool:
    return any(made.number == 0 for made in buffer.maps)


def _meet(one: Span, other: Span) -> bool:
    """Whether both are needed at some time; what is read last by a step gives way to what the step makes."""
    return one.written < max(other.read, other.written + 1) and other.written < max(one.read, one.written + 1)
