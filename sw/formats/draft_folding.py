"""From drafts to a network: what belongs together is folded, by values and by what takes them, never by names.

A scale and an offset per channel go into the layer before them if nothing else takes its result, the last step of an
LSTM into the LSTM; other shapes of a value are made where something takes them; what nothing takes is dropped.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sw.formats.connections import LayerUse
from sw.formats.drafts import Draft, Drafts, Padding, Scale, Step, Weights
from sw.formats.graph_builder import GraphBuilder
from sw.network.graph import (
    Convolution,
    Flatten,
    Pads,
    Relu,
    Shape,
    operation_shape,
)
from sw.network.network import Network
from sw.network.operations import Affine, Clip, Function, LeakyRelu, Reshape, Slice, Transpose


def network_of(drafts: Drafts, output: int) -> tuple[Network, list[str]]:
    """The network that makes one of the values, and the layers that it does not need; EieError if none here can."""
    folded = _Folded(drafts, output)
    needed = set(folded.needed())
    gone = [step for value, step in enumerate(drafts.steps, start=1) if value not in needed]
    dropped = [step.draft.name for step in gone if isinstance(step.draft, Weights)]
    builder = GraphBuilder(drafts.shapes[0])
    place, weights = {0: 0}, dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]()
    shaped: dict[tuple[int, Shape], int] = {}  # values of the builder in another shape

    def taken(source: int) -> int:
        """A value of the builder, put into another shape where something takes it, and only then."""
        value = folded.same(source)
        here, shape = place[folded.unshaped(value)], folded.shapes[value]
        if builder.shapes[here] != shape and (here, shape) not in shaped:
            operation = Flatten() if len(shape) == 1 else Reshape(shape=shape)
            shaped[here, shape] = builder.operation("reshape", operation, here)
        return shaped.get((here, shape), here)

    for value in folded.needed():
        step = folded.steps[value]
        if isinstance(step.draft, Reshape | Flatten):
            continue
        if isinstance(step.draft, Relu | Clip | LeakyRelu | Affine | Function):  # of any shape
            sources = [place[folded.unshaped(folded.same(source))] for source in step.sources]
        else:
            sources = [taken(source) for source in step.sources]
        match step.draft:
            case Weights():
                layer = step.draft
                name = layer.name if layer.name not in weights else f"{layer.name}:{len(weights)}"
                weights[name] = np.ascontiguousarray(layer.weight), np.ascontiguousarray(layer.bias)
                use = LayerUse(name=name, convolution=layer.convolution, shape=layer.weight.shape)
                if layer.lstm is None:
                    place[value] = builder.layer(sources[0], use, layer.weight.shape)
                else:
                    place[value] = builder.lstm(sources[0], use, layer.weight.shape, layer.lstm)
            case Scale() | Padding():
                raise AssertionError(step)
            case _:
                place[value] = builder.operation(step.what, step.draft, *sources)
    taken(output)
    connections = builder.connections({f"value {value}": here for value, here in place.items()})
    return connections.network(weights), dropped


class _Folded:
    """The steps of drafts with everything folded; values keep their numbers, some stand for others."""

    def __init__(self, drafts: Drafts, output: int):
        self.drafts, self.output = drafts, output
        self.steps: dict[int, Step] = dict(enumerate(drafts.steps, start=1))
        self._same: dict[int, int] = {}
        self.shapes: dict[int, Shape] = dict(enumerate(drafts.shapes))
        self._origin: dict[int, int] = {}  # of what was spelled out, the value that it was
        self._next = len(drafts.steps)
        with np.errstate(all="ignore"):  # layers refuse what is not finite
            for fold in (self._last_step, self._fold_scale, self._spell_out):
                for value in sorted(self.needed()):
                    fold(value)

    def same(self, value: int) -> int:
        """The value that this one has become."""
        while value in self._same:
            value = self._same[value]
        return value

    def unshaped(self, value: int) -> int:
        """The value whose elements these are, in whatever shape."""
        while value and isinstance(self.steps[value].draft, Reshape | Flatten):
            value = self.same(self.steps[value].sources[0])
        return value

    def needed(self) -> list[int]:
        """What the output needs, in execution order."""
        found: set[int] = {0}
        waiting = [self.same(self.output)]
        while waiting:
            value = waiting.pop()
            if value not in found:
                found.add(value)
                waiting += [self.same(source) for source in self.steps[value].sources]
        # The order of the file, into which what was spelled out is put where it came from.
        return sorted(found - {0}, key=lambda value: (self._origin.get(value, value), value))

    def _takers(self, value: int) -> int:
        """How often a value is taken, in whatever shape; the output once more."""
        needed = [
            step for step in map(self.steps.__getitem__, self.needed()) if not isinstance(step.draft, Reshape | Flatten)
        ]
        taken = sum(self.unshaped(self.same(source)) == value for step in needed for source in step.sources)
        return taken + (self.unshaped(self.same(self.output)) == value)

    def _last_step(self, value: int) -> None:
        """The last step of an LSTM of which nothing else is taken."""
        step = self.steps[value]
        source = self.unshaped(self.same(step.sources[0]))
        made = self.steps.get(source)
        if not isinstance(step.draft, Slice) or made is None or not isinstance(made.draft, Weights):
            return
        lstm, steps = made.draft.lstm, self.shapes[source][0]
        whole = self.shapes[self.same(step.sources[0])][0] == steps
        if lstm is None or not lstm.sequence or step.draft.axis or not whole or step.draft.start != steps - 1:
            return
        if self._takers(source) == 1:
            self.steps[source] = replace(made, draft=replace(made.draft, lstm=replace(lstm, sequence=False)))
            self.steps[value] = Step(step.what, Reshape(shape=self.shapes[value]), (source,))

    def _fold_scale(self, value: int) -> None:
        step = self.steps[value]
        if not isinstance(step.draft, Scale):
            return
        source = self.same(step.sources[0])
        made = self.steps.get(source)
        if made is None or self._takers(source) > 1:
            return
        if isinstance(made.draft, Scale):
            both = step.draft.after(made.draft)
            if both is not None:
                self.steps[value] = Step(step.what, both, made.sources)
                self._fold_scale(value)
        elif (
            isinstance(made.draft, Weights)
            and made.draft.lstm is None
            and _fits(step.draft, made.draft, self.shapes[source])
        ):
            layer, own = made.draft, step.draft
            scale = np.broadcast_to(own.scale, len(layer.bias))
            bias = layer.bias * scale + own.offset
            with np.errstate(over="ignore"):
                weight = layer.weight if (scale == 1).all() else _scaled(layer.weight, scale)
                folded = replace(layer, weight=weight, bias=bias.astype(np.float32))
            self.steps[source] = replace(made, draft=folded)
            self._same[value] = source

    def _spell_out(self, value: int) -> None:
        """What is left of scales and padding: a number for all, or a depthwise convolution of 1 x 1."""
        step, shape = self.steps[value], self.shapes[value]
        match step.draft:
            case Scale() if len(step.draft.scale) == 1:
                number, offset = float(np.float32(step.draft.scale[0])), float(np.float32(step.draft.offset[0]))
                if (number, offset) == (1.0, 0.0):
                    self._same[value] = self.same(step.sources[0])
                else:
                    self.steps[value] = replace(step, draft=Affine(scale=number, offset=offset))
            case Scale():
                own, channels = step.draft, len(step.draft.scale)
                image = shape if len(shape) == 3 and shape[0] == channels else (channels, own.outer, own.inner)
                before = step.sources[0]
                if own.outer > 1:
                    before = self._new(value, step.what, Reshape(shape=(own.outer, channels, own.inner)), before)
                    before = self._new(value, step.what, Transpose(order=(1, 0, 2)), before)
                elif image != shape:
                    before = self._new(value, step.what, Reshape(shape=image), before)
                made = self._new(value, step.what, _depthwise(own.name, own.scale, own.offset, (0, 0, 0, 0)), before)
                if own.outer > 1:
                    made = self._new(value, step.what, Transpose(order=(1, 0, 2)), made)
                self._same[value] = made if image == shape else self._new(value, step.what, Reshape(shape=shape), made)
            case Padding():
                ones = np.ones(shape[0])
                layer = _depthwise(step.what, ones, np.zeros(shape[0]), step.draft.pads)
                self.steps[value] = replace(step, draft=layer)
            case _:
                pass

    def _new(self, origin: int, what: str, draft: Draft, source: int) -> int:
        self._next += 1
        self._origin[self._next] = origin
        self.steps[self._next] = Step(what, draft, (source,))
        own = self.shapes[source]
        self.shapes[self._next] = (
            own if isinstance(draft, Weights | Scale | Padding) else operation_shape(what, draft, [own])
        )
        return self._next


def _fits(scale: Scale, layer: Weights, shape: Shape) -> bool:
    """Whether a scale has a number for every output of a layer, whose result has this shape."""
    if len(scale.scale) == 1:
        return True
    if layer.convolution is None:
        return len(scale.scale) == shape[-1] and scale.inner == 1
    return len(scale.scale) == shape[0] and scale.outer == 1


def _scaled(weight: NDArray[np.float32], scale: NDArray[np.float64]) -> NDArray[np.float32]:
    """Every output's weights times its number, in float64 and then rounded, without a float64 array of all."""
    made = np.empty(weight.shape, np.float32)
    for row, own, factor in zip(made, weight, scale, strict=True):
        row[...] = own * factor
    return made


def _depthwise(name: str, scale: NDArray[np.float64], offset: NDArray[np.float64], pads: Pads) -> Weights:
    with np.errstate(over="ignore"):
        weight, bias = scale.astype(np.float32).reshape(-1, 1, 1, 1), offset.astype(np.float32)
    return Weights(name=name, weight=weight, bias=bias, convolution=Convolution(padding=pads, groups=len(scale)))
