"""sim/pixels.py: what pixels become, and what a calibrated range says of it."""

import numpy as np
import pytest

from model.errors import EieError
from sim.pixels import KNOWN, USUAL, PixelScale, guessed_scale, told_scale

PIXELS = np.arange(256, dtype=np.uint8)


@pytest.mark.parametrize("scale", KNOWN)
def test_the_largest_input_is_that_of_the_pixels(scale: PixelScale) -> None:
    assert np.abs(scale.apply(PIXELS)).max() == pytest.approx(scale.largest)


def test_told_scales_are_those_of_torchvision() -> None:
    scale = told_scale(0.1307, 0.3081)
    assert scale is not None
    assert scale.text == "(pixels / 255 - 0.1307) / 0.3081"
    np.testing.assert_allclose(scale.apply(PIXELS), (PIXELS / 255 - 0.1307) / 0.3081, rtol=1e-6)
    assert told_scale(None, None) is None
    for mean, std in ((float("nan"), 1.0), (0.0, 0.0), (0.0, float("inf"))):
        with pytest.raises(EieError, match=r"--(mean|std) must be"):
            told_scale(mean, std)


@pytest.mark.parametrize(
    ("largest", "scale", "words"),
    [
        (255 / 256, USUAL, "inputs are pixels / 256, as the file was calibrated on inputs up to 0.9961;"),
        (2.8215, KNOWN[2], "inputs are (pixels / 255 - 0.1307) / 0.3081, as"),
        (
            1.0,
            KNOWN[1],
            "inputs are pixels / 255, as the file was calibrated on inputs up to 1, which (pixels /",
        ),
        (255.0, KNOWN[4], "inputs are pixels, as"),
        (3.7, USUAL, "inputs are pixels / 256, though the file was calibrated on inputs up to 3.7, which no known"),
        (None, USUAL, "since the file has no calibration: inputs are pixels / 256"),
    ],
)
def test_a_range_is_made_by_a_scale(largest: float | None, scale: PixelScale, words: str) -> None:
    found, why = guessed_scale(largest)
    assert found == scale
    assert words in why
    assert why.endswith("; --mean and --std say otherwise")
