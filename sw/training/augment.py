"""Distorted copies of images: small affine changes and a smooth elastic field (Simard et al., ICDAR 2003)."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from sw.training.options import Options, real

AT_ONCE = 1000  # images, which bounds the memory


@dataclass(frozen=True, kw_only=True)
class Augmentation(Options):
    """How far an image is distorted; every number is drawn uniformly from minus to plus the bound.

    Parameters
    ----------
    rotation : degrees.
    scale : relative change of the size, for rows and columns on their own.
    shear : shift of a row relative to its distance from the middle, and of a column.
    shift : pixels, for rows and columns on their own.
    elastic : standard deviation of each pixel's own displacement, in pixels.
    smoothness : standard deviation of the Gaussian that smooths these displacements, in pixels.
    """

    rotation: float = real(0.0, 0, 180)
    scale: float = real(0.0, 0, 0.9)
    shear: float = real(0.0, 0, 1)
    shift: float = real(0.0, 0, 1000)
    elastic: float = real(0.0, 0, 1000)
    smoothness: float = real(4.0, 0.1, 100)


def distort(images: Tensor, augmentation: Augmentation) -> Tensor:
    """(n, channels, rows, columns) float32 or uint8 images, each distorted in its own way; zeros come in from outside.

    Random numbers are torch's own.
    """
    count, _, rows, columns = images.shape
    size = torch.tensor([columns, rows])  # grids are (x, y) from -1 to 1
    grid = functional.affine_grid(_affine(count, size, augmentation), [count, 1, rows, columns], align_corners=False)
    if augmentation.elastic:
        grid = grid + _field(count, rows, columns, augmentation) * 2 / size
    moved = functional.grid_sample(images.float(), grid, align_corners=False)
    return moved if images.is_floating_point() else moved.round().clamp(0, 255).to(images.dtype)


def augmented(images: Tensor, copies: int, augmentation: Augmentation, advance: Callable[[int], None]) -> Tensor:
    """(copies + 1, n, channels, rows, columns): the images, then distorted ones; `advance` is told how many."""
    result = torch.empty((copies + 1, *images.shape), dtype=images.dtype)
    result[0] = images
    for copy in result[1:]:
        for start in range(0, len(images), AT_ONCE):
            part = distort(images[start : start + AT_ONCE], augmentation)
            copy[start : start + AT_ONCE] = part
            advance(len(part))
    return result


def _affine(count: int, size: Tensor, augmentation: Augmentation) -> Tensor:
    """(n, 2, 3) maps from a place in the result to one in the image."""
    angle = _uniform(count, 1)[:, 0] * augmentation.rotation * math.pi / 180
    shear = _uniform(count, 1)[:, 0] * augmentation.shear
    scale = 1 + _uniform(count, 2) * augmentation.scale
    shift = _uniform(count, 2) * augmentation.shift * 2 / size
    cosine, sine = angle.cos(), angle.sin()
    first = torch.stack([scale[:, 0] * cosine, shear - sine, shift[:, 0]], dim=1)
    second = torch.stack([shear + sine, scale[:, 1] * cosine, shift[:, 1]], dim=1)
    return torch.stack([first, second], dim=1)


def _field(count: int, rows: int, columns: int, augmentation: Augmentation) -> Tensor:
    """(n, rows, columns, 2) displacements in pixels, as (x, y)."""
    field = torch.randn(2 * count, rows, columns)
    field = _smoothing(rows, augmentation) @ field @ _smoothing(columns, augmentation)
    return field.view(count, 2, rows, columns).permute(0, 2, 3, 1) * augmentation.elastic


def _smoothing(size: int, augmentation: Augmentation) -> Tensor:
    """(size, size) convolution with a Gaussian after which white noise, away from the edges, has its variance again."""
    places = torch.arange(size)
    gaussian = torch.exp(-0.5 * ((places[:, None] - places) / augmentation.smoothness) ** 2)
    reach = torch.arange(-math.ceil(4 * augmentation.smoothness), math.ceil(4 * augmentation.smoothness) + 1)
    return gaussian / torch.exp(-((reach / augmentation.smoothness) ** 2)).sum().sqrt()


def _uniform(count: int, numbers: int) -> Tensor:
    return torch.rand(count, numbers) * 2 - 1
