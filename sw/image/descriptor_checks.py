"""What the descriptors of an array image must say, each by itself and one after another."""

from model.config import ArrayConfig
from model.errors import EieError
from model.image import LayerImage
from model.layouts import Descriptor
from model.map_descriptor import MapDescriptor
from model.map_reference import geometry_of

KEPT = ("out_channels", "out_height", "out_width", "row_pitch")  # of a layer after one that keeps its sums


def check_descriptor(descriptor: Descriptor, geometry: MapDescriptor | None, config: ArrayConfig, name: str) -> None:
    """What CHECK demands of a descriptor, and that bias_scale is a power of two; `geometry` with `maps`. EieError."""
    most_sums = config.activation_depth if geometry is None else config.accumulator_depth
    for field, most in (("in_rows", config.activation_depth), ("out_rows", most_sums)):
        rows: int = getattr(descriptor, field)
        if not 1 <= rows <= most:
            raise EieError(f"{name}: {field} must be between 1 and {most}, got {rows}")
    if geometry is not None and not 1 <= geometry.out_channels <= descriptor.out_rows:
        raise EieError(
            f"{name}: out_channels must be between 1 and out_rows, {descriptor.out_rows}, got {geometry.out_channels}"
        )
    if geometry is not None and geometry.columns < 1:
        raise EieError(f"{name}: columns must be at least 1, got {geometry.columns}")
    last_row = descriptor.first_row + descriptor.in_rows
    if geometry is None and last_row > config.activation_depth:
        raise EieError(
            f"{name}: the local rows of its activations must end by {config.activation_depth}, they end by {last_row}"
        )
    if descriptor.shift >= config.accumulator_bits:
        raise EieError(f"{name}: shift must be below {config.accumulator_bits}, got {descriptor.shift}")
    if descriptor.stream_words < 1:
        raise EieError(f"{name}: stream words must be at least 1, got {descriptor.stream_words}")
    scale, largest = descriptor.bias_scale, 1 << config.activation_bits - 2
    if scale.bit_count() != 1 or scale > largest:
        raise EieError(f"{name}: bias_scale must be a power of two from 1 to {largest}, got {scale}")


def check_next(layers: list[LayerImage], layer: LayerImage) -> None:
    """A column tile begins where the one before ended; a layer ends with the activations of the layer before.

    With `maps` layers read what they like, but sums that are kept stay where they are. EieError otherwise.
    """
    before = layers[-1]
    if layer.map is not None:
        _check_sums(before, layer)
        return
    first_row = before.first_row + before.in_rows if before.keep else 0
    if layer.first_row != first_row:
        raise EieError(f"{layer.name}: first_row must be {first_row}, got {layer.first_row}")
    if before.keep and layer.out_rows != before.out_rows:
        raise EieError(f"{layer.name}: out_rows must be the {before.out_rows} of the tile before, got {layer.out_rows}")
    source = next((done.out_rows for done in reversed(layers) if not done.keep), None)
    rows = layer.first_row + layer.in_rows
    if source is not None and (rows != source if not layer.keep else rows >= source):
        raise EieError(f"{layer.name}: in_rows must be the {source} out_rows before, got {rows}")


def check_loop(layer: LayerImage, number: int, floor: int) -> int:
    """A loop begins behind the one before it, at layer `floor` or later; the floor for the next. EieError otherwise."""
    functions = layer.functions
    if functions is None or not functions.loops:
        return floor
    if functions.loop_back > number - floor:
        raise EieError(
            f"{layer.name}: loop_back must be at most {number - floor}, its loop begins {functions.loop_back} layers "
            "before it"
        )
    return number + 1


def _check_sums(before: LayerImage, layer: LayerImage) -> None:
    if not before.keep:
        return
    if layer.out_rows != before.out_rows:
        raise EieError(f"{layer.name}: out_rows must be the {before.out_rows} of the sums kept, got {layer.out_rows}")
    for field in KEPT:
        kept, found = (getattr(geometry_of(each), field) for each in (before, layer))
        if kept != found:
            raise EieError(f"{layer.name}: {field} must be the {kept} of the sums kept, got {found}")
