"""Dealing families of channels to lanes, so that no step waits long for its busiest lane.

Every step that a map has a part in loads lanes by itself: what counts is the busiest lane of each step, added up. The
start is `sw.image.dealing.deal_rows` on the sums over all steps; then two families change places as long as that helps.
"""

import numpy as np
from numpy.typing import NDArray

from model.compiled import compiled
from sw.image.dealing import deal_rows

MOST_SWEEPS = 20
LEAST_GAIN = 1e-9  # of the total: floating point must not swap for ever
LARGEST_WEIGHT = 1 << 40


def deal_families(loads: NDArray[np.float64], lanes: int) -> NDArray[np.int64]:
    """(families,) the lane of each; lanes have as many, but for the last local channel.

    `loads` is (steps, families), 0 or more: cycles that a family takes of its lane in each step.
    """
    families = loads.shape[1]
    totals = loads.sum(axis=0)
    if not totals.any():
        return np.arange(families, dtype=np.int64) % lanes
    shares: NDArray[np.float64] = totals / totals.max()
    weights: NDArray[np.int64] = (shares * LARGEST_WEIGHT).astype(np.int64)
    order = deal_rows(weights, lanes, "balanced")
    lane = np.empty(order.size, np.int64)  # of every place; those past the families weigh nothing
    dealt = np.flatnonzero(order >= 0)
    lane[order[dealt]] = dealt % lanes
    lane[families:] = np.flatnonzero(order < 0) % lanes
    all_loads = np.zeros((order.size, len(loads)))
    all_loads[:families] = loads.T
    _improve(all_loads, lane, lanes)
    return lane[:families]


@compiled
def _improve(loads: NDArray[np.float64], lane: NDArray[np.int64], lanes: int) -> None:
    """Swap (families,) `lane`s while the sum over steps of the busiest lane's load becomes less."""
    families, steps = loads.shape
    held = np.zeros((steps, lanes))
    for family in range(families):
        for step in range(steps):
            held[step, lane[family]] += loads[family, step]
    least = LEAST_GAIN * loads.sum()
    for _ in range(MOST_SWEEPS):
        swapped = False
        for one in range(families):
            for other in range(one + 1, families):
                mine, its = lane[one], lane[other]
                if mine == its:
                    continue
                gain = 0.0
                for step in range(steps):
                    moved = loads[one, step] - loads[other, step]
                    if moved == 0.0:
                        continue
                    before = after = 0.0
                    for each in range(lanes):
                        load = held[step, each]
                        before = max(before, load)
                        if each == mine:
                            load -= moved
                        elif each == its:
                            load += moved
                        after = max(after, load)
                    gain += before - after
                if gain > least:
                    for step in range(steps):
                        moved = loads[one, step] - loads[other, step]
                        held[step, mine] -= moved
                        held[step, its] += moved
                    lane[one], lane[other] = its, mine
                    swapped = True
        if not swapped:
            return
