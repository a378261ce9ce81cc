"""Layers of Keras with weights: Dense, convolutions, normalisations."""

from collections.abc import Callable, Mapping
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.formats.drafts import Weights
from sw.formats.keras.activations import activate, relu
from sw.formats.keras.config import Config, listed, shown
from sw.formats.keras.store import Place, Store
from sw.formats.keras.values import Value, Values
from sw.network.graph import Convolution, Pads, Pair
from sw.network.operations import Normalise, Stretch

Floats = NDArray[np.float32]


class Reading(NamedTuple):
    """What a layer is read with: the values so far, the file's weights and the layer's place."""

    it: Values
    store: Store
    place: Place

    def activated(self, config: Config, value: Value) -> Value:
        return activate(self.it, config.what, value, config.take("activation", None), self.store.version)

    def weights(self, config: Config, *names: str) -> list[Floats]:
        """The layer's weights of these names, and its biases: zeros if it uses none."""
        if config.take("use_bias", True):
            return self.store.weights(self.place, [*names, "bias"])
        found = self.store.weights(self.place, list(names))
        return [*found, np.zeros(0, np.float32)]


def dense(reading: Reading, config: Config, value: Value) -> Value:
    """The last axis of a value times a matrix."""
    it, what = reading.it, config.what
    units = config.take("units", 1)
    kernel, bias = reading.weights(config, "kernel")
    features = value.own[-1]
    if kernel.shape != (features, units):
        raise EieError(f"{what}: its kernel must have shape {(features, units)}, got {kernel.shape}")
    rows = prod(value.own[:-1])
    source = it.drafts.reshape(what, it.plain(what, value), (features,) if rows == 1 else (rows, features))
    layer = Weights(name=reading.place.name, weight=kernel.T, bias=_bias(what, bias, units))
    own = (*value.own[:-1], units)
    made = Value(it.drafts.reshape(what, it.drafts.add(what, layer, source), own), own)
    return reading.activated(config, made)


class _Windows(NamedTuple):
    axes: int
    channels_first: bool
    stride: Pair
    dilation: Pair
    padding: str


def channels_first(config: Config) -> bool:
    """Whether a layer's values are (channels, ..) in Keras as well."""
    way = config.take("data_format", "channels_last")
    if way not in ("channels_first", "channels_last"):
        raise EieError(f"{config.what}: data_format must be channels_last or channels_first, got {way[:80]!r}")
    return way == "channels_first"


def pair(sizes: tuple[int, ...]) -> Pair:
    return (1, sizes[0]) if len(sizes) == 1 else (sizes[0], sizes[1])


def _windows(config: Config, axes: int) -> _Windows:
    padding = config.take("padding", "valid")
    if padding not in ("valid", "same", *(["causal"] if axes == 1 else [])):
        raise EieError(f"{config.what}: padding must be valid or same, got {padding[:80]!r}")
    return _Windows(
        axes,
        channels_first(config),
        pair(config.sizes("strides", axes, 1)),
        pair(config.sizes("dilation_rate", axes, 1)),
        padding,
    )


def padding_of(kind: str, image: tuple[int, ...], reach: Pair, stride: Pair) -> Pads:
    """Zeros around (channels, rows, columns): SAME puts the odd one behind, causal all before the columns."""
    if kind == "valid":
        return 0, 0, 0, 0
    if kind == "causal":
        return 0, reach[1] - 1, 0, 0
    totals = [
        max((-(-size // step) - 1) * step + width - size, 0)
        for size, step, width in zip(image[1:], stride, reach, strict=True)
    ]
    return totals[0] // 2, totals[1] // 2, totals[0] - totals[0] // 2, totals[1] - totals[1] // 2


def _convolved(
    it: Values, what: str, name: str, index: int, weight: Floats, bias: Floats, windows: _Windows, groups: int
) -> int:
    source, more = it.unpadded(index)
    reach = Convolution(dilation=windows.dilation).reach(weight.shape)
    own = padding_of(windows.padding, it.drafts.shapes[index], reach, windows.stride)
    top, left, bottom, right = (a + b for a, b in zip(own, more, strict=True))
    convolution = Convolution(
        stride=windows.stride, padding=(top, left, bottom, right), dilation=windows.dilation, groups=groups
    )
    layer = Weights(name=name, weight=weight, bias=_bias(what, bias, len(weight)), convolution=convolution)
    return it.drafts.add(what, layer, source)


def _image_kernel(what: str, kernel: Floats, axes: int) -> Floats:
    """(rows, columns, a, b) of a kernel."""
    if kernel.ndim != axes + 2 or 0 in kernel.shape:
        raise EieError(f"{what}: its kernel must have {axes + 2} axes, got {kernel.shape}")
    return kernel[np.newaxis] if axes == 1 else kernel


def _conv(axes: int) -> "Reader":
    def read(reading: Reading, config: Config, value: Value) -> Value:
        it, what = reading.it, config.what
        windows, groups = _windows(config, axes), config.take("groups", 1)
        kernel, bias = reading.weights(config, "kernel")
        _check_kernel(config, kernel, axes, config.take("filters", 1))
        weight = np.ascontiguousarray(_image_kernel(what, kernel, axes).transpose(3, 2, 0, 1))
        index = it.image(what, value, windows.channels_first)
        made = _convolved(it, what, reading.place.name, index, weight, bias, windows, groups)
        return reading.activated(config, it.imaged(made, axes + 1, windows.channels_first))

    return read


def _check_kernel(config: Config, kernel: Floats, axes: int, filters: int | None = None) -> None:
    size = config.sizes("kernel_size", axes)
    if kernel.shape[:axes] != size or (filters is not None and kernel.shape[-1] != filters):
        raise EieError(f"{config.what}: its kernel must be {size} windows of {filters} filters, got {kernel.shape}")


def _depthwise_weight(what: str, kernel: Floats, axes: int, channels: int) -> Floats:
    """(channels * multiplier, 1, rows, columns)."""
    wide = _image_kernel(what, kernel, axes)
    if wide.shape[2] != channels:
        raise EieError(f"{what}: its kernel must be for {channels} channels, got {kernel.shape}")
    rows, columns, _, multiplier = wide.shape
    return np.ascontiguousarray(wide.transpose(2, 3, 0, 1)).reshape(channels * multiplier, 1, rows, columns)


def _depthwise(axes: int) -> "Reader":
    def read(reading: Reading, config: Config, value: Value) -> Value:
        it, what = reading.it, config.what
        windows = _windows(config, axes)
        kernel, bias = reading.weights(config, "depthwise_kernel" if reading.store.version == 2 else "kernel")
        _check_kernel(config, kernel, axes, config.take("depth_multiplier", 1))
        config.only("groups", 1)
        index = it.image(what, value, windows.channels_first)
        channels = it.drafts.shapes[index][0]
        weight = _depthwise_weight(what, kernel, axes, channels)
        made = _convolved(it, what, reading.place.name, index, weight, bias, windows, channels)
        return reading.activated(config, it.imaged(made, axes + 1, windows.channels_first))

    return read


def _separable(axes: int) -> "Reader":
    def read(reading: Reading, config: Config, value: Value) -> Value:
        it, what, name = reading.it, config.what, reading.place.name
        windows = _windows(config, axes)
        config.only("groups", 1)
        depthwise, pointwise, bias = reading.weights(config, "depthwise_kernel", "pointwise_kernel")
        _check_kernel(config, depthwise, axes, config.take("depth_multiplier", 1))
        index = it.image(what, value, windows.channels_first)
        channels = it.drafts.shapes[index][0]
        weight = _depthwise_weight(what, depthwise, axes, channels)
        nothing = np.zeros(0, np.float32)
        made = _convolved(it, what, f"{name}:depthwise", index, weight, nothing, windows, channels)
        point = _image_kernel(what, pointwise, axes).transpose(3, 2, 0, 1)
        if point.shape != (config.take("filters", 1), len(weight), 1, 1):
            raise EieError(f"{what}: its pointwise kernel must take {len(weight)} channels, got {pointwise.shape}")
        alone = _Windows(axes, windows.channels_first, (1, 1), (1, 1), "valid")
        made = _convolved(it, what, name, made, np.ascontiguousarray(point), bias, alone, 1)
        return reading.activated(config, it.imaged(made, axes + 1, windows.channels_first))

    return read


def _transposed(axes: int) -> "Reader":
    def read(reading: Reading, config: Config, value: Value) -> Value:
        """A convolution with the turned kernel over the input with zeros between."""
        it, what = reading.it, config.what
        windows = _windows(config, axes)
        config.only("output_padding", None)
        config.only("groups", 1)
        kernel, bias = reading.weights(config, "kernel")
        size = config.sizes("kernel_size", axes)
        wide = _image_kernel(what, kernel, axes)
        index = it.image(what, value, windows.channels_first)
        channels = it.drafts.shapes[index][0]
        if kernel.shape != (*size, config.take("filters", 1), channels):
            raise EieError(f"{what}: its kernel must take {channels} channels with {size} windows, got {kernel.shape}")
        if windows.dilation != (1, 1):
            raise EieError(f"{what}: dilation_rate must be 1, got {windows.dilation}")
        sides: list[tuple[int, int]] = []
        for width, step in zip(wide.shape[:2], windows.stride, strict=True):
            # What a convolution of this padding would take away, and what VALID adds where the kernel is narrower.
            cut = max(width - step, 0) if windows.padding == "same" else 0
            more = max(step - width, 0)
            sides.append((width - 1 - cut // 2, width - 1 - (cut - cut // 2) + more))
        (top, bottom), (left, right) = sides
        weight = np.ascontiguousarray(wide[::-1, ::-1].transpose(2, 3, 0, 1))
        if windows.stride != (1, 1):
            index = it.drafts.add(what, Stretch(stride=windows.stride), index)
        own = Convolution(padding=(top, left, bottom, right))
        layer = Weights(name=reading.place.name, weight=weight, bias=_bias(what, bias, len(weight)), convolution=own)
        made = it.imaged(it.drafts.add(what, layer, index), axes + 1, windows.channels_first)
        return reading.activated(config, made)

    return read


def _batch_normalisation(reading: Reading, config: Config, value: Value) -> Value:
    it, what = reading.it, config.what
    (axis,) = _axes(config, value, -1)
    names = [
        *(["gamma"] if config.take("scale", True) else []),
        *(["beta"] if config.take("center", True) else []),
        "moving_mean",
        "moving_variance",
    ]
    found = dict(zip(names, reading.store.weights(reading.place, names), strict=True))
    size = value.own[axis]
    if any(array.shape != (size,) for array in found.values()):
        raise EieError(f"{what}: it must have a number for each of {size} channels")
    numbers = {name: array.astype(np.float64) for name, array in found.items()}
    with np.errstate(all="ignore"):  # what is not finite is refused
        scale = numbers.get("gamma", np.ones(size)) / np.sqrt(numbers["moving_variance"] + config.take("epsilon", 1e-3))
        offset = numbers.get("beta", np.zeros(size)) - numbers["moving_mean"] * scale
    shape = [size if place == axis else 1 for place in range(len(value.own))]
    return it.scaled(what, reading.place.name, value, scale.reshape(shape), offset.reshape(shape))


def _axes(config: Config, value: Value, default: int) -> list[int]:
    """The axes of a layer, counted without the batch."""
    given: Any = config.take("axis", None)
    axes: list[Any] = [default] if given is None else listed(given) or [given]
    rank = len(value.own) + 1
    found = [axis % rank - 1 for axis in axes if type(axis) is int and -rank < axis < rank and axis % rank]
    if len(found) != len(axes) or len(set(found)) < len(found) or not found:
        raise EieError(f"{config.what}: axis must be of {rank}, and not the batch's, got {shown(given)}")
    return found


def _layer_normalisation(reading: Reading, config: Config, value: Value) -> Value:
    it, what = reading.it, config.what
    axes = sorted(_axes(config, value, -1))
    rank = len(value.own)
    if axes != list(range(rank - len(axes), rank)):
        raise EieError(f"{what}: axis must be the last ones of {rank + 1}, got {[axis + 1 for axis in axes]}")
    config.only("rms_scaling", False)
    names = [*(["gamma"] if config.take("scale", True) else []), *(["beta"] if config.take("center", True) else [])]
    found = dict(zip(names, reading.store.weights(reading.place, names) if names else [], strict=True))
    operation = Normalise(axes=len(axes), epsilon=config.take("epsilon", 1e-3))
    made = Value(it.drafts.add(what, operation, it.plain(what, value)), value.own)
    if not names:
        return made
    scale = found.get("gamma", np.ones(1, np.float32)).astype(np.float64)
    return it.scaled(what, reading.place.name, made, scale, found.get("beta", np.zeros(1, np.float32)))


def _prelu(reading: Reading, config: Config, value: Value) -> Value:
    """x where it is positive, else alpha * x."""
    it, what = reading.it, config.what
    config.take("shared_axes")  # alpha's shape says it
    (alpha,) = reading.store.weights(reading.place, ["alpha"])
    positive = relu(it, what, value)
    negative = it.scaled(what, reading.place.name, it.both(what, "subtract", value, positive), alpha)
    return it.both(what, "add", positive, negative)


def _rescaling(reading: Reading, config: Config, value: Value) -> Value:
    scale, offset = (np.asarray(config.take(name, 0.0), np.float64) for name in ("scale", "offset"))
    return reading.it.scaled(config.what, reading.place.name, value, scale, offset)


def _bias(what: str, bias: Floats, outputs: int) -> Floats:
    if bias.size == 0:
        return np.zeros(outputs, np.float32)
    if bias.shape != (outputs,):
        raise EieError(f"{what}: its bias must have shape {(outputs,)}, got {bias.shape}")
    return bias


Reader = Callable[[Reading, Config, Value], Value]
READERS: Mapping[str, Reader] = {
    "BatchNormalization": _batch_normalisation,
    "Conv1D": _conv(1),
    "Conv1DTranspose": _transposed(1),
    "Conv2D": _conv(2),
    "Conv2DTranspose": _transposed(2),
    "Dense": dense,
    "DepthwiseConv1D": _depthwise(1),
    "DepthwiseConv2D": _depthwise(2),
    "LayerNormalization": _layer_normalisation,
    "PReLU": _prelu,
    "Rescaling": _rescaling,
    "SeparableConv1D": _separable(1),
    "SeparableConv2D": _separable(2),
}
