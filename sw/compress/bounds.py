"""What the outputs of a compressed network may be: bounds that a search keeps."""

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.network.accuracy import check_labels, count_errors
from sw.network.execution import parts
from sw.network.network import Network

ROUNDING = 1e-9  # of an error given in percent


class Bound(Protocol):
    """A bound on what `error` makes of a network's outputs.

    Parameters
    ----------
    limit : the largest error that is allowed.
    reference : the error of the network before compression.
    """

    limit: float
    reference: float

    def error(self, outputs: NDArray[np.float32]) -> float:
        """Of (n, features) outputs."""
        ...


class ClassificationBound:
    """The share of wrong answers may grow by so much.

    Parameters
    ----------
    reference : (n, classes) outputs of the network before compression.
    labels : (n,) int64 right answers.
    increase : not negative.
    """

    def __init__(self, reference: NDArray[np.float32], labels: NDArray[np.int64], increase: float):
        check_limit("an increase of the error", increase)
        check_labels(labels, *reference.shape)
        self._labels = labels
        self.reference = self.error(reference)
        self.limit = self.reference + increase + ROUNDING

    def error(self, outputs: NDArray[np.float32]) -> float:
        return count_errors(outputs, self._labels).error


class OutputBound:
    """The outputs may differ from those of the network before compression, `reference`, (n, features), by so much.

    `limit` is the root of the summed squared difference over that of the sum of squares of the reference.
    """

    def __init__(self, reference: NDArray[np.float32], limit: float):
        check_limit("an error of the outputs", limit)
        self._outputs = reference
        self.reference = 0.0
        self.limit = limit

    def error(self, outputs: NDArray[np.float32]) -> float:
        return math.sqrt(relative_squares(outputs, self._outputs))


def outputs_of(network: Network, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, features) float32 outputs for (n, *input_shape) inputs, a few at a time; EieError unless they are finite."""
    outputs = np.empty((len(inputs), network.out_features), np.float32)
    for part in parts(len(inputs), network.shapes):
        with np.errstate(over="ignore", invalid="ignore"):
            outputs[part] = network.forward(inputs[part]).reshape(-1, network.out_features)
    if not np.isfinite(outputs).all():
        raise EieError("outputs in float32 must be finite, got NaN or infinity")
    return outputs


def relative_squares(outputs: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    """Summed squared difference over the sum of squares of the reference."""
    difference = float(np.square(outputs.astype(np.float64) - reference).sum())
    squares = float(np.square(reference, dtype=np.float64).sum())
    if squares == 0:
        return 0.0 if difference == 0 else math.inf
    return difference / squares


def check_limit(what: str, limit: float) -> None:
    """EieError unless an error may be bounded by this."""
    if not 0 <= limit < math.inf:
        raise EieError(f"{what} that is allowed must be finite and not negative, got {limit}")
