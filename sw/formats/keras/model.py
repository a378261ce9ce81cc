"""A Keras model as a network: Sequential and functional models, also inside each other."""

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any, cast

import numpy as np

from model.errors import EieError
from sw.files import reason
from sw.formats.draft_folding import network_of
from sw.formats.drafts import Drafts
from sw.formats.keras import activations, layers, recurrent, shapes
from sw.formats.keras.config import Config
from sw.formats.keras.layers import Reading
from sw.formats.keras.nodes import Node, Reference, nodes, references
from sw.formats.keras.store import Place, Store, snake_case
from sw.formats.keras.values import Value, Values
from sw.network.graph import Shape
from sw.network.network import Network
from sw.network.operations import ElementwiseKind, Slice

MODELS = ("Functional", "Model", "Sequential")
DEEPEST = 8  # models inside each other
MOST_AXES = 3  # of an input of a network
# Arithmetic on values, not layers: operators of Keras 2, and of Keras 3 under the module in which they are.
ARITHMETIC: dict[str, ElementwiseKind] = {
    "__operators__.add": "add",
    "math.add": "add",
    "math.subtract": "subtract",
    "math.multiply": "multiply",
    "math.truediv": "divide",
    "Add": "add",
    "Subtract": "subtract",
    "Multiply": "multiply",
    "Divide": "divide",
    "TrueDivide": "divide",
}
OPERATORS = ("nn.relu", "nn.relu6", "nn.softmax", "math.sigmoid", "math.tanh", "nn.silu")


class KerasModel:
    """Walks the layers of a configuration in their order.

    Parameters
    ----------
    shape : of one input, for models that leave rows, columns or steps open.
    say : told what was assumed.
    """

    def __init__(self, store: Store, shape: Shape | None, say: Callable[[str], None]):
        self._store, self._shape, self._say = store, shape, say
        self._calls: dict[str, int] = {}

    def network(self) -> Network:
        config = Config(self._store.config)
        inputs = self._inputs(config)
        flat = len(inputs) > 1 or len(inputs[0]) > MOST_AXES
        self._it = Values(Drafts((sum(prod(each) for each in inputs),) if flat else inputs[0]))
        values: list[Value] = []
        start = 0
        for own in inputs:
            index, stop = 0, start + prod(own)
            if len(inputs) > 1:
                index = self._it.drafts.add("input", Slice(axis=0, start=start, stop=stop), 0)
            values.append(Value(self._it.drafts.reshape("input", index, own), own))
            start = stop
        if len(inputs) > 1:
            self._say(f"its {len(inputs)} inputs are one after another in a vector: {', '.join(map(str, inputs))}")
        outputs = self._model(config, values, Place("", ()))
        found = [self._it.plain("output", value) for value in outputs]
        if len(found) > 1:
            self._say(f"its {len(found)} outputs are one after another in a vector")
            flattened = [
                self._it.drafts.reshape("output", index, (prod(self._it.drafts.shapes[index]),)) for index in found
            ]
            found = [self._it.drafts.join("outputs", flattened, 0)]
        left = self._store.unused()
        if left:
            raise EieError(f"every array must be of a layer, {left[0][:80]} is of none")
        often = [f"{name} ({count} times)" for name, count in self._calls.items() if count > 1]
        if often:
            self._say(f"layers that are applied more than once are kept once for each time: {', '.join(often[:8])}")
        network, dropped = network_of(self._it.drafts, found[0])
        if dropped:
            self._say(f"nothing that is an output needs the layers {', '.join(dropped[:8])}: they are left out")
        return network

    def _inputs(self, config: Config) -> list[Shape]:
        """The shape of every input without the batch."""
        listed = _layers(config)
        if config.kind == "Sequential":
            own = _batch_shape(listed[0]) or _built_shape(config)
            if own is None and self._shape is None:
                raise EieError("the model must say the shape of its inputs, it does not: give it (--input-shape)")
            return [self._filled("input", (None, *self._shape) if own is None and self._shape else own)]
        by_name = {each.name: each for each in listed}
        names = [name for name, _ in references(config.what, config.take("input_layers"))]
        if len(names) > 1 and self._shape is not None:
            raise EieError(f"the shape of an input can be given for models with one, it has {len(names)}")
        if any(name not in by_name for name in names):
            raise EieError(f"{config.what}: its inputs must be layers, got {str(names)[:80]}")
        return [self._filled(name, _batch_shape(by_name[name])) for name in names]

    def _filled(self, name: str, shape: list[Any] | tuple[Any, ...] | None) -> Shape:
        """The shape with open sizes from what was given."""
        sizes = list(shape or [])
        if not 2 <= len(sizes) <= 5 or not all(
            size is None or (type(size) is int and 0 < size < 1 << 28) for size in sizes
        ):
            raise EieError(f"input {name[:80]} must have one to four axes behind the batch, got {str(shape)[:80]}")
        rest, given = sizes[1:], self._shape
        if given is None and None in rest:
            raise EieError(
                f"input {name[:80]} leaves sizes open, got {sizes}: give the shape of one input (--input-shape)"
            )
        if given is not None and (
            len(given) != len(rest) or any(b not in (None, a) for a, b in zip(given, rest, strict=True))
        ):
            raise EieError(f"input {name[:80]}: the shape of one input must fit to {rest}, got {given}")
        return tuple(rest) if given is None else given

    def _model(self, config: Config, inputs: list[Value], place: Place) -> list[Value]:
        """The outputs of a model at a place, which for the whole model is no layer's."""
        if len(place.names) > DEEPEST:
            raise EieError(f"models must be at most {DEEPEST} deep inside each other")
        listed = _layers(config)
        places = _places(listed, place)
        if config.kind == "Sequential":
            (value,) = self._one(config, inputs)
            for layer, where in zip(listed, places, strict=True):
                if layer.kind != "InputLayer":
                    (value,) = self._one(layer, self._layer(layer, [value], where))
            return [value]
        return self._functional(config, listed, places, inputs)

    def _functional(
        self, config: Config, listed: list[Config], places: list[Place], inputs: list[Value]
    ) -> list[Value]:
        wanted = references(config.what, config.fields["config"].get("input_layers"))
        if len(wanted) != len(inputs):
            raise EieError(f"{config.what}: it must take {len(wanted)} values, it gets {len(inputs)}")
        values: dict[Reference, Value] = dict(zip(wanted, inputs, strict=True))
        waiting = [
            (layer, where, node, (layer.name, number + _skipped(layer, self._store.version)))
            for layer, where in zip(listed, places, strict=True)
            for number, node in enumerate(nodes(layer.what, layer.fields.get("inbound_nodes", [])))
            if layer.kind != "InputLayer"
        ]
        while waiting:
            # Layers are listed in an order in which they can run, but one that is applied again waits for others.
            later: list[tuple[Config, Place, Node, Reference]] = []
            for layer, where, node, own in waiting:
                if not all(source in values for source in node.sources):
                    later.append((layer, where, node, own))
                    continue
                again = Config(layer.fields)
                sources = [values[source] for source in node.sources]
                (values[own],) = self._one(again, self._applied(again, where, node, sources))
            if len(later) == len(waiting):
                missing = next(source for source in later[0][2].sources if source not in values)
                raise EieError(f"{later[0][0].what}: it must take results of layers, {missing[0][:80]} has none")
            waiting = later
        found = references(config.what, config.fields["config"].get("output_layers"))
        if any(each not in values for each in found):
            raise EieError(f"{config.what}: its outputs must be results of layers, got {str(found)[:80]}")
        return [values[each] for each in found]

    def _one(self, config: Config, values: list[Value]) -> list[Value]:
        if len(values) != 1:
            raise EieError(f"{config.what}: it must take and give one value, got {len(values)}")
        return values

    def _applied(self, config: Config, place: Place, node: Node, sources: list[Value]) -> list[Value]:
        # An .h5 file does not say which are operators; layers of their names take no numbers.
        numbers = any(number is not None for number in node.numbers)
        if config.kind == "TFOpLambda" or _is_operator(config) or (numbers and config.kind in ARITHMETIC):
            return [self._operator(config, node, sources)]
        if numbers:
            raise EieError(f"{config.what}: it must take values, got a number")
        return self._layer(config, sources, place)

    def _operator(self, config: Config, node: Node, sources: list[Value]) -> Value:
        """Arithmetic on values and numbers."""
        name = str(config.fields["config"].get("function")) if config.kind == "TFOpLambda" else config.kind
        it, what = self._it, config.what
        if name in OPERATORS and len(sources) == 1 and not any(node.numbers):
            return activations.activate(it, what, sources[0], name.rpartition(".")[2], self._store.version)
        if name not in ARITHMETIC or len(node.numbers) != 2:
            raise EieError(
                f"{what}: operator {name[:80]} is not supported; known are {', '.join([*ARITHMETIC, *OPERATORS])}"
            )
        kind, (first, second) = ARITHMETIC[name], node.numbers
        if first is None and second is None:
            return it.both(what, kind, *sources)
        number = first if second is None else second
        if number is None or (kind == "divide" and (second is None or number == 0)):
            raise EieError(f"{what}: a number must not be divided by a value, nor a value by 0")
        turned = kind == "subtract" and second is None
        scale = {"multiply": number, "divide": 1 / (number or 1)}.get(kind, -1.0 if turned else 1.0)
        offset = {"add": number, "subtract": number if turned else -number}.get(kind, 0.0)
        return activations.affine(it, what, sources[0], scale, offset)

    def _layer(self, config: Config, values: list[Value], place: Place) -> list[Value]:
        """What a layer makes of its values."""
        if config.kind in MODELS:
            return self._model(config, values, place)
        self._calls[place.name] = self._calls.get(place.name, 0) + 1
        try:
            with np.errstate(all="ignore"):  # layers refuse what is not finite
                made = self._read(config, values, place)
        except EieError:
            raise
        except (ValueError, TypeError, IndexError, KeyError, OverflowError) as error:
            raise EieError(f"{config.what}: its fields and arrays must fit together: {reason(error)}") from error
        config.finish()
        return [made]

    def _read(self, config: Config, values: list[Value], place: Place) -> Value:
        if config.kind in shapes.READERS:
            return shapes.READERS[config.kind](self._it, config, values)
        (value,) = self._one(config, values)
        reading = Reading(self._it, self._store, place)
        if config.kind in activations.LAYERS:
            return activations.LAYERS[config.kind](self._it, config, value, self._store.version)
        if config.kind in layers.READERS:
            return layers.READERS[config.kind](reading, config, value)
        if config.kind in recurrent.GATES:
            return recurrent.recurrent(reading, config, value)
        if config.kind == "Bidirectional":
            return recurrent.bidirectional(reading, config, value)
        if config.kind == "TimeDistributed":
            return self._each_step(reading, config, value)
        known = sorted(
            {
                *shapes.READERS,
                *activations.LAYERS,
                *layers.READERS,
                *recurrent.GATES,
                "Bidirectional",
                "TimeDistributed",
            }
        )
        raise EieError(f"{config.what}: layers of this class are not supported; known are {', '.join(known)}")

    def _each_step(self, reading: Reading, config: Config, value: Value) -> Value:
        """A layer that does to every step what it would do to all."""
        inner = Config(config.take("layer"))
        if inner.kind == "Dense":
            made = layers.dense(reading._replace(place=replace(reading.place, part="layer")), inner, value)
        elif inner.kind in activations.LAYERS and inner.kind != "Softmax":
            made = activations.LAYERS[inner.kind](self._it, inner, value, self._store.version)
        elif inner.kind == "Dropout":
            made = value
        else:
            raise EieError(f"{config.what}: it must be of Dense or an activation function, got {inner.kind}")
        inner.finish()
        return made


def _layers(config: Config) -> list[Config]:
    """The layers of a model."""
    if config.kind not in MODELS:
        raise EieError(
            f"{config.what}: a model must be Sequential or functional; other classes are code that is not in the file"
        )
    listed: Any = config.fields["config"].get("layers")
    if not isinstance(listed, list) or not listed:
        raise EieError(f"{config.what}: it must have layers, it has none")
    found = [Config(each) for each in cast("list[Any]", listed)]
    if len({each.name for each in found}) < len(found):
        raise EieError(f"{config.what}: its layers must have names of their own")
    return found


def _places(listed: list[Config], place: Place) -> list[Place]:
    """Where the arrays of layers are: each in a group named after its class, and how many of it came before."""
    used: dict[str, int] = {}
    found: list[Place] = []
    for layer in listed:
        if not _is_operator(layer):
            name = snake_case(layer.kind)
            number = used.get(name, 0)
            used[name] = number + 1
            group = f"{name}_{number}" if number else name
            path = f"{place.path}/layers/{group}" if place.path else f"layers/{group}"
            found.append(Place(path, (*place.names, layer.name)))
        else:
            found.append(Place("", (*place.names, layer.name)))
    return found


def _is_operator(config: Config) -> bool:
    """Of Keras 3: in a configuration as layers are, but none."""
    return ".ops." in str(config.fields.get("module", ""))


def _skipped(layer: Config, version: int) -> int:
    """Keras 2 counts the application of a model to its own inputs, which no configuration lists."""
    if version != 2 or layer.kind not in MODELS:
        return 0
    return int(layer.kind != "Sequential" or _layers(layer)[0].kind == "InputLayer")


def _batch_shape(layer: Config) -> list[Any] | None:
    config = layer.fields["config"]
    given: Any = config.get("batch_shape", config.get("batch_input_shape"))
    return cast("list[Any]", given) if isinstance(given, list) else None


def _built_shape(config: Config) -> list[Any] | None:
    """The shape with which a Sequential model without an input layer was built."""
    fields: Any = config.fields.get("build_config")
    given: Any = cast("dict[str, Any]", fields).get("input_shape") if isinstance(fields, dict) else None
    given = config.fields["config"].get("build_input_shape") if given is None else given
    return cast("list[Any]", given) if isinstance(given, list) else None
