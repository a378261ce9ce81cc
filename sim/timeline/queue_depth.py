"""Cycles against the depth of the activation queue: the recurrence evaluated for every depth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from model.schedule import LayerWork

MOST_DEPTH = 256  # no configuration has deeper queues


@dataclass(frozen=True)
class DepthCurve:
    """What runs take with queues of every depth.

    cycles : (MOST_DEPTH,) int64, of all runs together, with queues of 1, 2, .. slots; never more with deeper ones. For
        a depth that no array can have, those of the next smaller one that can, or of the smallest.
    smallest : slots that a queue must have.
    unbounded : the same if no queue were ever full.
    """

    cycles: NDArray[np.int64]
    unbounded: int
    smallest: int = 1

    def __add__(self, other: "DepthCurve") -> "DepthCurve":
        """The runs of both, one after the other."""
        return DepthCurve(self.cycles + other.cycles, self.unbounded + other.unbounded, self.smallest)

    def loss(self, depth: int) -> float:
        """Cycles that queues of this depth, 1 to MOST_DEPTH, add to the unbounded ones, as a fraction of those."""
        return int(self.cycles[depth - 1]) / self.unbounded - 1

    def needed(self, loss: float) -> int | None:
        """The smallest depth that loses no more than this fraction; None if MOST_DEPTH loses more."""
        enough = np.flatnonzero(self.cycles - self.unbounded <= loss * self.unbounded)
        return max(int(enough[0]) + 1, self.smallest) if enough.size else None


def depth_curve(work: LayerWork) -> DepthCurve:
    """Of one run of a layer."""
    unbounded = work.cycles(work.unbounded_depth)
    cycles = np.full(MOST_DEPTH, unbounded, dtype=np.int64)
    smallest, step = (1, 1) if work.config.broadcasts_per_cycle == 1 else (4, 2)
    cycles[: smallest - 1] = work.cycles(smallest)
    for depth in range(smallest, MOST_DEPTH + 1, step):
        cycles[depth - 1 : depth - 1 + step] = work.cycles(depth)
        if cycles[depth - 1] == unbounded:  # deeper queues cannot better it
            break
    return DepthCurve(cycles, unbounded, smallest)


def parse_loss(text: str) -> float:
    """``1%`` or ``0.01`` as a fraction, from 0 to below 1; raises EieError for anything else."""
    number, scale = (text.rstrip()[:-1], 100.0) if text.rstrip().endswith("%") else (text, 1.0)
    try:
        value = float(number) / scale
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise EieError(f"--loss wants a percentage such as 1%, or a fraction such as 0.01, below 1; got {text!r}")
    return value
