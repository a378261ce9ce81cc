"""The part of a map that a step makes, or reads, as it lies in a PE."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.image.maps.axis import Axis
from sw.image.maps.placement import Place
from sw.image.maps.step import Rows, Step


@dataclass(frozen=True)
class Part:
    """Rows of positions, and local channels.

    Parameters
    ----------
    place : of the part by itself; channels that are not in it have local channels below 0 or from `channels` on.
    first_row : of positions, in a group.
    first_channel, channels : local channels, and how many there are.
    """

    place: Place
    first_row: int
    first_channel: int
    channels: int

    @property
    def height(self) -> int:
        """Rows of positions of one group."""
        return self.place.rows.local_size

    @property
    def accumulators(self) -> int:
        """That the part takes while a layer makes it."""
        return self.place.positions * self.channels

    @property
    def held(self) -> NDArray[np.bool_]:
        """(channels of the map,) which lie in the part."""
        return (self.place.local >= 0) & (self.place.local < self.channels)


def rows_of(place: Place, rows: Rows) -> tuple[Place, int]:
    """The place of some rows of positions by themselves, whole blocks, and the first of them in a group."""
    whole = place.rows
    unit = whole.groups * whole.block if whole.groups > 1 else 1
    if rows[0] % unit or (rows[1] - rows[0]) % unit:
        raise EieError(f"bands must begin and end with {unit} rows, got {rows[0]} to {rows[1]}")
    axis = Axis(rows[1] - rows[0], whole.groups, whole.block)
    return replace(place, rows=axis), rows[0] // whole.groups


def widened(place: Place, rows: Rows) -> Rows:
    """`rows` and those before and behind that share blocks with them."""
    unit = place.rows.groups * place.rows.block if place.rows.groups > 1 else 1
    return rows[0] // unit * unit, min(-(-rows[1] // unit) * unit, place.rows.size)


def part_made(step: Step, place: Place) -> Part:
    """Of the step's result; EieError for bands that groups of PEs cannot share."""
    number, passes = step.channel_pass
    first, end = (place.local_channels * each // passes for each in (number, number + 1))
    of_rows, row = (place, 0) if step.rows is None else rows_of(place, step.rows)
    return Part(replace(of_rows, local=place.local - first), row, first, end - first)
