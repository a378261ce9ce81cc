"""Dealing the rows of a layer to the processing elements."""

import heapq

import numpy as np
from numpy.typing import NDArray

from model.config import RowDealing
from model.errors import EieError


def deal_rows(row_weights: NDArray[np.int64], pes: int, policy: RowDealing) -> NDArray[np.int64]:
    """Which logical row each physical row holds.

    Parameters
    ----------
    row_weights : (rows,) nonzero weights of each row.
    pes : processing elements.
    policy : "modulo" leaves row i at i (EIE, section III-C); "balanced" gives the heaviest row left to the lightest PE
        that has room (longest processing time first), a PE's rows in ascending order, and so does "searched", whose
        search begins there (`sw.image.row_search`).

    Returns
    -------
    order : (out_rows * pes,) int64, logical row at physical position ``local row * pes + pe``, -1 for padding.
    """
    rows = row_weights.size
    out_rows = -(-rows // pes)
    order = np.full(out_rows * pes, -1, np.int64)
    if policy == "modulo":
        order[:rows] = np.arange(rows)
        return order
    if policy not in ("balanced", "searched"):
        raise EieError(f"row dealing must be modulo, balanced or searched, got {policy!r}")
    held: list[list[int]] = [[] for _ in range(pes)]
    lightest = [(0, pe) for pe in range(pes)]
    for row in np.argsort(-row_weights, kind="stable").tolist():
        weight, pe = lightest[0]
        held[pe].append(row)
        if len(held[pe]) < out_rows:
            heapq.heapreplace(lightest, (weight + int(row_weights[row]), pe))
        else:
            heapq.heappop(lightest)
    for pe, mine in enumerate(held):
        order[pe : pe + len(mine) * pes : pes] = sorted(mine)
    return order
