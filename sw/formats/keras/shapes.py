"""Layers of Keras without weights: windows, order and number of elements, joins."""

from collections.abc import Callable, Mapping
from math import prod
from typing import Any, Literal

from model.errors import EieError
from sw.formats.drafts import Padding
from sw.formats.enlarge import interpolated, repeated
from sw.formats.keras.activations import affine
from sw.formats.keras.config import Config, listed, shown
from sw.formats.keras.layers import channels_first, padding_of, pair
from sw.formats.keras.values import Value, Values
from sw.network.graph import MAX_WINDOW, Pads, Pool
from sw.network.operations import ElementwiseKind, Slice

Kind = Literal["max", "average"]
Reader = Callable[[Values, Config, list[Value]], Value]


def _one(read: Callable[[Values, Config, Value], Value]) -> Reader:
    def reader(it: Values, config: Config, values: list[Value]) -> Value:
        if len(values) != 1:
            raise EieError(f"{config.what}: it must take one value, got {len(values)}")
        return read(it, config, values[0])

    return reader


def _pool(kind: Kind, axes: int) -> Reader:
    @_one
    def read(it: Values, config: Config, value: Value) -> Value:
        first, padding = channels_first(config), config.take("padding", "valid")
        kernel = pair(config.sizes("pool_size", axes, 2))
        # Without strides windows lie side by side.
        given = config.take("strides", None)
        stride = kernel if given is None else pair(_sizes(config, "strides", given, axes))
        if padding not in ("valid", "same"):
            raise EieError(f"{config.what}: padding must be valid or same, got {padding[:80]!r}")
        index = it.image(config.what, value, first)
        pads = padding_of(padding, it.drafts.shapes[index], kernel, stride)
        pool = Pool(kind=kind, kernel=kernel, stride=stride, padding=pads, count_padding=kind == "max")
        return it.imaged(it.drafts.add(config.what, pool, index), axes + 1, first)

    return read


def _sizes(config: Config, name: str, given: Any, count: int, least: int = 1) -> tuple[int, ...]:
    found = [given] * count if isinstance(given, int) else listed(given)
    if len(found) != count or not all(type(size) is int and least <= size < 1 << 24 for size in found):
        raise EieError(f"{config.what}: {name} must be {count} whole numbers, got {shown(given)}")
    return tuple(found)


def _global_pool(kind: Kind) -> Reader:
    @_one
    def read(it: Values, config: Config, value: Value) -> Value:
        first, keep = channels_first(config), config.take("keepdims", False)
        index = it.image(config.what, value, first)
        channels, rows, columns = it.drafts.shapes[index]
        if max(rows, columns) > MAX_WINDOW:
            raise EieError(
                f"{config.what}: at most {MAX_WINDOW} rows and columns can become one, got {rows}, {columns}"
            )
        pool = Pool(kind=kind, kernel=(rows, columns), stride=(1, 1))
        made = it.imaged(it.drafts.add(config.what, pool, index), len(value.own), first)
        return made if keep else it.reshape(config.what, made, (channels,))

    return read


@_one
def _flatten(it: Values, config: Config, value: Value) -> Value:
    if channels_first(config) and len(value.own) > 1:  # Keras puts the channels last before it
        order = (*range(1, len(value.own)), 0)
        own = tuple(value.own[axis] for axis in order)
        value = Value(it.drafts.transpose(config.what, it.plain(config.what, value), order), own)
    return it.reshape(config.what, value, (prod(value.own),))


@_one
def _reshape(it: Values, config: Config, value: Value) -> Value:
    shape = config.take("target_shape", [])
    if not shape or not all(type(size) is int for size in shape) or shape.count(-1) > 1 or len(shape) > 6:
        raise EieError(f"{config.what}: target_shape must be one to six whole numbers, got {str(shape)[:80]}")
    rest = abs(prod(shape))
    if -1 in shape and rest:
        shape = [prod(value.own) // rest if size == -1 else size for size in shape]
    if min(shape) < 1:
        raise EieError(f"{config.what}: target_shape must have as many elements as {value.own}, got {shape}")
    return it.reshape(config.what, value, tuple(shape))


@_one
def _permute(it: Values, config: Config, value: Value) -> Value:
    dims = config.take("dims", [])
    order = tuple(size - 1 for size in dims if type(size) is int)
    if sorted(order) != list(range(len(value.own))) or len(order) != len(dims):
        raise EieError(f"{config.what}: dims must order {len(value.own)} axes, got {str(dims)[:80]}")
    index = it.drafts.transpose(config.what, it.plain(config.what, value), order)
    return Value(index, tuple(value.own[axis] for axis in order))


def _sides(config: Config, name: str, axes: int, default: int) -> Pads:
    """Elements at the top, left, bottom and right: one number, one for each axis, or two."""
    given: Any = config.take(name, None)
    given = default if given is None else given
    each = [given] * axes if isinstance(given, int) or axes == 1 else listed(given)
    sides = [_sizes(config, name, side, 2, least=0) for side in each]
    if len(sides) != axes:
        raise EieError(f"{config.what}: {name} must be given for {axes} axes, got {shown(given)}")
    (top, bottom), (left, right) = ((0, 0), sides[0]) if axes == 1 else (sides[0], sides[1])
    return top, left, bottom, right


def _zero_padding(axes: int) -> Reader:
    @_one
    def read(it: Values, config: Config, value: Value) -> Value:
        first, pads = channels_first(config), _sides(config, "padding", axes, 1)
        if max(pads) > MAX_WINDOW:
            raise EieError(f"{config.what}: padding must be at most {MAX_WINDOW}, got {pads}")
        index = it.image(config.what, value, first)
        return it.imaged(it.drafts.add(config.what, Padding(pads=pads), index), axes + 1, first)

    return read


def _cropping(axes: int) -> Reader:
    @_one
    def read(it: Values, config: Config, value: Value) -> Value:
        first, (top, left, bottom, right) = (
            channels_first(config),
            _sides(config, "cropping", axes, 1 if axes == 1 else 0),
        )
        index = it.image(config.what, value, first)
        for axis, before, behind in ((1, top, bottom), (2, left, right)):
            size = it.drafts.shapes[index][axis]
            if before or behind:
                index = it.drafts.add(config.what, Slice(axis=axis, start=before, stop=size - behind), index)
        return it.imaged(index, axes + 1, first)

    return read


def _up_sampling(axes: int) -> Reader:
    @_one
    def read(it: Values, config: Config, value: Value) -> Value:
        """More rows and columns, repeated or between their neighbours."""
        first = channels_first(config)
        ways = {"nearest": repeated} if axes == 1 else {"nearest": repeated, "bilinear": interpolated}
        way = config.take("interpolation", "nearest")
        if way not in ways:
            raise EieError(f"{config.what}: interpolation must be {' or '.join(ways)}, got {str(way)[:80]}")
        times = pair(config.sizes("size", axes, 2))
        index = it.image(config.what, value, first)
        return it.imaged(ways[way](it.drafts, config.what, config.name, index, times), axes + 1, first)

    return read


def _merge(kind: ElementwiseKind, mean: bool = False) -> Reader:
    def read(it: Values, config: Config, values: list[Value]) -> Value:
        if len(values) < 2 or (kind == "subtract" and len(values) > 2):
            raise EieError(f"{config.what}: it must take two values or more, got {len(values)}")
        made = values[0]
        for value in values[1:]:
            made = it.both(config.what, kind, made, value)
        return affine(it, config.what, made, 1 / len(values)) if mean else made

    return read


def _concatenate(it: Values, config: Config, values: list[Value]) -> Value:
    if not values:
        raise EieError(f"{config.what}: it must take one value or more, got none")
    given, rank = config.take("axis", -1), len(values[0].own)
    axis = given % (rank + 1) - 1 if -rank <= given <= rank else -1
    if axis < 0:
        raise EieError(f"{config.what}: axis must be one of {rank + 1}, and not the batch's, got {given}")
    indices, turned = it.aligned(config.what, values)
    own = list(values[0].own)
    own[axis] = sum(value.own[axis] for value in values)
    place = (0 if axis == rank - 1 else axis + 4 - rank) if turned else axis
    return Value(it.drafts.join(config.what, indices, place), tuple(own), turned)


@_one
def same(_: Values, config: Config, value: Value) -> Value:
    """Nothing outside training."""
    return value


READERS: Mapping[str, Reader] = {
    "ActivityRegularization": same,
    "Add": _merge("add"),
    "AlphaDropout": same,
    "Average": _merge("add", mean=True),
    "AveragePooling1D": _pool("average", 1),
    "AveragePooling2D": _pool("average", 2),
    "Concatenate": _concatenate,
    "Cropping1D": _cropping(1),
    "Cropping2D": _cropping(2),
    "Dropout": same,
    "Flatten": _flatten,
    "GaussianDropout": same,
    "GaussianNoise": same,
    "GlobalAveragePooling1D": _global_pool("average"),
    "GlobalAveragePooling2D": _global_pool("average"),
    "GlobalMaxPooling1D": _global_pool("max"),
    "GlobalMaxPooling2D": _global_pool("max"),
    "Identity": same,
    "MaxPooling1D": _pool("max", 1),
    "MaxPooling2D": _pool("max", 2),
    "Multiply": _merge("multiply"),
    "Permute": _permute,
    "Reshape": _reshape,
    "SpatialDropout1D": same,
    "SpatialDropout2D": same,
    "Subtract": _merge("subtract"),
    "UpSampling1D": _up_sampling(1),
    "UpSampling2D": _up_sampling(2),
    "ZeroPadding1D": _zero_padding(1),
    "ZeroPadding2D": _zero_padding(2),
}
