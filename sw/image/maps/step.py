"""What the steps are that an array with `maps` runs: what each reads and makes."""

from dataclasses import dataclass, field
from math import prod
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.image import Cut
from sw.network.graph import Lstm, Pool, Shape

ACTIVE = 0.5  # share of activations that are not zero, where nothing is known
Map = tuple[int, int, int]  # channels, rows, columns
Rows = tuple[int, int]  # the first, and the one after the last
Kind = Literal["layer", "pool", "sum", "recurrent"]


@dataclass(eq=False)
class Made:
    """A map that steps make, or the network's input: elements `first` and on, row by row of every channel.

    It may be some rows of a map of the network: `origin` is the first of them there.
    """

    number: int
    shape: Map
    first: int
    origin: int = 0


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
    """Something that makes a map, or a part of one; several steps may make parts of the same.

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
    rows : of the result that this step makes, None for all.
    channel_pass : number and count of passes, each over its share of a PE's local channels of the result.
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
    rows: Rows | None = None
    channel_pass: tuple[int, int] = (0, 1)

    @property
    def rows_made(self) -> Rows:
        """Of the result."""
        return self.rows or (0, self.made.shape[1])


@dataclass(eq=False)
class Steps:
    """All steps in execution order, the network's input and its output.

    Parameters
    ----------
    inputs : element numbers of the network's inputs in their order, which need not be that of the map `source`.
    activity : (elements,) how often each is not zero, as calibration has seen it, `ACTIVE` where it has not.
    cuts : what is made in parts.
    """

    source: Made
    inputs: NDArray[np.int64]
    activity: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    steps: list[Step] = field(default_factory=list[Step])
    output: Value | None = None
    cuts: tuple[Cut, ...] = ()


def as_map(shape: Shape) -> Map:
    """(features,) is one position."""
    return (shape[0], shape[1], shape[2]) if len(shape) == 3 else (prod(shape), 1, 1)


def elements_of(made: Made) -> NDArray[np.int64]:
    """All element numbers of a map."""
    return np.arange(made.first, made.first + prod(made.shape))
