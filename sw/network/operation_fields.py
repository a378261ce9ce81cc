"""Names and fields of operations without weights, once: for graphs as JSON, model files and `eie inspect`."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from sw.network.graph import Concatenate, Flatten, Gru, Operation, Pool, Relu
from sw.network.host_part import HostPart
from sw.network.operations import (
    Affine,
    Clip,
    Elementwise,
    Flip,
    Function,
    LeakyRelu,
    Normalise,
    Product,
    Reshape,
    Slice,
    Softmax,
    Stretch,
    Transpose,
)

# bytes: of any number; number: a float32; size: a whole number from 0; sizes: a list of them; pair: (rows, columns);
# pads: (top, left, bottom, right); flag: false or true.
FieldKind = Literal["bytes", "number", "size", "sizes", "pair", "pads", "flag"]


class Kind(NamedTuple):
    """An operation by name.

    Parameters
    ----------
    operation : its class.
    fixed : the fields that the name stands for.
    fields : the others.
    """

    operation: type[Any]
    fixed: Mapping[str, Any]
    fields: Mapping[str, FieldKind]

    def make(self, **fields: Any) -> Operation:
        """The operation with these fields."""
        return self.operation(**self.fixed, **fields)


_POOL: Mapping[str, FieldKind] = {
    "kernel": "pair",
    "stride": "pair",
    "padding": "pads",
    "ceil": "flag",
    "count_padding": "flag",
}
_NONE: Mapping[str, FieldKind] = {}

# In the order of their codes in a model file: new ones come last.
KINDS: Mapping[str, Kind] = {
    "max_pool": Kind(Pool, {"kind": "max"}, _POOL),
    "average_pool": Kind(Pool, {"kind": "average"}, _POOL),
    "add": Kind(Elementwise, {"kind": "add"}, _NONE),
    "subtract": Kind(Elementwise, {"kind": "subtract"}, _NONE),
    "multiply": Kind(Elementwise, {"kind": "multiply"}, _NONE),
    "divide": Kind(Elementwise, {"kind": "divide"}, _NONE),
    "clip": Kind(Clip, {}, {"low": "number", "high": "number"}),
    "leaky_relu": Kind(LeakyRelu, {}, {"slope": "number"}),
    "affine": Kind(Affine, {}, {"scale": "number", "offset": "number"}),
    "reshape": Kind(Reshape, {}, {"shape": "sizes"}),
    "transpose": Kind(Transpose, {}, {"order": "sizes"}),
    "slice": Kind(Slice, {}, {"axis": "size", "start": "size", "stop": "size", "step": "size"}),
    "stretch": Kind(Stretch, {}, {"stride": "pair"}),
    "softmax": Kind(Softmax, {"log": False}, {"axis": "size"}),
    "log_softmax": Kind(Softmax, {"log": True}, {"axis": "size"}),
    "normalise": Kind(Normalise, {}, {"axes": "size", "epsilon": "number"}),
    "product": Kind(Product, {}, _NONE),
    **{
        name: Kind(Function, {"name": name}, _NONE)
        for name in ("sigmoid", "tanh", "exp", "log", "sqrt", "erf", "absolute", "softplus", "round")
    },
    "flip": Kind(Flip, {}, {"axis": "size"}),
    "gru": Kind(Gru, {}, {"sequence": "flag"}),
    "host_part": Kind(HostPart, {}, {"shape": "sizes", "model": "bytes"}),
}
# Those of one byte in a model file of version 2.
PLAIN: Mapping[str, Operation] = {"relu": Relu(), "flatten": Flatten(), "concatenate": Concatenate()}


def kind_of(operation: Operation) -> str:
    """The name of an operation without weights."""
    for name, plain in PLAIN.items():
        if plain == operation:
            return name
    for name, kind in KINDS.items():
        if type(operation) is kind.operation and all(
            getattr(operation, field) == value for field, value in kind.fixed.items()
        ):
            return name
    raise ValueError(f"no operation without weights: {operation}")
