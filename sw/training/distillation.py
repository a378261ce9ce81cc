"""A student learns a teacher's outputs as well as the labels.

Three ways: distributions at a temperature (Hinton et al., 2015, arXiv 1503.02531); the logits themselves (Ba and
Caruana, NIPS 2014, arXiv 1312.6184); and either from a teacher that is noisy (Sau and Balasubramanian, 2016, arXiv
1610.09650).
"""

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


def mimicking(share: float, mean: Tensor, deviation: Tensor) -> Loss:
    """The loss on (labels, teacher's logits) of Ba and Caruana.

    `share` of it is half the squared difference of student and teacher, summed over logits, each in units of its
    deviation, averaged over inputs (equation 1); the rest is the cross entropy with the labels. The student gives
    logits in the teacher's own units: only the loss is normalised.

    Parameters
    ----------
    mean, deviation : (classes,) of the teacher's logits over the training data.
    """

    def loss(outputs: Tensor, target: tuple[Tensor, Tensor]) -> Tensor:
        labels, logits = target
        wanted, given = ((values - mean.to(values)) / deviation.to(values) for values in (logits, outputs))
        squares = (given - wanted).square().sum(dim=1).mean() / 2
        return share * squares + (1 - share) * nn.functional.cross_entropy(outputs, labels)

    return loss


def noisy(loss: Loss, chosen: float, sigma: float) -> Loss:
    """A loss on (labels, teacher's logits z) where, anew at each step, `chosen` of the inputs have z * (1 + xi).

    xi is normal, of standard deviation `sigma` (equation 3), one for each logit. Random numbers are torch's own.
    """

    def noised(outputs: Tensor, target: tuple[Tensor, Tensor]) -> Tensor:
        labels, logits = target
        hit = torch.rand(len(logits), 1, device=logits.device) < chosen
        factors = torch.where(hit, 1 + sigma * torch.randn_like(logits), torch.ones_like(logits))
        return loss(outputs, (labels, logits * factors))

    return noised
