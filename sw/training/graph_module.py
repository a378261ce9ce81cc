"""Any network as a torch module: the same function, its weights parameters that gradients reach."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from model.errors import EieError
from sw.network.execution import run_graph
from sw.network.forward import window_counts
from sw.network.graph import GATES, Graph, Gru, Lstm, Pool, window_count
from sw.network.host_part import HostPart
from sw.network.layer import Layer
from sw.network.network import Network
from sw.network.operations import (
    Affine,
    Clip,
    Elements,
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

FUNCTIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "erf": torch.erf,
    "absolute": torch.abs,
    "softplus": functional.softplus,
    "round": torch.round,
}
ELEMENTWISE: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "add": torch.add,
    "subtract": torch.sub,
    "multiply": torch.mul,
    "divide": torch.div,
}


Part = nn.Linear | nn.Conv2d


class GraphModule(nn.Module):
    """(n, *input_shape) float32 tensors to (n, *output shape).

    Attributes
    ----------
    layers : `torch.nn.Linear` and `torch.nn.Conv2d` in execution order, copies of the network's; a Linear of an LSTM
        holds its matrix.
    """

    def __init__(self, network: Network):
        super().__init__()
        self.graph: Graph = network.connections
        self.relus = [layer.relu for layer in network.layers]
        self.pads = [None if layer.convolution is None else layer.convolution.padding for layer in network.layers]
        self.layers = nn.ModuleList([_part(layer) for layer in network.layers])

    @property
    def parts(self) -> list[Part]:
        """`layers` as what they are."""
        return [cast("Part", part) for part in self.layers]

    def forward(self, x: Tensor) -> Tensor:
        return run_graph(self.graph, _Arithmetic(self), x)

    def network(self, network: Network) -> Network:
        """`network`, of which this module was made, with the weights and biases as they are now."""
        layers: list[Layer] = []
        for layer, part in zip(network.layers, self.parts, strict=True):
            assert part.bias is not None
            weight, bias = _array(part.weight), _array(part.bias)
            layers.append(Layer(layer.name, weight, bias, layer.relu, layer.convolution))
        return Network(tuple(layers), network.graph)


def _part(layer: Layer) -> nn.Module:
    if layer.convolution is None:
        part: Any = nn.Linear(layer.weight.shape[1], layer.weight.shape[0])
    else:
        way = layer.convolution
        channels, kernel = layer.weight.shape[1] * way.groups, layer.weight.shape[2:]
        part = nn.Conv2d(
            channels, len(layer.weight), kernel, stride=way.stride, dilation=way.dilation, groups=way.groups
        )  # fmt: skip
    with torch.no_grad():
        part.weight.copy_(torch.as_tensor(np.array(layer.weight)))
        part.bias.copy_(torch.as_tensor(np.array(layer.bias)))
    return part


def _array(tensor: Tensor) -> Any:
    return np.ascontiguousarray(tensor.detach().cpu().numpy(), np.float32)


class _Arithmetic:
    """`sw.network.execution.Arithmetic` on tensors."""

    def __init__(self, module: GraphModule):
        self.module = module

    def layer(self, index: int, source: Tensor) -> Tensor:
        pads = self.module.pads[index]
        if pads is not None and any(pads):
            top, left, bottom, right = pads
            source = functional.pad(source, (left, right, top, bottom))
        made: Tensor = self.module.layers[index](source)
        return functional.relu(made) if self.module.relus[index] else made

    def lstm(self, index: int, operation: Lstm, source: Tensor) -> Tensor:
        matrix = self.module.parts[index]
        units = matrix.weight.shape[0] // GATES
        cell = _gru_cell if isinstance(operation, Gru) else _lstm_cell
        h = state = source.new_zeros(len(source), units)
        made: list[Tensor] = []
        for x in source.unbind(1):
            h, state = cell(matrix(torch.cat([x, h], 1)), state)
            made.append(h)
        return torch.stack(made, 1) if operation.sequence else h

    def relu(self, source: Tensor) -> Tensor:
        return functional.relu(source)

    def pool(self, operation: Pool, source: Tensor) -> Tensor:
        rows, columns = (_pads(operation, axis, source.shape[2 + axis]) for axis in (0, 1))
        is_max = operation.kind == "max"
        padded = functional.pad(source, (*columns, *rows), value=-torch.inf if is_max else 0.0)
        if is_max:
            return functional.max_pool2d(padded, operation.kernel, operation.stride)
        sums = functional.avg_pool2d(padded, operation.kernel, operation.stride, divisor_override=1)
        return sums / torch.as_tensor(window_counts(operation, tuple(source.shape[2:]))).to(sums)

    def flatten(self, source: Tensor) -> Tensor:
        return source.flatten(1)

    def concatenate(self, sources: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(sources), 1)

    def apply(self, number: int, operation: Elements, sources: Sequence[Tensor]) -> Tensor:
        return _apply(operation, *sources)


def _pads(operation: Pool, axis: int, size: int) -> tuple[int, int]:
    """Elements before and behind the map, so that every window of `sw.network.forward.pool` lies inside."""
    kernel, stride = operation.kernel[axis], operation.stride[axis]
    before, after = operation.padding[axis::2]
    windows = window_count(size, kernel, stride, (before, after), operation.ceil)
    return before, max(0, (windows - 1) * stride + kernel - size - before)


def _apply(operation: Elements, x: Tensor, *others: Tensor) -> Tensor:
    match operation:
        case Clip():
            return x.clamp(operation.low, operation.high)
        case LeakyRelu():
            return torch.where(x > 0, x, x * operation.slope)
        case Affine():
            return x * operation.scale + operation.offset
        case Function():
            return FUNCTIONS[operation.name](x)
        case Softmax():
            function = functional.log_softmax if operation.log else functional.softmax
            return function(x, operation.axis + 1)
        case Normalise():
            return functional.layer_norm(x, x.shape[-operation.axes :], eps=operation.epsilon)
        case Elementwise():
            return ELEMENTWISE[operation.kind](x, others[0])
        case Product():
            return x @ others[0]
        case Reshape():
            return x.reshape(len(x), *operation.shape)
        case Transpose():
            return x.permute(0, *(axis + 1 for axis in operation.order))
        case Slice():
            part = slice(operation.start, operation.stop, operation.step)
            return x[(slice(None),) * (operation.axis + 1) + (part,)]
        case Flip():
            return x.flip(operation.axis + 1)
        case HostPart():
            raise EieError(
                "training is of networks that are here as a whole, this one has parts that only onnxruntime runs"
            )
        case Stretch():
            rows, columns = operation.stride
            stretched = x.new_zeros(len(x), *operation.result_shape("stretch", tuple(x.shape[1:])))
            stretched[:, :, ::rows, ::columns] = x
            return stretched


def _lstm_cell(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """As `sw.network.lstm_cell.float_cell`."""
    i, f, g, o = gates.chunk(GATES, 1)
    cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
    return o.sigmoid() * cell.tanh(), cell


def _gru_cell(gates: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """As `sw.network.lstm_cell.float_gru_cell`."""
    r, z, inner, outer = gates.chunk(GATES, 1)
    update = z.sigmoid()
    h = (1 - update) * (inner + r.sigmoid() * outer).tanh() + update * h
    return h, h
