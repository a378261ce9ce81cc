"""What the steps are that an array with `maps` runs: what each reads and makes."""

from dataclasses import dataclass, field
from math import prod
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sw.network.graph import Lstm, Pool, Shape

ACTIVE = 0.5  # share of activations that are not zero, where nothing is known
Map = tuple[int, int, int]  # channels, rows, columns
Kind = Literal["layer", "pool", "sum", "recurrent"]


@dataclass(eq=False)
class Made:
    """A map that a step makes, or the network's input: elements `first` and on, row by row of every channel."""

    number: int
    shape: Map
    first: int


class Value(NamedTuple):
    """What an operation takes or gives: element numbers in the operation's own shape, and their binary point."""

    elements: NDArray[np.int64]
    fraction_bits: int


class Term(NamedTuple):
    """What is added to a sum: weight times a value, of its positive part alone if `positive`."""

    elements: NDArray[np.int64]
    weight: int
    positive: bool = False


@dataclass(eq=False, kw_only=True)
class Step:
    """Something that makes a map.

    Parameters
    ----------
    name : of the layer, or of the operation for users.
    made : the result.
    kind : "layer" a weight layer, "pool" windows of the source, "sum" of terms, element by element, "recurrent" an LSTM
        or a GRU over the rows of the source's positions.
    layer : number of the weight layer.
    terms : what is read; a layer and a pool read one.
    recurrent : the LSTM or GRU whose matrix the layer is.
    pool : the windows; `pool_weight` is each tap's.
    offset : what is added to a sum without a shift.
    shift, relu, limit : of the write-back; a layer has a shift of its own.
    """

    name: str
    made: Made
    kind: Kind
    terms: list[Term]
    layer: int = -1
    recurrent: Lstm | None = None
    pool: Pool | None = None
    pool_weight: int = 1
    offset: int = 0
    shift: int = 0
    relu: bool = False
    limit: int = 0


@dataclass(eq=False)
class Steps:
    """All steps in execution order, the network's input and its output.

    Parameters
    ----------
    inputs : element numbers of the network's inputs in their order, which need not be that of the map `source`.
    activity : (elements,) how often each is not zero, as calibration has seen it, `ACTIVE` where it has not.
    """

    source: Made
    inputs: NDArray[np.int64]
    activity: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    steps: list[Step] = field(default_factory=list[Step])
    output: Value | None = None


def as_map(shape: Shape) -> Map:
    """(features,) is one position."""
    return (shape[0], shape[1], shape[2]) if len(shape) == 3 else (prod(shape), 1, 1)


def elements_of(made: Made) -> NDArray[np.int64]:
    """All element numbers of a map."""
    return np.arange(made.first, made.first + prod(made.shape))
