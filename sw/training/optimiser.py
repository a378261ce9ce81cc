"""How weights are changed: the optimiser, its learning rate over time, its penalties."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sw.training.forms import Form
from sw.training.options import Options, choice, flag, real, whole


@dataclass(frozen=True, kw_only=True)
class Training(Options):
    """How weights are trained.

    Parameters
    ----------
    epochs : passes over the data.
    optimizer : "sgd" (with momentum) or "adam" (weight decay decoupled).
    learning_rate : at its highest.
    schedule : of the learning rate: "constant", "cosine" or "linear" down to `final` times its highest.
    final : see `schedule`.
    warmup : epochs over which the learning rate rises from 0.
    momentum : of SGD, and Adam's first moment.
    nesterov : Nesterov's form of SGD's momentum.
    weight_decay : L2, of weights and not of biases.
    l1 : weight of the sum of the weights' magnitudes in the loss.
    average : decay per step of the moving average of the weights that is validated and kept; 0 keeps the weights.
    clip : largest norm of the gradient; 0 for any.
    bfloat16 : multiply in bfloat16 where torch deems that safe; weights and validation stay float32.
    select : keep the "last" epoch, or the "best" by validation error (the later of equal ones).
    """

    epochs: int = whole(10, 0, 100_000)
    optimizer: str = choice("sgd", "sgd", "adam")
    learning_rate: float = real(0.01, 0, 100)
    schedule: str = choice("cosine", "constant", "cosine", "linear")
    final: float = real(0.0, 0, 1)
    warmup: float = real(0.0, 0, 100_000)
    momentum: float = real(0.9, 0, 0.9999)
    nesterov: bool = flag(False)
    weight_decay: float = real(0.0, 0, 10)
    l1: float = real(0.0, 0, 10)
    average: float = real(0.0, 0, 0.99999)
    clip: float = real(0.0, 0, 1e9)
    bfloat16: bool = flag(False)
    select: str = choice("last", "last", "best")

    def rate(self, epoch: float) -> float:
        """The learning rate after so many epochs."""
        if epoch < self.warmup:
            return self.learning_rate * epoch / self.warmup
        done = (epoch - self.warmup) / max(self.epochs - self.warmup, 1e-9)
        falls = {"constant": 1.0, "cosine": 0.5 + 0.5 * math.cos(math.pi * done), "linear": 1 - done}
        return self.learning_rate * (self.final + (1 - self.final) * falls[self.schedule])


def optimizer(form: Form, free: list[nn.Parameter], training: Training) -> torch.optim.Optimizer:
    """One group of tensors for every weight decay and learning rate, in the order of their first tensor."""
    groups: dict[tuple[bool, float], list[Tensor]] = {}
    for name, tensor in form.trained.items():
        groups.setdefault((form.decays(name), form.rate(name)), []).append(tensor)
    groups.setdefault((False, 1.0), []).extend(free)
    tables: list[dict[str, Any]] = [
        {"params": tensors, "weight_decay": training.weight_decay * decays, "relative_rate": rate}
        for (decays, rate), tensors in groups.items()
        if tensors
    ]
    if training.optimizer == "adam":
        return torch.optim.AdamW(tables, lr=training.learning_rate, betas=(training.momentum, 0.999), fused=True)
    return torch.optim.SGD(tables, lr=training.learning_rate, momentum=training.momentum, nesterov=training.nesterov)
