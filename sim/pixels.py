"""What a network takes for pixels: told by the user, or guessed from the range that its file was calibrated on."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError

WHITE = 255  # the largest pixel
CLOSE = 1e-3  # of two ranges that are one: files keep float32
CUSTOM = 255.0  # what pixels are divided by before a mean and a deviation, as torchvision's ToTensor does


@dataclass(frozen=True)
class PixelScale:
    """(pixels / divisor - mean) / std, of pixels 0 to 255."""

    divisor: float
    mean: float = 0.0
    std: float = 1.0

    @property
    def text(self) -> str:
        """The formula."""
        pixels = "pixels" if self.divisor == 1 else f"pixels / {self.divisor:g}"
        return pixels if (self.mean, self.std) == (0, 1) else f"({pixels} - {self.mean:g}) / {self.std:g}"

    @property
    def largest(self) -> float:
        """Magnitude that an input may have."""
        return max(abs(0 - self.mean), abs(WHITE / self.divisor - self.mean)) / self.std

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The inputs, float32 of the same shape."""
        return ((pixels / self.divisor - self.mean) / self.std).astype(np.float32)


USUAL = PixelScale(256.0)
# In the order in which a range that fits several is taken for one: torchvision's examples normalise MNIST by its mean
# and deviation, or to -1..1.
KNOWN = (USUAL, PixelScale(255.0), PixelScale(255.0, 0.1307, 0.3081), PixelScale(255.0, 0.5, 0.5), PixelScale(1.0))


def told_scale(mean: float | None, std: float | None) -> PixelScale | None:
    """What --mean and --std say, None for neither; EieError for what is no mean and no deviation."""
    if mean is None and std is None:
        return None
    if mean is not None and not math.isfinite(mean):
        raise EieError(f"--mean must be a finite number, got {mean:g}")
    if std is not None and not 0 < std < math.inf:
        raise EieError(f"--std must be a number above 0, got {std:g}")
    return PixelScale(CUSTOM, 0.0 if mean is None else mean, 1.0 if std is None else std)


def guessed_scale(largest: float | None) -> tuple[PixelScale, str]:
    """What inputs of at most this magnitude are made by, None if the file does not say; and why, as a sentence.

    Those of the known ways fit whose largest input it is; where none does, or it is not known, the usual is assumed.
    """
    told = "; --mean and --std say otherwise"
    if largest is None:
        return USUAL, f"assumed, since the file has no calibration: inputs are {USUAL.text}{told}"
    fitting = [scale for scale in KNOWN if math.isclose(scale.largest, largest, rel_tol=CLOSE)]
    if not fitting:
        ranges = ", ".join(f"{scale.largest:.4g} ({scale.text})" for scale in KNOWN)
        return USUAL, (
            f"assumed: inputs are {USUAL.text}, though the file was calibrated on inputs up to {largest:.4g}, which no "
            f"known scale of pixels makes: {ranges}{told}"
        )
    first, *others = fitting
    also = f", which {' and '.join(scale.text for scale in others)} makes too" if others else ""
    return (
        first,
        f"assumed: inputs are {first.text}, as the file was calibrated on inputs up to {largest:.4g}{also}{told}",
    )
