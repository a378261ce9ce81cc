"""Map layers from dense kernels, and what they compute, written down as convolutions."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.image import LayerImage, NetworkImage
from model.map_descriptor import MapDescriptor
from tests.support.images.random_images import small_config


def map_config(**changes: Any) -> ArrayConfig:
    """A small array with `maps`."""
    sizes: dict[str, Any] = {
        "maps": True,
        "accumulator_depth": 128,
        "activation_depth": 256,
        "pointer_depth": 1024,
        "sparse_matrix_depth": 1024,
        "constant_depth": 256,
        "layers": 8,
    }
    return small_config(**(sizes | changes))


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A map in the activation memory: positions, local channels, where it lies and how far positions are apart."""

    height: int
    width: int
    channels: int
    row: int = 0
    pitch: int = 0  # 0: local channels

    @property
    def step(self) -> int:
        return self.pitch or self.channels

    @property
    def rows(self) -> int:
        return self.height * self.width * self.channels


@dataclass(frozen=True, kw_only=True)
class Window:
    """How a kernel moves: strides and dilations along y and x, padding (top, bottom, left, right)."""

    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)

    def output(self, axis: int, size: int, kernel: int) -> int:
        """Positions of the output along an axis."""
        padded = size + self.padding[2 * axis] + self.padding[2 * axis + 1]
        return (padded - self.dilation[axis] * (kernel - 1) - 1) // self.stride[axis] + 1

    def start(self, axis: int) -> int:
        """Coordinate of the first position: no tap of any class reaches further."""
        return (self.stride[axis] - 1 + self.padding[2 * axis]) // self.stride[axis]

    def step(self, axis: int, class_: int, tap: int) -> int | None:
        """Of a tap from the coordinate of that class; None if they do not meet."""
        reached, rest = divmod(class_ + self.padding[2 * axis] - tap * self.dilation[axis], self.stride[axis])
        return None if rest else self.start(axis) - reached


def slices(config: ArrayConfig, columns: list[list[dict[int, int]]]) -> dict[str, NDArray[Any]]:
    """Pointers, codes, runs and offsets of columns[pe][column] = {row: code}."""
    pointers = np.zeros((config.pes, len(columns[0]) + 1), dtype=np.int64)
    codes: list[int] = []
    runs: list[int] = []
    offsets = [0]
    for pe, slices_of_pe in enumerate(columns):
        for number, slice_ in enumerate(slices_of_pe):
            previous = -1
            for row in sorted(slice_):
                run = row - previous - 1
                while run > config.max_run:
                    codes.append(0)
                    runs.append(config.max_run)
                    run -= config.max_run + 1
                codes.append(slice_[row])
                runs.append(run)
                previous = row
            pointers[pe, number + 1] = len(codes) - offsets[-1]
        offsets.append(len(codes))
    return {
        "pointers": pointers,
        "codes": np.array(codes, dtype=np.uint8),
        "runs": np.array(runs, dtype=np.uint8),
        "offsets": np.array(offsets, dtype=np.int64),
    }


def map_layer(
    config: ArrayConfig,
    source: Shape,
    kernel: NDArray[np.integer],
    codebook: NDArray[np.int16],
    window: Window,
    *,
    destination: int = 0,
    destination_step: int = 0,
    local: bool = False,
    biases: NDArray[np.int16] | None = None,
    flags: dict[str, Any] | None = None,
    **values: Any,
) -> tuple[LayerImage, Shape]:
    """A layer and its output map.

    `kernel` (out, in, height, width) holds weight codes of physical channels, local channel * pes + PE, a multiple of
    `pes` of both; with `local` a weight joins channels of one PE. `flags`: maximum, positive, limit.
    """
    pes = config.pes
    outs, _, *taps = kernel.shape
    height, width = (window.output(axis, (source.height, source.width)[axis], taps[axis]) for axis in (0, 1))
    out = Shape(height=height, width=width, channels=outs // pes, row=destination, pitch=destination_step)
    classes = window.stride
    unit = 1 if local else pes
    steps = [
        [[window.step(axis, class_, tap) for tap in range(taps[axis])] for class_ in range(classes[axis])]
        for axis in (0, 1)
    ]
    largest_x = max((step for row in steps[1] for step in row if step is not None), default=0)
    channel_bits, column_bits = (out.channels - 1).bit_length(), largest_x.bit_length()
    flat = taps == [1, 1] and classes == (1, 1) and window.padding == (0, 0, 0, 0)
    columns: list[list[dict[int, int]]] = [
        [{} for _ in range(classes[0] * classes[1] * source.channels * unit)] for _ in range(pes)
    ]
    for o, i, r, s in zip(*(axis.tolist() for axis in np.nonzero(kernel)), strict=True):
        assert not local or o % pes == i % pes
        for class_y in range(classes[0]):
            for class_x in range(classes[1]):
                y, x = steps[0][class_y][r], steps[1][class_x][s]
                if y is None or x is None:
                    continue
                row = ((y << column_bits | x) << channel_bits) | o // pes
                channel = i // pes if local else i
                columns[o % pes][(class_y * classes[1] + class_x) * source.channels * unit + channel][row] = int(
                    kernel[o, i, r, s]
                )
    geometry = MapDescriptor(
        destination=destination,
        destination_step=out.step,
        local=local,
        flat=flat,
        columns=len(columns[0]),
        class_columns=classes[1] * source.channels * unit,
        in_channels=source.channels,
        in_width=source.width,
        column_step=source.step,
        row_step=source.step * source.width,
        classes_y=classes[0],
        classes_x=classes[1],
        start_y=window.start(0),
        start_x=window.start(1),
        out_channels=out.channels,
        out_height=height,
        out_width=width,
        row_pitch=width * out.channels,
        channel_bits=0 if flat else channel_bits,
        column_bits=column_bits,
        **(flags or {}),
    )
    biases = np.zeros(outs, dtype=np.int16) if biases is None else biases
    layer = LayerImage(
        name="map",
        in_rows=source.rows,
        out_rows=out.rows,
        codebook=codebook,
        biases=biases.reshape(out.channels, pes),
        first_row=source.row,
        map=geometry,
        **slices(config, columns),
        **({"bias_scale": 1, "shift": 0, "relu": False} | values),
    )
    return layer, out


def globally(layer: LayerImage) -> LayerImage:
    """A flat layer of one position: every source position adds into it."""
    assert layer.map is not None
    geometry = replace(layer.map, advance_y=0, advance_x=0, out_height=1, out_width=1)
    return replace(layer, out_rows=geometry.out_channels, map=geometry)


def convolution(
    values: NDArray[np.int64], weights: NDArray[np.int64], window: Window, maximum: bool = False
) -> NDArray[np.int64]:
    """(out, height, width) sums of (in, height, width) values; with `maximum` the largest that a weight meets.

    -2**15 where none is met.
    """
    outs, _, *taps = weights.shape
    top, bottom, left, right = window.padding
    padded = np.pad(values, ((0, 0), (top, bottom), (left, right)))
    present = np.pad(np.ones_like(values, dtype=bool), ((0, 0), (top, bottom), (left, right)))
    height, width = (window.output(axis, values.shape[1 + axis], taps[axis]) for axis in (0, 1))
    sums = np.full((outs, height, width), -(1 << 15) if maximum else 0, dtype=np.int64)
    for y in range(height):
        for x in range(width):
            for r in range(taps[0]):
                for s in range(taps[1]):
                    at = (
                        slice(None),
                        y * window.stride[0] + r * window.dilation[0],
                        x * window.stride[1] + s * window.dilation[1],
                    )
                    if maximum:
                        met = (weights[:, :, r, s] != 0) & present[at]
                        largest = np.where(met, padded[at], -(1 << 15)).max(axis=1)
                        sums[:, y, x] = np.maximum(sums[:, y, x], largest)
                    else:
                        sums[:, y, x] += weights[:, :, r, s] @ padded[at]
    return sums


def from_physical(values: NDArray[np.int16], shape: Shape, pes: int) -> NDArray[np.int64]:
    """(channels, height, width) of a map without gaps; channel = local channel * pes + PE."""
    cube = values.reshape(shape.height, shape.width, shape.channels * pes)
    return cube.transpose(2, 0, 1).astype(np.int64)


def to_physical(values: NDArray[np.integer[Any]]) -> NDArray[np.int16]:
    """The inverse."""
    return values.transpose(1, 2, 0).reshape(-1).astype(np.int16)


def map_network(config: ArrayConfig, layers: list[LayerImage], source: Shape) -> NetworkImage:
    """A network of map layers whose input is the map `source`, from row 0 on."""
    assert source.row == 0
    last = layers[-1]
    return NetworkImage(
        config=config,
        layers=tuple(layers),
        in_features=source.rows * config.pes,
        out_features=last.out_rows * config.pes,
        input_fraction_bits=8,
        output_fraction_bits=8,
        output_order=np.arange(last.out_rows * config.pes),
        input_rows=source.rows,
    )
