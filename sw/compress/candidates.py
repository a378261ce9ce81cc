"""Ways to store one layer: what each of them costs in bytes and in the error of its weights."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.compress.kmeans import Init, few_values
from sw.compress.pipeline import MOST_BITS, lay_out, share_weights
from sw.compress.prune import kept_positions
from sw.file.header import CRC
from sw.file.layer import encode_layer
from sw.file.layout import Layout, choose_layout
from sw.file.values import write_values
from sw.network.compressed import CompressedLayer
from sw.network.layer import Layer

STEP_RATIO = 2**0.25
STEPS = tuple(STEP_RATIO**exponent for exponent in range(-20, 5))  # 0.03 to 2
SHARES = tuple(2.0 ** (-exponent / 3) for exponent in range(1, 16))  # 0.79 to 0.03 of the weights
# Of the error of the steps to that of pruning: a file in which one of them is much smaller wastes bytes on it.
BALANCED = (0.3, 1.5)


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidate:
    """A layer as it could be stored.

    Parameters
    ----------
    layer : with shared weights.
    share : of its weights that were kept to make it; None: all.
    step : of sharing by entropy; None: by k-means.
    bytes : of its record and section in a file, but for a few, since its layout is not chosen for it alone.
    error : root of the summed squared error of its weights over that of the sum of their squares, what was pruned
        to make the candidate included.
    """

    layer: CompressedLayer
    share: float | None
    step: float | None
    bytes: int
    error: float

    @property
    def sharing(self) -> str:
        """How it was made, in words."""
        how = f"{self.layer.code_bits} bits" if self.step is None else f"step {self.step:.3f}"
        return how if self.share is None else f"{how}, {100 * self.share:.0f} % kept"


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What may be tried.

    Parameters
    ----------
    most_code_bits : 1 to 8.
    pruning : whether weights may be pruned beyond those that are zero already.
    init, seed : of k-means.
    """

    most_code_bits: int = MOST_BITS
    pruning: bool = False
    init: Init = "linear"
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.most_code_bits <= MOST_BITS:
            raise EieError(f"code_bits must be between 1 and {MOST_BITS}, got {self.most_code_bits}")


class LayerCandidates:
    """Makes the candidates of one layer.

    Parameters
    ----------
    positions : (kept,) int64 row-major positions of the weights to be stored; errors are relative to these.
    """

    def __init__(self, layer: Layer, positions: NDArray[np.int64], choices: Choices):
        self._layer = layer
        self._positions = positions
        self._values = layer.weight.reshape(-1)[positions]
        self._squares = _squares(self._values)
        self._choices = choices
        # The best one hardly depends on the codes, and finding it takes longer than all the rest.
        self._layouts: dict[float | None, Layout] = {}
        self._bias_bytes = len(write_values(layer.bias)) if layer.bias.any() else 0

    def all(self) -> tuple[int, Iterator[Candidate]]:
        """How many candidates are worth trying, and these."""
        most = self._choices.most_code_bits
        few = few_values(self._values, (1 << most) - 1)
        widest = most if few is None else max(int(few.size).bit_length(), 1)
        shares = [None, *SHARES] if self._choices.pruning else [None]
        ways: list[tuple[float | None, float | None, int | None]] = [
            *((None, None, code_bits) for code_bits in range(widest, 0, -1)),
            *((share, step, None) for share in shares for step in self._steps(share)),
        ]
        return len(ways), (self.make(*way) for way in ways)

    def make(self, share: float | None, step: float | None, code_bits: int | None = None) -> Candidate:
        """The layer with this share of its weights, shared by entropy with this step or by k-means with these bits."""
        positions, values = self._positions, self._values
        if share is not None:
            largest = kept_positions(values, density=share)
            positions, values = positions[largest], values[largest]
        bits = self._choices.most_code_bits if code_bits is None else code_bits
        codebook, codes = share_weights(values, bits, step, self._choices.init, self._choices.seed)
        if share not in self._layouts:
            self._layouts[share] = choose_layout(positions, codes, self._layer.weight.shape)
        stored = lay_out(self._layer, positions, codebook, codes)
        header, section, _ = encode_layer(replace(stored, bias=np.zeros_like(stored.bias)), self._layouts[share])
        pruned = 0.0 if share is None else max(self._squares - _squares(values), 0.0)
        squares = pruned + _squares(values, codebook[codes])
        return Candidate(
            layer=stored,
            share=share,
            step=step,
            bytes=len(header.pack()) + len(section) + self._bias_bytes + CRC.size,
            error=math.sqrt(squares / self._squares) if self._squares else 0.0,
        )

    def _steps(self, share: float | None) -> list[float]:
        if share is None:
            return list(STEPS)
        kept = self._values[kept_positions(self._values, density=share)]
        pruned = math.sqrt(max(self._squares - _squares(kept), 0) / self._squares) if self._squares else 0.0
        low, high = (math.sqrt(12) * pruned * bound for bound in BALANCED)
        return [step for step in STEPS[::2] if low <= step <= high]


def _squares(values: NDArray[np.float32], centres: NDArray[np.float32] | None = None) -> float:
    """Summed squares of the values, or of their distances to these, without a long array of float64."""
    total = 0.0
    for start in range(0, values.size, 1 << 16):
        part = values[start : start + (1 << 16)].astype(np.float64)
        if centres is not None:
            part -= centres[start : start + (1 << 16)]
        total += float(part @ part)
    return total
