"""Address stages (E to U) of `maps`: from an entry's local row and coordinate to its accumulator."""

from typing import NamedTuple

from model.map_descriptor import COORDINATE_BITS, MAP_ROW_BITS, STEP_Y_BITS, MapDescriptor
from model.stepped.signals import PeSignals


class Placed(NamedTuple):
    """An operation in E to U. E: `row` is the local channel, (y, x) the coordinate, (step_y, step_x) the steps from it.

    T: (y, x) is the output position. From V on `row` is the address. Write-back operations only pass. `destination`:
    where their output goes.
    """

    write_back: bool
    row: int
    weight: int
    activation: int
    y: int = 0
    x: int = 0
    destination: int = 0
    step_y: int = 0
    step_x: int = 0


class AddressStages:
    """Takes what leaves stage W in a cycle; an operation per cycle, four cycles from there to stage X."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.e: Placed | None = None
        self.t: Placed | None = None
        self.v: Placed | None = None
        self.u: Placed | None = None
        self._next_e: Placed | None = None
        self._next_t: Placed | None = None
        self._next_v: Placed | None = None
        self._next_u: Placed | None = None

    def is_misplaced(self, pe: PeSignals) -> bool:
        """Whether stage U holds an entry past the layer's last row."""
        u = self.u
        return u is not None and not u.write_back and u.row >= pe.control.descriptor.out_rows

    def leaving(self, pe: PeSignals) -> Placed | None:
        """What goes to stage X."""
        return None if self.is_misplaced(pe) else self.u

    def compute(self, pe: PeSignals, leaving: Placed | None) -> None:
        """With the operation that leaves stage W, (y, x) its coordinate."""
        geometry, e, t = pe.control.descriptor.map, self.e, self.t
        self._next_e, self._next_t, self._next_v, self._next_u = leaving, e, t, self.v
        if geometry is None:
            return
        if leaving is not None and not leaving.write_back:
            self._next_e = _digits(geometry, leaving)
        if e is not None and not e.write_back:
            mask = (1 << COORDINATE_BITS) - 1
            self._next_t = e._replace(y=e.y - e.step_y & mask, x=e.x - e.step_x & mask)
        if t is not None and not t.write_back:
            on_map = t.y < geometry.out_height and t.x < geometry.out_width
            address = t.y * geometry.row_pitch + t.x * geometry.out_channels + t.row
            self._next_v = t._replace(row=address & (1 << MAP_ROW_BITS) - 1) if on_map else None

    def commit(self) -> None:
        self.e, self.t, self.v, self.u = self._next_e, self._next_t, self._next_v, self._next_u


def _digits(geometry: MapDescriptor, entry: Placed) -> Placed:
    """Stage W: local channel and steps, the digits of the local row."""
    if geometry.flat:
        return entry
    taps = entry.row >> geometry.channel_bits
    return entry._replace(
        row=entry.row & (1 << geometry.channel_bits) - 1,
        step_y=taps >> geometry.column_bits & (1 << STEP_Y_BITS) - 1,
        step_x=taps & (1 << geometry.column_bits) - 1,
    )
