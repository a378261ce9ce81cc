"""Images in memory as shuffled batches, some of them augmented copies made beforehand."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from model.errors import EieError

PIXEL_SCALE = 256  # inputs are pixel / 256


class ImageBatches:
    """Batches of (inputs, labels), or of (inputs, (labels, logits)), from uint8 images.

    Each pass takes every image once, in a random order, in a random one of its copies. Random numbers are torch's own.

    Parameters
    ----------
    copies : (copies, n, channels, rows, columns) uint8, the originals first.
    labels : (n,) int64.
    size : images of a batch; a last, smaller batch is left out of a shuffled pass.
    shuffle : else all originals in their order.
    originals : share of the images taken as they are; the others are any copy, the original among them.
    logits : (copies, n, classes) float32, a teacher's outputs.
    change : applied to the inputs of every batch, as float32.
    """

    def __init__(
        self,
        copies: Tensor,
        labels: Tensor,
        size: int,
        *,
        shuffle: bool,
        originals: float = 0.0,
        logits: Tensor | None = None,
        change: Callable[[Tensor], Tensor] | None = None,
    ):
        if copies.ndim != 5 or copies.shape[1] != len(labels) or copies.dtype != torch.uint8:
            raise EieError(
                f"images must be uint8 (copies, {len(labels)}, channels, rows, columns), "
                f"got {copies.dtype} {tuple(copies.shape)}"
            )
        if not 1 <= size <= len(labels):
            raise EieError(f"a batch must have 1 to {len(labels)} images, got {size}")
        self.copies, self.labels, self.size = copies, labels, size
        self.shuffle, self.originals, self.logits, self.change = shuffle, originals, logits, change

    def __len__(self) -> int:
        return len(self.labels) // self.size if self.shuffle else -(-len(self.labels) // self.size)

    def __iter__(self) -> Iterator[tuple[Tensor, Any]]:
        count = len(self.labels)
        order, copy = torch.arange(count), torch.zeros(count, dtype=torch.int64)
        if self.shuffle:
            order = torch.randperm(count)
            copy = torch.randint(len(self.copies), (count,))
            copy[torch.rand(count) < self.originals] = 0
        for batch in range(len(self)):
            chosen = slice(batch * self.size, (batch + 1) * self.size)
            images, which = order[chosen], copy[chosen]
            inputs = self.copies[which, images].float() / PIXEL_SCALE
            if self.change is not None:
                inputs = self.change(inputs)
            labels = self.labels[images]
            yield inputs, labels if self.logits is None else (labels, self.logits[which, images])
