"""The loop that every stage shares: epochs of gradient descent on what stands behind the weights."""

import math
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Protocol, TypedDict

import torch
from torch import Tensor, nn

from model.errors import EieError
from sw.training.evaluate import Batches, Loss, evaluate, to_device, wrong
from sw.training.forms import Form
from sw.training.optimiser import Training, optimizer
from sw.training.parameters import density
from sw.training.reproducible import epoch_seed, reproducible


class Store(Protocol):
    """Where a stage keeps its state between epochs."""

    def load(self) -> dict[str, Any] | None: ...
    def save(self, state: dict[str, Any]) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One finished epoch, for progress and history.

    epoch : 1 for the first.
    loss : mean over the batches, penalties not included.
    error : on the validation data; None without any.
    density : share of the weights that are not zero.
    """

    epoch: int
    epochs: int
    loss: float
    error: float | None
    density: float


class Settings(TypedDict, total=False):
    """Keywords that `train`, `prune` and `fine_tune` share, all optional.

    validation : batches on which the error is measured after each epoch.
    loss : (outputs, labels) to a scalar; cross entropy by default.
    metric : (outputs, labels) to the mean error of a batch; by default the share of wrong largest outputs.
    seed : of the order of the batches, augmentation and dropout; 0 by default.
    progress : called after each epoch.
    step : called after each optimiser step.
    store : keeps the state after each epoch; a stage that finds one continues from it, given the same arguments and the
        module as it was at the stage's start.
    """

    validation: Batches | None
    loss: Loss
    metric: Loss
    seed: int
    progress: Callable[[Epoch], None]
    step: Callable[[], None]
    store: Store | None


def optimise(module: nn.Module, form: Form, data: Batches, training: Training, settings: Settings) -> list[Epoch]:
    """Train `module` through `form`; it ends with the selected epoch's weights. Returns every epoch's figures.

    The same seed gives the same weights on the same machine and number of threads, whether or not the run was
    interrupted and continued from its store.
    """
    if training.epochs and len(data) == 0:
        raise EieError("training data must have at least one batch, got none")
    with reproducible():
        run = _Run(module, form, data, training, settings)
        run.finish()
        return run.history


class _Run:
    def __init__(self, module: nn.Module, form: Form, data: Batches, training: Training, settings: Settings):
        self.module, self.form, self.data = module, form, data
        self.training, self.settings = training, settings
        self.device = next(module.parameters()).device
        held = {id(parameter) for parameter in form.held.values()}
        free = [p for p in module.parameters() if p.requires_grad and id(p) not in held]
        self.tensors: list[Tensor] = [*form.trained.values(), *free]
        self.penalised = [tensor for name, tensor in form.trained.items() if form.decays(name)]
        self.optimizer = optimizer(form, free, training)
        self.averages = [tensor.detach().clone() for tensor in self.tensors] if training.average else []
        self.steps = 0
        self.history: list[Epoch] = []
        self.best: dict[str, Any] | None = None
        self.store = settings.get("store")
        saved = self.store.load() if self.store is not None else None
        if saved is not None:
            self._restore(saved)

    def finish(self) -> None:
        for epoch in range(len(self.history), self.training.epochs):
            loss = self._epoch(epoch)
            current = self._use_averages()
            self.form.present()
            figures = self._measure(epoch, loss)
            self._keep_best(figures)
            self._use(current)
            self.form.scatter()
            self.history.append(figures)
            if self.store is not None:
                self.store.save(self._state())
            self.settings.get("progress", lambda _: None)(figures)
        if self.best is not None:
            self.form.restore(self.best["form"])
            self.module.load_state_dict(self.best["module"])
        else:
            self._use_averages()
            self.form.present()

    def _epoch(self, epoch: int) -> float:
        epoch_seed(self.data, self.settings.get("seed", 0), epoch)
        self.module.train()
        count, total = len(self.data), torch.zeros((), device=self.device)
        step_done = self.settings.get("step", lambda: None)
        for number, (inputs, labels) in enumerate(self.data):
            done = epoch + number / count
            rate = self.training.rate(done)
            if self.form.advance(done, rate):
                self.optimizer.state.clear()
            for group in self.optimizer.param_groups:
                group["lr"] = rate * group["relative_rate"]
            total += self._step(to_device(inputs, self.device), to_device(labels, self.device))
            step_done()
        loss = float(total) / count
        if not math.isfinite(loss):
            raise EieError(f"the loss must stay finite, got {loss} in epoch {epoch + 1}; lower the learning rate")
        return loss

    def _step(self, inputs: Tensor, labels: Tensor) -> Tensor:
        self.module.zero_grad(set_to_none=True)
        criterion = self.settings.get("loss", nn.functional.cross_entropy)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.training.bfloat16):
            loss: Any = criterion(self.module(inputs), labels)
        loss.backward()
        self.form.gather()
        with torch.no_grad():
            if self.training.l1:
                for tensor in self.penalised:
                    if tensor.grad is not None:
                        tensor.grad.add_(tensor.sign(), alpha=self.training.l1)
        if self.training.clip:
            nn.utils.clip_grad_norm_(self.tensors, self.training.clip)
        self.optimizer.step()
        self.form.scatter()
        self.steps += 1
        if self.averages:
            decay = min(self.training.average, (1 + self.steps) / (10 + self.steps))
            with torch.no_grad():
                for average, tensor in zip(self.averages, self.tensors, strict=True):
                    average.lerp_(tensor, 1 - decay)
        return loss.detach()

    def _measure(self, epoch: int, loss: float) -> Epoch:
        validation = self.settings.get("validation")
        error = None
        if validation is not None:
            error = evaluate(self.module, validation, self.settings.get("metric", wrong))
        return Epoch(epoch=epoch + 1, epochs=self.training.epochs, loss=loss, error=error, density=density(self.module))

    def _keep_best(self, figures: Epoch) -> None:
        if self.training.select == "last" or not self.form.settled or figures.error is None:
            return
        if self.best is None or figures.error <= self.best["error"]:
            state = {"error": figures.error, "module": self.module.state_dict(), "form": self.form.state()}
            self.best = deepcopy(state)

    def _use_averages(self) -> list[Tensor]:
        """Put the averages in the place of the weights, which are returned; nothing without averages."""
        if not self.averages:
            return []
        current = [tensor.detach().clone() for tensor in self.tensors]
        self._use(self.averages)
        return current

    def _use(self, values: list[Tensor]) -> None:
        if values:
            with torch.no_grad():
                for tensor, value in zip(self.tensors, values, strict=True):
                    tensor.copy_(value)
            self.form.scatter()

    def _state(self) -> dict[str, Any]:
        return {
            "module": self.module.state_dict(),
            "form": self.form.state(),
            "optimizer": self.optimizer.state_dict(),
            "averages": self.averages,
            "steps": self.steps,
            "history": [vars(figures) for figures in self.history],
            "best": self.best,
        }

    def _restore(self, saved: dict[str, Any]) -> None:
        self.module.load_state_dict(saved["module"])
        self.form.restore(saved["form"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.averages = [tensor.to(self.device) for tensor in saved["averages"]]
        self.steps = saved["steps"]
        self.history = [Epoch(**figures) for figures in saved["history"]]
        self.best = saved["best"]
