"""Random networks of map layers of all kinds, for an array with `maps`."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.image import LayerImage, NetworkImage
from tests.support.images.maps import Shape, Window, globally, map_layer, map_network

KINDS = ("convolution", "depthwise", "maximum", "residual", "connected", "global", "positive", "maximum of sums")


@dataclass
class Program:
    """Layers so far, the map that the last one wrote, and the random numbers that decide."""

    rng: np.random.Generator
    config: ArrayConfig
    now: Shape
    magnitude: int

    def __post_init__(self) -> None:
        self.layers: list[LayerImage] = []

    def add(self, kind: str, density: float) -> None:
        """A layer or two of that kind, behind the map or over it."""
        rng = self.rng
        away = self.now.row + (self.now.rows if rng.integers(2) else 0)
        values: dict[str, Any] = {
            "destination": away % self.config.activation_depth,
            "shift": int(rng.integers(0, 12)),
            "relu": bool(rng.integers(2)),
            "bias_scale": 1 << int(rng.integers(0, self.config.activation_bits - 1)),
        }
        flags: dict[str, Any] = {"limit": int(rng.choice([0, 0, 50, 32767]))}
        match kind:
            case "convolution":
                self._layer(self._kernel(int(rng.integers(1, 4)), density, self._window()), flags, **values)
            case "depthwise":
                codes, window = self._kernel(0, density, self._window())
                self._layer((codes, window), flags, local=True, **values)
            case "maximum":
                codes, window = self._kernel(0, 2.0, self._window())
                values |= {"shift": 0, "bias_scale": 1}
                self._layer((codes, window), {"maximum": True}, local=True, **values)
            case "residual" | "maximum of sums":
                size = self.now.channels
                codes, window = self._kernel(size, density, None)
                before = self.now
                self._layer((codes, window), {}, keep=True, **values)
                self.now = before
                flags |= {"maximum": True} if kind == "maximum of sums" else {}
                self._layer((self._identity(), Window()), flags, local=True, **values)
            case "connected":
                self.now = replace(self.now, height=1, width=1, channels=self.now.rows, pitch=0)
                codes, window = self._kernel(int(rng.integers(1, 4)), density, Window())
                self._layer((codes[:, :, :1, :1], window), flags, **values)
            case "global":
                self._layer((self._identity(), Window()), flags, local=True, **values)
                self.layers[-1] = globally(self.layers[-1])
                self.now = replace(self.now, height=1, width=1)
            case _:
                flags |= {"positive": True}
                self._layer((self._identity(), Window()), flags, local=bool(rng.integers(2)), **values)

    def _window(self) -> Window:
        rng = self.rng
        top, left, bottom, right = rng.integers(0, 3, 4).tolist()
        return Window(
            stride=(int(rng.integers(1, 5)), int(rng.integers(1, 4))),
            padding=(top, left, bottom, right),
            dilation=(int(rng.integers(1, 3)), int(rng.integers(1, 3))),
        )

    def _kernel(self, outs: int, density: float, window: Window | None) -> tuple[NDArray[np.int64], Window]:
        """Codes for `outs` local channels, 0: local with one or two copies; window None: the same size comes out."""
        rng, pes = self.rng, self.config.pes
        taps = (1, 1) if window == Window() else tuple(int(size) for size in rng.integers(1, 5, 2))
        if window is None:
            taps = (3, 3)
            window = Window(padding=(1, 1, 1, 1))
        sizes = (self.now.height, self.now.width)
        if any(not 1 <= window.output(axis, sizes[axis], taps[axis]) <= 9 for axis in (0, 1)):
            window, taps = Window(stride=window.stride), (1, 1)
        ins = self.now.channels * pes
        if outs:
            codes = rng.integers(1, self.config.code_symbols, (outs * pes, ins, *taps))
        else:
            copies = int(rng.integers(1, 3)) if density <= 1 else 1
            codes = np.zeros((copies * ins, ins, *taps), dtype=np.int64)
            for channel in range(ins):
                for copy in range(copies):
                    out = (channel // pes * copies + copy) * pes + channel % pes
                    codes[out, channel] = 1 if density > 1 else rng.integers(1, self.config.code_symbols, taps)
        return codes * (rng.random(codes.shape) < density), window

    def _identity(self) -> NDArray[np.int64]:
        size = self.now.channels * self.config.pes
        codes = np.zeros((size, size, 1, 1), dtype=np.int64)
        codes[range(size), range(size)] = self.rng.integers(1, self.config.code_symbols)
        return codes

    def _layer(self, kernel: tuple[NDArray[np.int64], Window], flags: dict[str, Any], **values: Any) -> None:
        codes, window = kernel
        codebook = self.rng.integers(-self.magnitude, self.magnitude + 1, self.config.code_symbols).astype(np.int16)
        biases = self.rng.integers(-self.magnitude, self.magnitude + 1, len(codes)).astype(np.int16)
        if flags.get("maximum"):
            codebook[1], biases[:] = 1, -(1 << 15)
        codebook[0] = 0
        layer, self.now = map_layer(
            self.config, self.now, codes, codebook, window, biases=biases, flags=flags, **values
        )
        self.layers.append(layer)


def random_map_network(
    rng: np.random.Generator,
    config: ArrayConfig,
    kinds: list[str],
    density: float,
    magnitude: int = 200,
    largest: tuple[int, int, int] = (5, 5, 2),
) -> NetworkImage:
    """A network of these kinds of layers on a random map of at most this height, width and local channels."""
    height, width, channels = (int(size) for size in rng.integers(1, largest, endpoint=True))
    source = Shape(height=height, width=width, channels=channels)
    program = Program(rng, config, source, magnitude)
    for kind in kinds:
        program.add(kind, density)
    return map_network(config, program.layers, source)
