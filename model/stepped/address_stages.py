"""Address stages (T and V) of `maps`: from an entry's local row and coordinate to its accumulator."""

from typing import NamedTuple

from model.map_descriptor import COORDINATE_BITS, MAP_ROW_BITS, STEP_Y_BITS, MapDescriptor
from model.stepped.signals import PeSignals


class Placed(NamedTuple):
    """An operation in T and V. T: `row` is the local channel, (y, x) the output position. V: `row` is the address.

    Write-back operations only pass. `destination`: where their output goes.
    """

    write_back: bool
    row: int
    weight: int
    activation: int
    y: int = 0
    x: int = 0
    destination: int = 0


class AddressStages:
    """Takes what leaves stage W in a cycle; an operation per cycle, two cycles from there to stage X."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.t: Placed | None = None
        self.v: Placed | None = None
        self._next_t: Placed | None = None
        self._next_v: Placed | None = None

    def is_misplaced(self, pe: PeSignals) -> bool:
        """Whether stage V holds an entry past the layer's last row."""
        v = self.v
        return v is not None and not v.write_back and v.row >= pe.control.descriptor.out_rows

    def leaving(self, pe: PeSignals) -> Placed | None:
        """What goes to stage X."""
        return None if self.is_misplaced(pe) else self.v

    def compute(self, pe: PeSignals, leaving: Placed | None) -> None:
        """With the operation that leaves stage W, (y, x) its coordinate."""
        geometry, t = pe.control.descriptor.map, self.t
        self._next_t = (
            leaving if leaving is None or leaving.write_back or geometry is None else _place(geometry, leaving)
        )
        self._next_v = t
        if t is not None and not t.write_back and geometry is not None:
            on_map = t.y < geometry.out_height and t.x < geometry.out_width
            address = t.y * geometry.row_pitch + t.x * geometry.out_channels + t.row
            self._next_v = t._replace(row=address & (1 << MAP_ROW_BITS) - 1) if on_map else None

    def commit(self) -> None:
        self.t, self.v = self._next_t, self._next_v


def _place(geometry: MapDescriptor, entry: Placed) -> Placed:
    """Stage W: the digits of the local row, and the output position."""
    if geometry.flat:
        return entry
    mask = (1 << COORDINATE_BITS) - 1
    taps = entry.row >> geometry.channel_bits
    x = taps & (1 << geometry.column_bits) - 1
    y = taps >> geometry.column_bits & (1 << STEP_Y_BITS) - 1
    channel = entry.row & (1 << geometry.channel_bits) - 1
    return entry._replace(row=channel, y=entry.y - y & mask, x=entry.x - x & mask)
