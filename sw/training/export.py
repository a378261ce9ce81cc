"""From a trained `torch.nn.Sequential` to the network that the compressor takes."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from model.errors import EieError
from sw.network.graph import (
    ApplyLayer,
    Convolution,
    Flatten,
    Graph,
    Node,
    Operation,
    Pair,
    Pool,
    Relu,
    Shape,
    both_sides,
)
from sw.network.layer import Layer
from sw.network.network import Network
from sw.training.links import leaves


def to_network(module: nn.Module, input_shape: Shape) -> Network:
    """The same function in float32.

    Linear, Conv2d, ReLU, MaxPool2d, AvgPool2d and Flatten are known and Dropout and Identity left out; anything else is
    refused by name. Layers have the names of the modules.

    Parameters
    ----------
    input_shape : of one input, (features,) or (channels, rows, columns).
    """
    parts = [(name, part) for name, part in leaves(module) if not isinstance(part, nn.Dropout | nn.Identity)]
    layers: list[Layer] = []
    operations: list[Operation] = []
    for index, (name, part) in enumerate(parts):
        if isinstance(part, nn.Linear | nn.Conv2d):
            relu = index + 1 < len(parts) and isinstance(parts[index + 1][1], nn.ReLU)
            layers.append(_layer(name, part, relu))
            operations.append(ApplyLayer())
        elif isinstance(part, nn.ReLU):
            if not index or not isinstance(parts[index - 1][1], nn.Linear | nn.Conv2d):
                operations.append(Relu())
        elif isinstance(part, nn.MaxPool2d | nn.AvgPool2d):
            operations.append(_pool(name, part))
        elif isinstance(part, nn.Flatten):
            operations.append(Flatten())
        else:
            raise EieError(f"{name}: a network file knows no {type(part).__name__}")
    nodes = tuple(Node(operation, (place,)) for place, operation in enumerate(operations))
    chain = all(isinstance(operation, ApplyLayer | Flatten) for operation in operations) and all(
        layer.convolution is None and layer.relu == (layer is not layers[-1]) for layer in layers
    )
    return Network(tuple(layers), None if chain else Graph(input_shape=input_shape, nodes=nodes))


def _layer(name: str, part: nn.Linear | nn.Conv2d, relu: bool) -> Layer:
    convolution = None
    if isinstance(part, nn.Conv2d):
        if part.padding_mode != "zeros" or part.dilation != (1, 1) or isinstance(part.padding, str):
            raise EieError(f"{name}: a convolution must have zero padding of a given size and no dilation")
        convolution = Convolution(
            stride=_pair(part.stride), padding=both_sides(_pair(part.padding)), groups=part.groups
        )
    bias = np.zeros(len(part.weight), np.float32) if part.bias is None else _array(part.bias)
    return Layer(name, _array(part.weight), bias, relu, convolution)


def _pool(name: str, part: nn.MaxPool2d | nn.AvgPool2d) -> Pool:
    kernel = _pair(part.kernel_size)
    stride, padding = _pair(part.stride), _pair(part.padding)
    if isinstance(part, nn.MaxPool2d):
        if _pair(part.dilation) != (1, 1):
            raise EieError(f"{name}: pooling must have no dilation, got {part.dilation}")
        return Pool(kind="max", kernel=kernel, stride=stride, padding=both_sides(padding), ceil=part.ceil_mode)
    if part.divisor_override is not None:
        raise EieError(f"{name}: a mean must divide by its window, got {part.divisor_override}")
    return Pool(
        kind="average",
        kernel=kernel,
        stride=stride,
        padding=both_sides(padding),
        ceil=part.ceil_mode,
        count_padding=part.count_include_pad,
    )


def _pair(size: int | tuple[int, ...]) -> Pair:
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def _array(tensor: Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(tensor.detach().cpu().numpy(), np.float32)
