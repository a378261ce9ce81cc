"""Distillation: a student learns a teacher's outputs as well as the labels (Hinton et al., 2015)."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from sw.training.evaluate import Batches, Loss, to_device


class Taught:
    """Batches of (inputs, (labels, teacher's logits)) from batches of (inputs, labels)."""

    def __init__(self, data: Batches, teacher: nn.Module):
        self.data, self.teacher = data, teacher

    @property
    def generator(self) -> Any:
        """The random numbers of the data's own order, if it has any."""
        return getattr(self.data, "generator", None)

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[tuple[Any, tuple[Any, Tensor]]]:
        self.teacher.eval()
        device = next(self.teacher.parameters()).device
        for inputs, labels in self.data:
            with torch.no_grad():
                logits = self.teacher(to_device(inputs, device))
            yield inputs, (labels, logits)


def distillation(share: float, temperature: float) -> Loss:
    """The loss on (labels, teacher's logits).

    `share` of it is the divergence of the student's distribution from the teacher's at `temperature`, times the square
    of the temperature so that gradients keep their size; the rest is the cross entropy with the labels.
    """

    def loss(outputs: Tensor, target: tuple[Tensor, Tensor]) -> Tensor:
        labels, logits = target
        student = nn.functional.log_softmax(outputs / temperature, dim=1)
        teacher = nn.functional.log_softmax(logits / temperature, dim=1)
        divergence = nn.functional.kl_div(student, teacher, reduction="batchmean", log_target=True)
        return share * temperature**2 * divergence + (1 - share) * nn.functional.cross_entropy(outputs, labels)

    return loss
