"""Graphs from Caffe's network descriptions, .prototxt: how the layers of a deployed network are connected."""

from math import prod
from typing import Literal

from model.errors import EieError
from sw.formats.connections import Connections, LayerUse
from sw.formats.graph_builder import GraphBuilder
from sw.formats.prototxt import Message, parse_prototxt
from sw.network.graph import Concatenate, Convolution, Pair, Pool, Relu, Shape, both_sides
from sw.network.layer import check_shape

# The names that types had when layers were written `layers { type: CONVOLUTION }`.
OLD_TYPES = {
    "CONVOLUTION": "Convolution",
    "INNER_PRODUCT": "InnerProduct",
    "RELU": "ReLU",
    "POOLING": "Pooling",
    "CONCAT": "Concat",
    "FLATTEN": "Flatten",
    "DROPOUT": "Dropout",
    "SOFTMAX": "Softmax",
}
POOLS: dict[str, Literal["max", "average"]] = {"MAX": "max", "AVE": "average"}


def parse_caffe(text: str) -> Connections:
    """The connections, with the shapes of all weights, that a description says.

    Layers are Input, Convolution, InnerProduct, ReLU, Pooling, Concat, Flatten, and Dropout, which does nothing outside
    training. A Softmax at the end is left out: it does not change which output is the largest. EieError for everything
    else, by name. Pooling rounds the number of its windows up, as Caffe does.
    """
    net = parse_prototxt(text)
    layers = [*net.messages("layer"), *net.messages("layers")]
    for number, layer in enumerate(layers, start=1):
        layer.what = f"layer {layer.text('name', str(number))}"
    inputs = [layer for layer in layers if layer.text("type", "") == "Input"]
    name, shape = _net_input(net) if net.texts("input") else _input_layer(inputs)
    net.text("name", "")
    net.finish("force_backward", "debug_info")
    reader = _Reader(name, shape)
    for layer in layers:
        if layer.text("type", "") != "Input":
            reader.read(layer)
    return reader.connections()


def _net_input(net: Message) -> tuple[str, Shape]:
    shape = net.message("input_shape")
    sizes = net.numbers("input_dim") or shape.numbers("dim")
    shape.finish()
    return net.text("input", ""), _shape(sizes)


def _input_layer(inputs: list[Message]) -> tuple[str, Shape]:
    if len(inputs) != 1:
        raise EieError(f"the network must have one input, got {len(inputs)}")
    param = inputs[0].message("input_param")
    shape = param.message("shape")
    name, sizes = inputs[0].text("top", ""), shape.numbers("dim")
    for message in (shape, param, inputs[0]):
        message.finish()
    return name, _shape(sizes)


def _shape(sizes: list[int]) -> Shape:
    if len(sizes) not in (2, 4):
        raise EieError(f"the input must have 2 or 4 sizes, the first that of the batch, got {sizes[:8]}")
    return tuple(sizes[1:])


class _Reader:
    """Reads layers in their order; a name stands for the last value that was written to it."""

    def __init__(self, name: str, shape: Shape):
        self._builder = GraphBuilder(shape)
        self._values = {name: 0}
        self._softmax: dict[str, int] = {}

    def connections(self) -> Connections:
        for name, value in self._softmax.items():
            if value != len(self._builder.shapes) - 1:
                raise EieError(f"a Softmax must be the network's output, {name} is not")
        return self._builder.connections(self._values)

    def read(self, layer: Message) -> None:
        name, kind = layer.text("name", ""), layer.text("type", "")
        kind = OLD_TYPES.get(kind, kind)
        tops = layer.texts("top")
        sources = [self._value(layer.what, bottom) for bottom in layer.texts("bottom")]
        if len(tops) != 1 or not sources or (len(sources) > 1 and kind != "Concat"):
            raise EieError(f"{layer.what}: {kind} must have one top and one bottom, got {len(tops)}, {len(sources)}")
        result = self._result(layer, name, kind, sources)
        if any(param.texts("name") for param in layer.messages("param")):
            raise EieError(f"{layer.what}: weights shared by name are not supported")
        layer.finish("blobs_lr", "weight_decay")
        self._values[tops[0]] = result
        if kind == "Softmax":
            self._softmax[tops[0]] = result

    def _value(self, what: str, bottom: str) -> int:
        if bottom not in self._values:
            raise EieError(f"{what}: bottom must be the top of a layer before, got {bottom[:80]!r}")
        if bottom in self._softmax:
            raise EieError(f"{what}: a Softmax must be the network's output, {bottom} is not")
        return self._values[bottom]

    def _result(self, layer: Message, name: str, kind: str, sources: list[int]) -> int:
        match kind:
            case "Convolution":
                return self._convolution(layer, name, sources[0])
            case "InnerProduct":
                return self._inner_product(layer, name, sources[0])
            case "ReLU":
                _only(layer.message("relu_param"), negative_slope=("0", "0.0"), engine=None)
                return self._builder.operation(layer.what, Relu(), *sources)
            case "Pooling":
                return self._builder.operation(layer.what, self._pool(layer, sources[0]), *sources)
            case "Concat":
                _only(layer.message("concat_param"), axis=("1",), concat_dim=("1",))
                return self._builder.operation(layer.what, Concatenate(), *sources)
            case "Flatten":
                _only(layer.message("flatten_param"), axis=("1",), end_axis=("-1",))
                return self._builder.flatten(layer.what, sources[0])
            case "Dropout":
                _only(layer.message("dropout_param"), dropout_ratio=None)
                return sources[0]
            case "Softmax":
                _only(layer.message("softmax_param"), axis=("1",), engine=None)
                return sources[0]
            case _:
                known = ", ".join(["Input", *OLD_TYPES.values()])
                raise EieError(f"{layer.what}: type {kind[:80]!r} is not supported; known are {known}")

    def _convolution(self, layer: Message, name: str, source: int) -> int:
        param = layer.message("convolution_param")
        convolution = Convolution(
            stride=_pair(param, "stride", "stride", (1, 1)),
            padding=both_sides(_pair(param, "pad", "pad", (0, 0))),
            groups=param.number("group", 1),
        )
        kernel = _pair(param, "kernel_size", "kernel", None)
        channels, outputs = self._builder.shapes[source][0], param.number("num_output", 0)
        if convolution.groups < 1 or channels % convolution.groups:
            raise EieError(f"{layer.what}: group must divide its {channels} input channels, got {convolution.groups}")
        _only(
            param, dilation=("1",), bias_term=("true",), axis=("1",), weight_filler=None, bias_filler=None, engine=None
        )
        shape = (outputs, channels // convolution.groups, *kernel)
        check_shape(name, shape, convolution)
        return self._builder.layer(source, LayerUse(name=name, convolution=convolution, shape=shape), shape)

    def _inner_product(self, layer: Message, name: str, source: int) -> int:
        param = layer.message("inner_product_param")
        shape = (param.number("num_output", 0), prod(self._builder.shapes[source]))
        _only(param, bias_term=("true",), axis=("1",), transpose=("false",), weight_filler=None, bias_filler=None)
        check_shape(name, shape, None)
        flat = self._builder.flatten(layer.what, source)
        return self._builder.layer(flat, LayerUse(name=name, shape=shape), shape)

    def _pool(self, layer: Message, source: int) -> Pool:
        param = layer.message("pooling_param")
        kind = param.text("pool", "MAX")
        if kind not in POOLS:
            raise EieError(f"{layer.what}: pool must be MAX or AVE, got {kind[:80]!r}")
        if param.flag("global_pooling", False):
            _only(param, pad=("0",), stride=("1",), engine=None)
            shape = self._builder.shapes[source]
            # Features have no rows and columns; pooling refuses them, whatever its window.
            kernel = (shape[1], shape[2]) if len(shape) == 3 else (1, 1)
            return Pool(kind=POOLS[kind], kernel=kernel, stride=(1, 1))
        kernel = _pair(param, "kernel_size", "kernel", None)
        stride, padding = _pair(param, "stride", "stride", (1, 1)), _pair(param, "pad", "pad", (0, 0))
        mode = param.text("round_mode", "CEIL")
        _only(param, engine=None)
        if mode not in ("CEIL", "FLOOR"):
            raise EieError(f"{layer.what}: round_mode must be CEIL or FLOOR, got {mode[:80]!r}")
        return Pool(kind=POOLS[kind], kernel=kernel, stride=stride, padding=both_sides(padding), ceil=mode == "CEIL")


def _pair(param: Message, name: str, short: str, default: Pair | None) -> Pair:
    """A size given as NAME, for both axes or for each, or as SHORT_h and SHORT_w."""
    sizes = param.numbers(name)
    each = [*param.numbers(f"{short}_h"), *param.numbers(f"{short}_w")]
    if not sizes and not each and default is not None:
        return default
    sizes = sizes * 2 if len(sizes) == 1 else sizes
    found = [*sizes, *each]
    if len(found) != 2:
        raise EieError(f"{param.what}: it must have {name}, or {short}_h and {short}_w, got {len(found)} sizes")
    return found[0], found[1]


def _only(param: Message, **allowed: tuple[str, ...] | None) -> None:
    """EieError if a field has a value that is not allowed (None: all are) or is not known at all."""
    for name, values in allowed.items():
        if values is not None:
            for text in param.texts(name):
                if text not in values:
                    raise EieError(f"{param.what}: {name} must be {values[0]}, got {text[:80]!r}")
    param.finish(*allowed)
