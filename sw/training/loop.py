"""The loop that every stage shares: epochs of gradient descent on what stands behind the weights."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypedDict

import torch
from torch import Tensor, nn

from sw.errors import EieError
from sw.training.forms import Form
from sw.training.options import Options, choice, flag, real, whole
from sw.training.parameters import density
from sw.training.reproducible import epoch_seed, reproducible

Loss = Callable[[Any, Any], Tensor]


class Batches(Protocol):
    """A DataLoader, a list, anything that gives (inputs, labels) anew on each iteration and knows how many."""

    def __iter__(self) -> Iterator[Any]: ...
    def __len__(self) -> int: ...


class Store(Protocol):
    """Where a stage keeps its state between epochs."""

    def load(self) -> dict[str, Any] | None: ...
    def save(self, state: dict[str, Any]) -> None: ...


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
    select: str = choice("last", "last", "best")

    def rate(self, epoch: float) -> float:
        """The learning rate after so many epochs."""
        if epoch < self.warmup:
            return self.learning_rate * epoch / self.warmup
        done = (epoch - self.warmup) / max(self.epochs - self.warmup, 1e-9)
        falls = {"constant": 1.0, "cosine": 0.5 + 0.5 * math.cos(math.pi * done), "linear": 1 - done}
        return self.learning_rate * (self.final + (1 - self.final) * falls[self.schedule])


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
    store : keeps the state after each epoch; a stage that finds one continues from it.
    """

    validation: Batches | None
    loss: Loss
    metric: Loss
    seed: int
    progress: Callable[[Epoch], None]
    step: Callable[[], None]
    store: Store | None


def wrong(outputs: Tensor, labels: Tensor) -> Tensor:
    """The share of inputs whose largest output is not their label."""
    return (outputs.argmax(dim=1) != labels).double().mean()


def evaluate(module: nn.Module, batches: Batches, metric: Loss = wrong) -> float:
    """The mean of `metric` over all inputs, the module in evaluation mode."""
    device = next(module.parameters()).device
    was_training = module.training
    module.eval()
    total, inputs_seen = 0.0, 0
    with torch.no_grad():
        for inputs, labels in batches:
            size = len(labels)
            total += float(metric(module(to_device(inputs, device)), to_device(labels, device))) * size
            inputs_seen += size
    module.train(was_training)
    if inputs_seen == 0:
        raise EieError("validation must have at least one input, got none")
    return total / inputs_seen


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
        self.optimizer = _optimizer(form, free, training)
        self.averages = [tensor.detach().clone() for tensor in self.tensors] if training.average else []
        self.steps = 0
        self.history: list[Epoch] = []
        self.best: tuple[float, dict[str, Tensor]] | None = None
        self.store = settings.get("store")
        saved = self.store.load() if self.store is not None else None
        if saved is not None:
            self._restore(saved)

    def finish(self) -> None:
        for epoch in range(len(self.history), self.training.epochs):
            loss = self._epoch(epoch)
            current = self._use_averages()
            figures = self._measure(epoch, loss)
            self._keep_best(figures)
            self._use(current)
            self.history.append(figures)
            if self.store is not None:
                self.store.save(self._state())
            self.settings.get("progress", lambda _: None)(figures)
        if self.best is not None:
            self.module.load_state_dict(self.best[1])
        else:
            self._use_averages()

    def _epoch(self, epoch: int) -> float:
        epoch_seed(self.data, self.settings.get("seed", 0), epoch)
        self.module.train()
        count, total = len(self.data), torch.zeros((), device=self.device)
        step_done = self.settings.get("step", lambda: None)
        for number, (inputs, labels) in enumerate(self.data):
            done = epoch + number / count
            if self.form.advance(done):
                self.optimizer.state.clear()
            for group in self.optimizer.param_groups:
                group["lr"] = self.training.rate(done) * group["relative_rate"]
            total += self._step(to_device(inputs, self.device), to_device(labels, self.device))
            step_done()
        loss = float(total) / count
        if not math.isfinite(loss):
            raise EieError(f"the loss must stay finite, got {loss} in epoch {epoch + 1}; lower the learning rate")
        return loss

    def _step(self, inputs: Tensor, labels: Tensor) -> Tensor:
        self.module.zero_grad(set_to_none=True)
        loss: Any = self.settings.get("loss", nn.functional.cross_entropy)(self.module(inputs), labels)
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
        if self.best is None or figures.error <= self.best[0]:
            state = {name: value.detach().clone() for name, value in self.module.state_dict().items()}
            self.best = (figures.error, state)

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


def to_device(value: Any, device: torch.device) -> Any:
    """A tensor, or a tuple or list of them, on a device."""
    if isinstance(value, Tensor):
        return value.to(device)
    return tuple(to_device(part, device) for part in value)


def _optimizer(form: Form, free: list[nn.Parameter], training: Training) -> torch.optim.Optimizer:
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
