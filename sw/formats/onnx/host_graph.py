"""An ONNX model as a network of which parts are the host's: layers with constant weights, all else in onnxruntime."""

from collections import Counter
from collections.abc import Callable, Mapping
from itertools import accumulate
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.formats.draft_folding import network_of
from sw.formats.drafts import Drafts, Weights
from sw.formats.onnx import elements, layers, recurrent
from sw.formats.onnx.host_cones import find_cones, part_model
from sw.formats.onnx.host_trial import HostNode, dependents, try_model
from sw.formats.onnx.model import OnnxFile
from sw.formats.onnx.node import OnnxNode
from sw.formats.onnx.values import Lowering, Value
from sw.network.graph import Shape
from sw.network.host_part import HostPart
from sw.network.network import Network
from sw.network.operations import MAX_AXES, Slice

WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
ARRAY = {**{name: layers.OPERATORS[name] for name in WEIGHTED}, **recurrent.OPERATORS}
BEHIND = {name: elements.OPERATORS[name] for name in ("Add", "Sub", "Mul", "Div", "Relu")}
BEHIND["BatchNormalization"] = layers.OPERATORS["BatchNormalization"]
INPUT_AXES = 3  # most of a network's input
FURTHEST = 1e-3  # of the network's outputs from those of the whole model, of their largest
FLOAT = 1


def load_parts(
    file: OnnxFile,
    constants: Mapping[str, NDArray[Any]],
    shape: Shape | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Network:
    """The network of a model with these initializers, for one input at a time; the model is changed.

    `shape` is that of one input, for sizes that it leaves open. EieError if something of it must not be run, no layer
    of it can be the array's, or the parts together do not compute what the whole does.
    """
    return _Parts(file, constants, shape, say).network()


class _Parts:
    def __init__(
        self, file: OnnxFile, constants: Mapping[str, NDArray[Any]], shape: Shape | None, say: Callable[[str], None]
    ):
        self._onnx, self._model, self._say = file.onnx, file.model, say
        self._trial = try_model(file, constants, shape, say)
        self._opset = next(each.version for each in file.model.opset_import if each.domain in ("", "ai.onnx"))
        self._outputs = [self._floats(name) for name in self._trial.outputs]
        self._examples = {**self._trial.inputs, **self._trial.values}
        self._taken = Counter(dependents(self._trial.nodes)) + Counter(self._outputs)
        self._array: dict[int, HostNode] = {}  # nodes of the array by their place
        self._made: set[str] = set()  # results of its layers
        self._choose()
        inputs = [(name, value.shape) for name, value in self._trial.inputs.items()]
        one = [_own(shape) for _, shape in inputs]
        sizes = [prod(each) for each in one]
        is_flat = len(one) > 1 or len(one[0]) > INPUT_AXES
        self._it = Lowering(Drafts((sum(sizes),) if is_flat else one[0]), self._trial.known, 1, self._opset)
        if len(one) > 1:
            say(f"its {len(one)} inputs are one after another in a vector: {', '.join(name for name, _ in inputs)}")
        for (name, whole), stop, size in zip(inputs, accumulate(sizes), sizes, strict=True):
            part = Slice(axis=0, start=stop - size, stop=stop)
            index = self._it.drafts.add(f"input {name}", part, 0) if len(one) > 1 else 0
            self._it.values[name] = Value(index, whole or (1,), None)
        host = [node for place, node in enumerate(self._trial.nodes) if place not in self._array]
        roots = [node.inputs[0] for node in self._array.values()] + self._outputs
        self._there = {*self._it.values, *self._trial.known, *self._made}
        self._cones = find_cones(host, roots, self._there, self._examples)

    def network(self) -> Network:
        """All of it, compared with the whole model on one input."""
        for node in self._array.values():
            if node.proto.op_type in ARRAY:
                self._value(node.proto.input[0])
            operators = ARRAY if node.proto.op_type in ARRAY else BEHIND
            operators[node.proto.op_type](self._it, OnnxNode(self._onnx, node.proto))
        values = [self._value(name) for name in self._outputs]
        shapes = [_own(value.own) if len(values) == 1 else (prod(value.own),) for value in values]
        found = [self._it.indexed(value, shape) for value, shape in zip(values, shapes, strict=True)]
        if len(found) > 1:
            self._say(f"its {len(found)} outputs are one after another in a vector: {', '.join(self._outputs)}")
            found = [self._it.drafts.join("outputs", found, 0)]
        network, _ = network_of(self._it.drafts, found[0])
        self._compare(network)
        return network

    def _choose(self) -> None:
        """Find the layers that are the array's, with what is folded into them."""
        open_: dict[str, str] = {}  # results of layers that an operation with constants may still change, their kind
        for place, node in enumerate(self._trial.nodes):
            kind = node.proto.op_type
            if kind in ARRAY and self._is_layer(node):
                self._array[place] = node
                self._made.update(node.outputs)
                open_.update(dict.fromkeys(node.outputs, kind) if kind in WEIGHTED else {})
            elif kind in BEHIND and self._is_behind(node, open_):
                self._array[place] = node
                self._made.update(node.outputs)
                if kind != "Relu":
                    open_[node.outputs[0]] = open_[self._varying(node)[0]]
        if not self._made:
            raise EieError("no layer of it can be the array's")

    def _is_layer(self, node: HostNode) -> bool:
        source = self._examples.get(node.proto.input[0])
        if source is None or source.dtype != np.float32 or self._varying(node) != [node.proto.input[0]]:
            return False
        alone = Lowering(Drafts(source.shape or (1,)), self._trial.known, 1, self._opset)
        alone.values[node.proto.input[0]] = Value(0, source.shape or (1,), None)
        try:
            own = OnnxNode(self._onnx, node.proto)
            ARRAY[own.operator](alone, own)
            own.finish()
        except (EieError, ValueError, TypeError, IndexError) as error:
            self._say(f"layer {node.proto.name or node.outputs[0]} is the host's: {error}")
            return False
        weights = [step.draft.weight for step in alone.drafts.steps if isinstance(step.draft, Weights)]
        is_whole = all(name in alone.values for name in node.outputs if self._taken[name])
        return bool(weights) and is_whole and all(np.isfinite(weight).all() for weight in weights)

    def _is_behind(self, node: HostNode, open_: dict[str, str]) -> bool:
        """Whether all that takes a layer's result can be folded into the layer."""
        varying = self._varying(node)
        if len(varying) != 1 or varying[0] not in open_ or self._taken[varying[0]] != 1 or len(node.outputs) != 1:
            return False
        kind, source = node.proto.op_type, self._examples[varying[0]]
        if kind == "Relu":
            return True
        is_image = open_[varying[0]].startswith("Conv")
        if kind == "BatchNormalization":
            return is_image or source.ndim == 2
        if kind in ("Sub", "Div") and node.proto.input[0] != varying[0]:
            return False
        numbers = next(self._trial.known[name] for name in node.inputs if name != varying[0])
        if numbers.size == 1:
            return numbers.ndim <= source.ndim
        axis = 1 if is_image else source.ndim - 1
        wanted = tuple(size if place == axis else 1 for place, size in enumerate(source.shape))
        wide = (1,) * (source.ndim - numbers.ndim) + numbers.shape
        return wide == wanted

    def _varying(self, node: HostNode) -> list[str]:
        """What it takes that is not known."""
        return [name for name in node.inputs if name not in self._trial.known]

    def _value(self, name: str) -> Value:
        """A value of the drafts; that of a part of the host is made when it is first taken."""
        if name in self._it.values:
            return self._it.values[name]
        if name not in self._cones or name not in self._examples:
            raise EieError(f"value {name[:80]} must be numbers that the model makes of its inputs, it is not")
        nodes = self._cones[name]
        inside = {output for node in nodes for output in node.outputs}
        taken = list(dict.fromkeys(each for node in nodes for each in node.inputs if each not in inside))
        constants = {each: self._trial.known[each] for each in taken if each in self._trial.known}
        imports = [each for each in taken if each not in constants]
        sources = [self._value(each).draft for each in imports]
        output = self._examples[name]
        examples = [(each, self._examples[each]) for each in imports]
        model = part_model(self._onnx, self._model, nodes, name, examples, constants, output)
        own = _own(output.shape)
        part = HostPart(model=model, shape=own if len(own) <= MAX_AXES else (prod(own),))
        index = self._it.drafts.add(f"host's part {name[:80]}", part, *sources)
        self._it.values[name] = Value(index, output.shape or (1,), None)
        return self._it.values[name]

    def _floats(self, name: str) -> str:
        """The name of an output's float32 numbers."""
        value = self._trial.values.get(name)
        if value is None or name in self._trial.known:
            raise EieError(f"the output {name[:80]} must be numbers that an operator makes of the inputs, it is not")
        if value.dtype == np.float32:
            return name
        made = f"{name}:float32"
        cast = self._onnx.helper.make_node("Cast", [name], [made], to=FLOAT)
        self._trial.nodes.append(HostNode(cast))
        self._trial.values[made] = value.astype(np.float32)
        return made

    def _compare(self, network: Network) -> None:
        """EieError unless the network makes of the trial's input what the model made."""
        given = [value.reshape(-1).astype(np.float32) for value in self._trial.inputs.values()]
        made = network.forward(np.concatenate(given)[np.newaxis]).reshape(-1)
        wanted = np.concatenate([self._examples[name].reshape(-1) for name in self._outputs])
        finite = np.isfinite(wanted)
        furthest = np.abs(made - wanted)[finite].max(initial=0)
        if not furthest <= FURTHEST * np.abs(wanted[finite]).max(initial=1e-30):
            raise EieError(
                f"its parts must compute what the whole does, on random numbers they differ by {furthest:.3g}"
            )


def _own(shape: Shape) -> Shape:
    """Without the batch, which is one."""
    return shape[1:] if len(shape) > 1 and shape[0] == 1 else shape or (1,)
