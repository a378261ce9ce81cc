"""One axis of a map: how its positions alternate over groups of PEs, and how a window moves from one map to another.

Positions are dealt in blocks: `block` neighbours lie in one group, the next block in the next group, and so on round.
With one group a position lies where its number says.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError

MOST_CLASSES = 31  # that a descriptor's field holds
MOST_ADVANCE = 31  # the same


@dataclass(frozen=True)
class Axis:
    """`size` positions over `groups` groups, a multiple of ``groups * block`` if there are several."""

    size: int
    groups: int = 1
    block: int = 1

    @property
    def local_size(self) -> int:
        """Positions of one group."""
        return self.size // self.groups

    def group(self, position: NDArray[np.int64]) -> NDArray[np.int64]:
        """Of positions; also of those outside the map, as if it went on."""
        return position // self.block % self.groups

    def local(self, position: NDArray[np.int64]) -> NDArray[np.int64]:
        """Number of positions in their group; also of those outside the map."""
        return position // (self.block * self.groups) * self.block + position % self.block

    def position(self, group: NDArray[np.int64], local: NDArray[np.int64]) -> NDArray[np.int64]:
        """The inverse of `group` and `local`."""
        return (local // self.block * self.groups + group) * self.block + local % self.block


@dataclass(frozen=True)
class Window:
    """How a kernel of `size` taps moves along an axis; `padding` stands before the first position."""

    size: int = 1
    stride: int = 1
    padding: int = 0
    dilation: int = 1


@dataclass(frozen=True)
class Meetings:
    """Which tap of a window meets a source position, and which output position it then belongs to; (n,) int64 each.

    Parameters
    ----------
    tap, source_group, class_ : every combination that meets.
    group, step : of the output position; `step` local positions before the coordinate.
    classes, advance, start : of the descriptor.
    first, pitch, count : local source positions to be read: `count` of them, from `first` on, every `pitch`-th.
    """

    tap: NDArray[np.int64]
    source_group: NDArray[np.int64]
    class_: NDArray[np.int64]
    group: NDArray[np.int64]
    step: NDArray[np.int64]
    classes: int
    advance: int
    start: int
    first: int
    pitch: int
    count: int

    @property
    def furthest(self) -> int:
        """The largest step."""
        return int(self.step.max(initial=0))


def meetings(source: Axis, result: Axis, window: Window, what: str, unrolled: bool = False) -> Meetings:
    """Of a window that moves over the source and makes the result; EieError, which begins with `what`, if too far.

    `unrolled`: every local position is a class of its own, as far as classes reach, so that nothing that lies off the
    map need be stored; it takes a column for each.
    """
    period, round_ = source.block, window.stride * result.block * result.groups
    while period * source.groups % round_:
        period += source.block

    def advance_of(period: int) -> int:
        return period * source.groups // (window.stride * result.groups)

    if unrolled:
        whole = -(-source.local_size // period) * period
        whole = source.local_size if whole > MOST_CLASSES else whole
        unrolled = whole <= MOST_CLASSES and advance_of(whole) <= MOST_ADVANCE
        period = whole if unrolled else period
    advance = advance_of(period)
    if period > MOST_CLASSES:
        raise EieError(f"{what}: an array tells apart at most {MOST_CLASSES} source positions in a row, got {period}")
    if advance > MOST_ADVANCE:
        raise EieError(f"{what}: an array moves by at most {MOST_ADVANCE} positions of the result, got {advance}")
    grid = np.meshgrid(np.arange(window.size), np.arange(source.groups), np.arange(period), indexing="ij")
    tap, source_group, class_ = (values.reshape(-1).astype(np.int64) for values in grid)
    reached = source.position(source_group, class_) + window.padding - tap * window.dilation
    meets = reached % window.stride == 0
    if unrolled:
        meets &= (class_ < source.local_size) & (reached >= 0) & (reached < window.stride * result.size)
    tap, source_group, class_ = tap[meets], source_group[meets], class_[meets]
    output = reached[meets] // window.stride
    local = result.local(output)
    start = max(int(local.max(initial=0)), 0)
    first, pitch, classes = 0, 1, period
    held = np.unique(class_)
    if held.size == 1 and period > 1 and source.local_size > held[0]:  # what has no taps is not read
        first, pitch, classes, class_ = int(held[0]), period, 1, np.zeros_like(class_)
    return Meetings(
        tap=tap,
        source_group=source_group,
        class_=class_,
        group=result.group(output),
        step=start - local,
        classes=classes,
        advance=advance,
        start=start,
        first=first,
        pitch=pitch,
        count=-(-(source.local_size - first) // pitch),
    )
