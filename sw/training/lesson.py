"""Batches for distillation without labels: typical inputs, changed copies of them, what a teacher says of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sw.training.options import Options, real, whole

LONG = 16  # elements of an axis along which inputs are shifted; shorter ones count things that are not alike


@dataclass(frozen=True, kw_only=True)
class Changes(Options):
    """How inputs are changed.

    Parameters
    ----------
    shift : most, as a share of the axis, along each axis but the only one with `LONG` elements or more.
    noise : most, in standard deviations of each element; every input has an amount of its own.
    mixed : share of the inputs that are the mean, with any weights, of two.
    plain : share of the inputs that are left as they are.
    batch : inputs of a batch.
    """

    shift: float = real(0.1, 0, 1)
    noise: float = real(0.3, 0, 100)
    mixed: float = real(0.3, 0, 1)
    plain: float = real(0.2, 0, 1)
    batch: int = whole(32, 1, 1 << 20)


class Lesson:
    """Batches of (inputs, teacher's outputs), others in every pass; random numbers are torch's own.

    Parameters
    ----------
    inputs : (n, ...) float32.
    steps : batches of a pass.
    """

    def __init__(self, teacher: nn.Module, inputs: Tensor, steps: int, changes: Changes):
        self.teacher, self.inputs, self.steps, self.changes = teacher, inputs, steps, changes
        self.deviations = inputs.std(0, correction=0)

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        self.teacher.eval()
        order = torch.zeros(0, dtype=torch.int64)
        for _ in range(self.steps):
            while len(order) < self.changes.batch:
                order = torch.cat([order, torch.randperm(len(self.inputs))])
            chosen, order = order[: self.changes.batch], order[self.changes.batch :]
            inputs = self.changed(self.inputs[chosen])
            with torch.no_grad():
                outputs = self.teacher(inputs)
            yield inputs, outputs

    def changed(self, inputs: Tensor) -> Tensor:
        """(n, ...) inputs, each changed in its own way."""
        count, changes = len(inputs), self.changes
        made = inputs
        if changes.shift and inputs.ndim > 2:
            for axis in range(1, inputs.ndim):
                if inputs.shape[axis] >= LONG:
                    made = shifted(made, axis, round(changes.shift * inputs.shape[axis]))
        shape = (count, *(1,) * (inputs.ndim - 1))
        if changes.mixed:
            others = self.inputs[torch.randint(len(self.inputs), (count,))]
            share = torch.rand(shape) * (torch.rand(shape) < changes.mixed)
            made = torch.lerp(made, others, share)
        if changes.noise:
            made = made + torch.randn_like(made) * self.deviations * (torch.rand(shape) * changes.noise)
        return torch.where(torch.rand(shape) < changes.plain, inputs, made)


def shifted(inputs: Tensor, axis: int, most: int) -> Tensor:
    """Each of the (n, ...) inputs moved by up to `most` elements along an axis; what comes in repeats the edge."""
    size = inputs.shape[axis]
    moves = torch.randint(-most, most + 1, (len(inputs), 1))
    places = (torch.arange(size) + moves).clamp(0, size - 1)
    shape = [len(inputs)] + [size if each == axis else 1 for each in range(1, inputs.ndim)]
    return inputs.gather(axis, places.view(shape).expand_as(inputs))
