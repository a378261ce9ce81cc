"""Least squares on the weights that survive: which of a row go, and what the others become.

With the second moments H of a layer's inputs, the squared error of a row's outputs is (w - w*)^T H (w - w*) around its
best weights w*. All functions take float64.
"""

import numpy as np
from numpy.typing import NDArray

from model.compiled import compiled

Array = NDArray[np.float64]


@compiled
def removal_losses(weights: Array, inverse: Array, order: NDArray[np.int64], losses: Array) -> None:
    """Remove one weight of a row after another, always the one that costs least, the others making up for it.

    Optimal Brain Surgeon as in Optimal Brain Compression (Frantar and Alistarh, NeurIPS 2022, algorithm 1).

    Parameters
    ----------
    weights : (d,), the best ones; changed.
    inverse : (d, d) inverse of H; changed.
    order : (d,) of which weight went when; written.
    losses : (d,) what each removal cost; written.
    """
    size = weights.size
    is_left = np.ones(size, np.bool_)
    for step in range(size):
        best, least = -1, np.inf
        for place in range(size):
            if is_left[place]:
                cost = weights[place] ** 2 / inverse[place, place]
                if cost < least or best < 0:
                    best, least = place, cost
        order[step], losses[step] = best, least
        is_left[best] = False
        pivot, weight = inverse[best, best], weights[best]
        column = inverse[:, best].copy()
        for row in range(size):
            if not is_left[row]:
                continue
            weights[row] -= weight / pivot * column[row]
            for other in range(size):
                if is_left[other]:
                    inverse[row, other] -= column[row] * column[other] / pivot


@compiled
def share_in_turn(weights: Array, inverse: Array, values: Array, codes: NDArray[np.int64]) -> None:
    """Give the weights of a row shared values one after another, those that follow making up for each.

    Quantisation as in Optimal Brain Compression: the next weight is the one whose rounding costs most, since then
    most others are left to make up for it.

    Parameters
    ----------
    weights : (k,) of a row, those that survive; changed.
    inverse : (k, k) inverse of their part of H; changed.
    values : shared values, one or more.
    codes : (k,) places in `values`; written.
    """
    size = weights.size
    is_left = np.ones(size, np.bool_)
    for _ in range(size):
        best, most, nearest = -1, -1.0, 0
        for place in range(size):
            if not is_left[place]:
                continue
            closest = 0
            for value in range(1, values.size):
                if abs(values[value] - weights[place]) < abs(values[closest] - weights[place]):
                    closest = value
            cost = (values[closest] - weights[place]) ** 2 / inverse[place, place]
            if cost > most:
                best, most, nearest = place, cost, closest
        codes[best] = nearest
        is_left[best] = False
        pivot, off = inverse[best, best], weights[best] - values[nearest]
        column = inverse[:, best].copy()
        for row in range(size):
            if not is_left[row]:
                continue
            weights[row] -= off / pivot * column[row]
            for other in range(size):
                if is_left[other]:
                    inverse[row, other] -= column[row] * column[other] / pivot


def best_weights(moments: Array, targets: Array, mask: NDArray[np.bool_]) -> Array:
    """(rows, d) weights, zero outside `mask` (rows, d), that fit `targets` (rows, d) = W H best."""
    made = np.zeros_like(targets)
    for row, kept in enumerate(mask):
        if kept.any():
            made[row, kept] = np.linalg.solve(moments[np.ix_(kept, kept)], targets[row, kept])
    return made
