"""Plain training: the dense network that the compression starts from, or a teacher."""

from typing import Unpack

from torch import nn

from sw.training.evaluate import Batches
from sw.training.forms import Form
from sw.training.loop import Epoch, Settings, optimise
from sw.training.optimiser import Training


def train(module: nn.Module, data: Batches, training: Training, **settings: Unpack[Settings]) -> list[Epoch]:
    """Train all weights of `module` in place; returns every epoch's figures. Keywords: `sw.training.loop.Settings`."""
    return optimise(module, Form(module), data, training, settings)
