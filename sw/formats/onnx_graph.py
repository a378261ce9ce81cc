"""The graph of an ONNX model as a network: which operators are known and what they become."""

from collections import Counter
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.formats.connections import LayerUse
from sw.formats.graph_builder import GraphBuilder
from sw.formats.onnx_node import OnnxNode
from sw.formats.onnx_sequences import OnnxSequences
from sw.formats.onnx_tensors import check_text, read_constant
from sw.formats.tensors import layer_name, weight_key
from sw.network.graph import Concatenate, Convolution, Pool, Relu, Shape
from sw.network.layer import check_shape
from sw.network.network import Network

MOST_DIMENSIONS = 8


class OnnxGraph:
    """A GraphProto whose constants are read; names stand for them, or for values of one input without the batch."""

    def __init__(self, onnx: Any, graph: Any, folder: Path):
        self._onnx, self._graph, self._folder = onnx, graph, folder
        self._constants = {tensor.name: read_constant(onnx, tensor, folder) for tensor in graph.initializer}
        self._unused = {name for name, values in self._constants.items() if values.dtype.kind == "f"}
        check_text(*(value.name for value in (*graph.input, *graph.output)))
        inputs = [value for value in graph.input if value.name not in self._constants]
        if len(inputs) != 1 or len(graph.output) != 1:
            raise EieError(
                f"an ONNX model must have one input and one output, got {len(inputs)} and {len(graph.output)}"
            )
        sizes = [dimension.dim_value for dimension in inputs[0].type.tensor_type.shape.dim]
        if len(sizes) not in (2, 3, 4) or min(sizes[1:]) < 1:
            raise EieError(
                f"input {inputs[0].name} must have shape (n, features), (n, steps, features) or "
                f"(n, channels, rows, columns), of which only n may vary, got {sizes[:8]} (0: varies)"
            )
        self._batch: int = sizes[0]
        self._builder = GraphBuilder(tuple(sizes[1:]))
        self._values: dict[str, int] = {inputs[0].name: 0}
        self._takers = Counter([name for node in graph.node for name in node.input] + [graph.output[0].name])
        self._layers: dict[int, str] = {}  # by the value that is the layer's result
        self._weights: dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}
        self._sequences = OnnxSequences(
            self._builder,
            self._values,
            self._constants,
            lambda node, place, axes: _float32(node, self._array(node, place), axes),
        )

    def network(self) -> Network:
        """Read the nodes in their order; EieError for one that no network here can have."""
        operators: dict[str, Callable[[OnnxNode], int | None]] = {
            "Add": self._add,
            "AveragePool": self._pool,
            "Concat": self._concat,
            "Constant": self._constant,
            "ConstantOfShape": self._constant_of_shape,
            "Conv": self._conv,
            "Dropout": self._dropout,
            "Expand": self._sequences.expand,
            "Flatten": self._flatten,
            "Gather": self._sequences.gather,
            "Gemm": self._gemm,
            "GlobalAveragePool": self._global_pool,
            "Identity": self._identity,
            "LSTM": self._lstm,
            "MatMul": self._matmul,
            "MaxPool": self._pool,
            "ReduceMean": self._global_pool,
            "Relu": lambda node: self._builder.operation(node.what, Relu(), self._value(node, 0)),
            "Reshape": self._reshape,
            "Shape": self._sequences.shape,
            "Slice": self._sequences.slice,
            "Squeeze": self._sequences.squeeze,
            "Transpose": self._sequences.transpose,
            "Unsqueeze": self._sequences.unsqueeze,
        }
        for proto in self._graph.node:
            node = OnnxNode(self._onnx, proto)
            if node.operator not in operators or proto.domain not in ("", "ai.onnx"):
                name = f"{proto.domain}.{node.operator}" if proto.domain else node.operator
                known = ", ".join(operators)
                raise EieError(f"operator {name[:80]} of node {node.name[:80]} is not supported; known are {known}")
            for name in node.outputs:
                if name in self._values or name in self._constants or self._sequences.knows(name):
                    raise EieError(f"{node.what}: its result must have a name of its own, {name[:80]!r} is taken")
            value = operators[node.operator](node)
            if value is not None:
                self._values[node.output] = value
            node.finish()
        if self._unused:
            raise EieError(f"the operators must use all constants, none uses {min(self._unused)}")
        output = self._graph.output[0].name
        value = self._values[output] if output in self._values else self._sequences.plain(output)
        if value != len(self._builder.shapes) - 1:
            raise EieError(f"the output {output} must be the result of the last operator, it is not")
        return self._builder.connections(self._values | self._sequences.names()).network(self._weights)

    def _value(self, node: OnnxNode, place: int) -> int:
        name = node.inputs[place] if place < len(node.inputs) else ""
        value = self._values[name] if name in self._values else self._sequences.plain(name)
        if value is None:
            known = "no value with the batch first" if self._sequences.knows(name) else "not there"
            found = "a constant" if name in self._constants else known
            raise EieError(f"{node.what}: input {place} must be the result of an operator, {name[:80]!r} is {found}")
        return value

    def _array(self, node: OnnxNode, place: int) -> NDArray[Any]:
        name = node.inputs[place] if place < len(node.inputs) else ""
        if name not in self._constants:
            raise EieError(f"{node.what}: input {place} must be a constant, {name[:80]!r} is not")
        self._unused.discard(name)
        return self._constants[name]

    def _keep(self, node: OnnxNode, array: NDArray[Any]) -> None:
        self._constants[node.output] = array
        if array.dtype.kind == "f":
            self._unused.add(node.output)

    def _layer(
        self,
        node: OnnxNode,
        source: int,
        weight: NDArray[np.float32],
        bias: NDArray[np.float32] | None,
        convolution: Convolution | None = None,
    ) -> int:
        """Apply a layer; it is named after its weights if these are named like a layer's, else after the node."""
        name = layer_name(node.inputs[1])
        name = node.name if weight_key(name) != node.inputs[1] else name
        name = name if name not in self._weights else f"{name}:{len(self._weights)}"
        check_shape(name, weight.shape, convolution)
        use = LayerUse(name=name, convolution=convolution, shape=weight.shape)
        value = self._builder.layer(source, use, weight.shape)
        if bias is None:
            bias = np.zeros(len(weight), np.float32)
        elif bias.shape != (len(weight),):
            raise EieError(f"{node.what}: the bias must have shape {(len(weight),)}, got {bias.shape}")
        self._weights[name] = (np.ascontiguousarray(weight), bias)
        self._layers[value] = name
        return value

    def _gemm(self, node: OnnxNode) -> int:
        source, weight = self._value(node, 0), _float32(node, self._array(node, 1), 2)
        alpha, beta = np.float32(node.attribute("alpha", 1.0)), np.float32(node.attribute("beta", 1.0))
        node.only("transA", 0)
        if not node.attribute("transB", 0):
            weight = weight.T
        bias = None
        if len(node.inputs) > 2 and node.inputs[2]:
            bias = beta * _spread(node, self._array(node, 2), (1, len(weight)))
        return self._layer(node, source, weight if alpha == 1 else alpha * weight, bias)

    def _matmul(self, node: OnnxNode) -> int:
        return self._layer(node, self._value(node, 0), _float32(node, self._array(node, 1), 2).T, None)

    def _conv(self, node: OnnxNode) -> int:
        source, weight = self._value(node, 0), _float32(node, self._array(node, 1), 4)
        kernel = (weight.shape[2], weight.shape[3])
        stride, padding = node.windows(self._builder.shapes[source], kernel)
        node.only("kernel_shape", list(kernel))
        convolution = Convolution(stride=stride, padding=padding, groups=node.attribute("group", 1))
        bias = _float32(node, self._array(node, 2), 1) if len(node.inputs) > 2 and node.inputs[2] else None
        return self._layer(node, source, weight, bias, convolution)

    def _add(self, node: OnnxNode) -> int:
        """The biases of the layer before, if nothing else takes its result."""
        constant = 0 if node.inputs[:1] and node.inputs[0] in self._constants else 1
        array, source = self._array(node, constant), self._value(node, 1 - constant)
        if source not in self._layers or self._takers[node.inputs[1 - constant]] > 1:
            raise EieError(f"{node.what}: a constant must be added to the result of a layer that nothing else takes")
        weight, bias = self._weights[self._layers[source]]
        shape = (1, len(weight), *(1 for _ in weight.shape[2:]))
        self._weights[self._layers[source]] = (weight, bias + _spread(node, array, shape))
        return source

    def _pool(self, node: OnnxNode) -> int:
        kind: Literal["max", "average"] = "max" if node.operator == "MaxPool" else "average"
        source = self._value(node, 0)
        rows, columns = node.sizes("kernel_shape", [0, 0])
        stride, padding = node.windows(self._builder.shapes[source], (rows, columns))
        ceil = bool(node.attribute("ceil_mode", 0))
        node.only("storage_order", 0)
        count_padding = kind == "max" or bool(node.attribute("count_include_pad", 0))
        kernel = (rows, columns)
        pool = Pool(kind=kind, kernel=kernel, stride=stride, padding=padding, ceil=ceil, count_padding=count_padding)
        return self._builder.operation(node.what, pool, source)

    def _global_pool(self, node: OnnxNode) -> int:
        """The mean of all rows and columns, which newer exporters write as ReduceMean."""
        source = self._value(node, 0)
        pool = Pool(kind="average", kernel=node.image_size(self._builder.shapes[source]), stride=(1, 1))
        if node.operator == "GlobalAveragePool":
            return self._builder.operation(node.what, pool, source)
        axes: list[int] = self._array(node, 1).tolist() if len(node.inputs) > 1 else node.attribute("axes", [0])
        node.only("noop_with_empty_axes", 0)
        if sorted(axis % 4 for axis in np.atleast_1d(axes).tolist()) != [2, 3]:
            raise EieError(f"{node.what}: it must be the mean of rows and columns (axes 2 and 3), got axes {axes}")
        value = self._builder.operation(node.what, pool, source)
        return value if node.attribute("keepdims", 1) else self._builder.flatten(node.what, value)

    def _flatten(self, node: OnnxNode) -> int:
        node.only("axis", 1)
        return self._builder.flatten(node.what, self._value(node, 0))

    def _reshape(self, node: OnnxNode) -> int | None:
        """To (n, features); a constant to any shape."""
        target = self._array(node, 1)
        if target.dtype.kind != "i" or target.ndim != 1 or target.size > MOST_DIMENSIONS:
            raise EieError(
                f"{node.what}: the shape must be at most {MOST_DIMENSIONS} whole numbers, got {target.dtype}"
            )
        wanted: list[int] = target.tolist()
        # Otherwise 0 stands for the size that is there.
        if node.attribute("allowzero", 0) and 0 in wanted:
            raise EieError(f"{node.what}: the shape must not be empty, got {wanted}")
        if node.inputs[0] in self._constants:
            array = self._array(node, 0)
            try:
                sizes = [array.shape[axis] if size == 0 else size for axis, size in enumerate(wanted)]
                self._keep(node, array.reshape(sizes))
            except (IndexError, ValueError) as error:
                raise EieError(f"{node.what}: a constant of shape {array.shape} must fit into {wanted}") from error
            return None
        source = self._value(node, 0)
        shape = self._builder.shapes[source]
        same = [-1, 0, self._batch] if self._batch else [-1, 0]
        features = [-1, prod(shape), *([0] if len(shape) == 1 else [])]
        if len(wanted) != 2 or wanted[0] not in same or wanted[1] not in features or wanted == [-1, -1]:
            raise EieError(f"{node.what}: it must reshape to (n, {prod(shape)}), got {wanted}")
        return self._builder.flatten(node.what, source)

    def _lstm(self, node: OnnxNode) -> None:
        name, matrix, bias = self._sequences.lstm(node)
        if name in self._weights:
            raise EieError(f"{node.what}: its name must be its own, another layer has it")
        check_shape(name, matrix.shape, None)
        self._weights[name] = (matrix, bias)

    def _constant_of_shape(self, node: OnnxNode) -> None:
        tensor = node.attribute("value")
        is_tensor = isinstance(tensor, self._onnx.TensorProto)
        if tensor is not None and (not is_tensor or read_constant(self._onnx, tensor, self._folder).any()):
            raise EieError(f"{node.what}: it must make the zeros that LSTMs begin with")
        self._sequences.zeros(node)

    def _concat(self, node: OnnxNode) -> int | None:
        if self._sequences.concat(node):
            return None
        sources = [self._value(node, place) for place in range(len(node.inputs))]
        if not sources:
            raise EieError(f"{node.what}: it must take one value or more, got none")
        node.only("axis", 1, -len(self._builder.shapes[sources[0]]))
        return self._builder.operation(node.what, Concatenate(), *sources)

    def _dropout(self, node: OnnxNode) -> int:
        node.attribute("seed")
        node.attribute("ratio")
        for place in range(1, len(node.inputs)):
            if node.inputs[place] and self._array(node, place).any() and place == 2:
                raise EieError(f"{node.what}: training_mode must be false, it is true")
        return self._value(node, 0)

    def _identity(self, node: OnnxNode) -> int | None:
        if node.inputs[:1] and node.inputs[0] in self._constants:
            self._keep(node, self._array(node, 0))
            return None
        return self._value(node, 0)

    def _constant(self, node: OnnxNode) -> None:
        tensor = node.attribute("value")
        if isinstance(tensor, self._onnx.TensorProto):
            self._keep(node, read_constant(self._onnx, tensor, self._folder))
            return
        for name, dtype in (
            ("value_float", np.float32),
            ("value_floats", np.float32),
            ("value_int", np.int64),
            ("value_ints", np.int64),
        ):
            value = node.attribute(name)
            if value is not None:
                self._keep(node, np.array(value, dtype))


def _float32(node: OnnxNode, array: NDArray[Any], dimensions: int) -> NDArray[np.float32]:
    if array.ndim != dimensions or array.dtype.kind != "f":
        raise EieError(
            f"{node.what}: weights and biases must be floating-point numbers with {dimensions} axes, "
            f"got {array.dtype} of shape {array.shape}"
        )
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


def _spread(node: OnnxNode, array: NDArray[Any], shape: Shape) -> NDArray[np.float32]:
    """One number for each output, broadcast the ONNX way to the layer's result."""
    values = _float32(node, array, array.ndim)
    try:
        return np.broadcast_to(values, shape).reshape(-1)
    except ValueError as error:
        raise EieError(f"{node.what}: what is added must be one number per output, got shape {array.shape}") from error
