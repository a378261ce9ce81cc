"""What an operation needs to be an array's: what it lacks is said in full, where laying out ends at the first."""

from typing import Literal

from sw.network.forward import window_counts
from sw.network.graph import ApplyLayer, Concatenate, Flatten, Lstm, Operation, Pool, Relu, Shape
from sw.network.integer_pooling import mean_factor
from sw.network.operations import Clip, Elementwise, LeakyRelu, Reshape, Slice, Transpose

Needed = Literal["maps", "functions", "more"]  # "more": than any array has


def needed(operation: Operation, sources: list[Shape], is_matrix: bool) -> Needed:
    """The field of the configuration with which an array runs it.

    `sources` are the shapes that it takes, `is_matrix` whether it applies a fully connected layer.
    """
    has = True
    match operation:
        case Lstm():
            return "functions"
        case ApplyLayer():
            has = not is_matrix or len(sources[0]) == 1
        case Pool(kind="average"):
            counts = window_counts(operation, sources[0][1:])
            has = int(counts.min()) == int(counts.max()) and mean_factor(int(counts.max())) is not None
        case Elementwise():
            has = operation.kind == "add" and sources[0] == sources[1]
        case LeakyRelu():
            has = 0 < operation.slope < 1
        case Pool() | Relu() | Flatten() | Concatenate() | Clip() | Reshape() | Transpose() | Slice():
            pass
        case _:
            has = False
    return "maps" if has else "more"
