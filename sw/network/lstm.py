"""The recurrence of an LSTM: the same steps in every arithmetic."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sw.network.graph import GATES, Lstm, Shape

Gates = Callable[[NDArray[Any]], NDArray[Any]]
Cell = Callable[[NDArray[Any], NDArray[Any]], tuple[NDArray[Any], NDArray[Any]]]


def run_lstm(x: NDArray[Any], operation: Lstm, units: int, gates: Gates, cell: Cell) -> NDArray[Any]:
    """h of every step or of the last, of the dtype of `x`.

    Parameters
    ----------
    x : (n, steps, features).
    gates : the matrix: (n, features + units), [x_t ; h_{t-1}], to (n, 4 * units).
    cell : these and the cell, (n, units), to the next h and cell.

    Returns
    -------
    h : (n, steps, units), or (n, units) of the last step.
    """
    n, steps, _ = x.shape
    h = state = np.zeros((n, units), x.dtype)
    sequence = np.empty((n, steps if operation.sequence else 0, units), x.dtype)
    for step in range(steps):
        h, state = cell(gates(np.concatenate([x[:, step], h], axis=1)), state)
        if operation.sequence:
            sequence[:, step] = h
    return sequence if operation.sequence else h


def units_of(shape: Shape) -> int:
    """Units of the LSTM whose matrix has this shape."""
    return shape[0] // GATES
