"""A whole recipe: teacher, then stage after stage, with a checkpoint after every epoch."""

import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from model.errors import EieError
from sw.training.augment import augmented
from sw.training.batches import ImageBatches
from sw.training.checkpoint import Checkpoint, State
from sw.training.distillation import distillation, mimicking, noisy
from sw.training.evaluate import Loss, to_device
from sw.training.loop import Epoch, Settings
from sw.training.methods.structure import restructure, structure
from sw.training.networks import load_weights, network, teacher
from sw.training.recipe import Distillation, Recipe, Step
from sw.training.reproducible import epoch_seed, reproducible
from sw.training.steps import run_step
from sw.training.train import train
from sw.training.watcher import Silent, Watcher

AT_ONCE = 200  # images evaluated at once: more no longer fit a CPU's caches


@dataclass(frozen=True, kw_only=True)
class StageResult:
    """How a stage ended: its name, and the figures of its last epoch, None if it had none."""

    name: str
    last: Epoch | None


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A trained network.

    Parameters
    ----------
    module : on the CPU, its weights float32 values of which each parameter takes few.
    stages : every stage, the teacher's first, also those of interrupted runs before.
    seconds : of all runs together.
    """

    module: nn.Sequential
    stages: list[StageResult]
    seconds: float


def run_recipe(
    recipe: Recipe,
    images: Tensor,
    labels: Tensor,
    *,
    seed: int = 0,
    weights: dict[str, Tensor] | None = None,
    device: str = "cpu",
    watcher: Watcher | None = None,
    checkpoint: Checkpoint | None = None,
) -> Trained:
    """Train and compress the recipe's network.

    Parameters
    ----------
    images, labels : (n, channels, rows, columns) uint8 and (n,) int64 training data; the recipe sets some aside.
    seed : of the first weights, the split, the copies and everything random later.
    weights : dense weights by parameter name to start from; plain training that the recipe begins with is left out.
    checkpoint : kept up to date; a run that finds one continues from it and ends with the same weights.
    """
    return _Pipeline(recipe, seed, device, watcher or Silent(), checkpoint).run(images, labels, weights)


class _Pipeline:
    def __init__(self, recipe: Recipe, seed: int, device: str, watcher: Watcher, checkpoint: Checkpoint | None):
        self.recipe, self.seed, self.device = recipe, seed, torch.device(device)
        self.watcher, self.checkpoint = watcher, checkpoint
        self.state: State = {"stage": -1, "inside": None, "results": [], "seconds": 0.0}
        self.started = time.monotonic()
        self.module, self.shared = nn.Sequential(), dict[str, Tensor]()
        self.logits: Tensor | None = None

    def run(self, images: Tensor, labels: Tensor, weights: dict[str, Tensor] | None) -> Trained:
        saved = self.checkpoint.load() if self.checkpoint is not None else None
        with reproducible():
            epoch_seed(None, self.seed, 0)
            self.module = network(self.recipe.network)
            self.teacher = teacher() if self.recipe.teacher is not None else None
            order = torch.randperm(len(labels))
            if weights is not None:
                load_weights(self.module, weights)
            for module in (self.module, self.teacher):
                if module is not None:
                    _place(module, self.device, torch.channels_last)  # convolutions and pooling are faster so
            if saved is not None:
                self._restore(saved)
            split = len(labels) - self.recipe.data.validation
            if split < 1:
                raise EieError(f"{len(labels)} images must be more than the {self.recipe.data.validation} set aside")
            self.labels = labels[order[:split]]
            self.copies = self._copies(images[order[:split]])
            self.validation = _in_order(images[order[split:]], labels[order[split:]])
            self._teach()
            for number, stage in enumerate(stages_to_run(self.recipe, weights is not None)):
                if number >= self.state["stage"]:
                    self._stage(number, stage)
        _place(self.module, torch.device("cpu"), torch.contiguous_format)
        return Trained(module=self.module, stages=self._results(), seconds=self._seconds())

    def _copies(self, images: Tensor) -> Tensor:
        copies = self.recipe.data.copies
        if copies:
            self.watcher.begin("distorting images", copies * len(images), 0)
        epoch_seed(None, self.seed, 1)
        return augmented(images, copies, self.recipe.augmentation, self.watcher.advance)

    def _teach(self) -> None:
        """Train the teacher, unless that is done, and ask it about all images."""
        plan = self.recipe.teacher
        if plan is None or self.teacher is None:
            self.state["stage"] = max(self.state["stage"], 0)
            return
        if self.state["stage"] == -1:
            data = self._batches(plan.batch, taught=False)
            settings = self._settings("teacher", -1, plan.training.epochs, data)
            self._finish_stage(-1, "teacher", train(self.teacher, data, plan.training, **settings))
        self.teacher.eval()
        self.watcher.begin("asking the teacher", self.copies.shape[0] * self.copies.shape[1], 0)
        answers: list[Tensor] = []
        with torch.no_grad():
            for copy in self.copies:
                for inputs, _ in _in_order(copy, self.labels):
                    answers.append(self.teacher(to_device(inputs, self.device)).cpu())
                    self.watcher.advance(len(inputs))
        self.logits = torch.cat(answers).view(len(self.copies), len(self.labels), -1)

    def _stage(self, number: int, stage: Step) -> None:
        data, settings = None, Settings()
        if stage.trains:
            data = self._batches(stage.head.batch, stage.head.taught)
            settings = self._settings(stage.kind, number, stage.training.epochs, data)
            if self.logits is not None and stage.head.taught and self.recipe.teacher is not None:
                settings["loss"] = taught_loss(self.recipe.teacher.distillation, self.logits)
        self.shared, history = run_step(self.module, stage, self.shared, data or (), settings)
        _place(self.module, self.device, torch.channels_last)  # layers that are new
        self._finish_stage(number, stage.kind, history)

    def _batches(self, size: int, taught: bool) -> ImageBatches:
        data = self.recipe.data
        logits = self.logits if taught else None
        return ImageBatches(self.copies, self.labels, size, shuffle=True, originals=data.originals, logits=logits)

    def _settings(self, what: str, number: int, epochs: int, data: ImageBatches) -> Settings:
        inside = self.state["inside"]
        done = 0 if inside is None else len(inside["history"])
        self.watcher.begin(what, epochs * len(data), done * len(data))
        return Settings(
            validation=self.validation,
            seed=self.seed + (number + 2 << 32),
            progress=self.watcher.epoch,
            step=lambda: self.watcher.advance(1),
            store=_StageStore(self._save, inside),
        )

    def _finish_stage(self, number: int, name: str, history: list[Epoch]) -> None:
        networks = {
            "structure": structure(self.module),
            "module": self.module.state_dict(),
            "teacher": None if self.teacher is None else self.teacher.state_dict(),
            "shared": self.shared,
        }
        result = {"name": name, "last": vars(history[-1]) if history else None}
        results = [*self.state["results"], result]
        self.state = {**self.state, **deepcopy(networks), "stage": number + 1, "inside": None, "results": results}
        self._save(None)

    def _save(self, inside: State | None) -> None:
        if self.checkpoint is not None:
            self.checkpoint.save({**self.state, "inside": inside, "seconds": self._seconds()})

    def _seconds(self) -> float:
        return self.state["seconds"] + time.monotonic() - self.started

    def _results(self) -> list[StageResult]:
        return [
            StageResult(name=result["name"], last=None if result["last"] is None else Epoch(**result["last"]))
            for result in self.state["results"]
        ]

    def _restore(self, saved: State) -> None:
        self.state = saved
        if "module" in saved:  # before the end of the first stage its start is that of a new run
            restructure(self.module, saved["structure"])
            _place(self.module, self.device, torch.channels_last)
            self.module.load_state_dict(saved["module"])
            self.shared = deepcopy(saved["shared"])
            if self.teacher is not None:
                self.teacher.load_state_dict(saved["teacher"])


class _StageStore:
    """The part of a checkpoint that belongs to the stage that runs."""

    def __init__(self, save: Callable[[State], None], inside: State | None):
        self._save, self._inside = save, inside

    def load(self) -> State | None:
        return self._inside

    def save(self, state: State) -> None:
        self._save(state)


def _place(module: nn.Module, device: torch.device, memory_format: torch.memory_format) -> None:
    untyped: Any = module
    untyped.to(device=device, memory_format=memory_format)


def _in_order(images: Tensor, labels: Tensor) -> ImageBatches:
    return ImageBatches(images.unsqueeze(0), labels, min(AT_ONCE, len(labels)), shuffle=False)


def taught_loss(lesson: Distillation, logits: Tensor) -> Loss:
    """The loss of a recipe's [teacher.distillation]; `logits` (.., classes) are the teacher's on the training data."""
    if lesson.target == "distribution":
        loss = distillation(lesson.share, lesson.temperature)
    else:
        flat = logits.flatten(0, -2)
        loss = mimicking(lesson.share, flat.mean(0), flat.std(0, correction=0).clamp_min(1e-6))
    return noisy(loss, lesson.noisy, lesson.sigma) if lesson.noisy else loss


def stages_to_run(recipe: Recipe, weights_given: bool) -> Sequence[Step]:
    """The recipe's stages; with given weights without the plain training at the beginning."""
    stages = list(recipe.stages)
    while weights_given and stages and stages[0].kind == "train":
        stages.pop(0)
    return stages
