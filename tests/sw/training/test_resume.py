"""sw/training/pipeline.py: every shipped recipe, killed at any moment, ends with the bytes of a run that was not."""

from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

import torch

from sw.training.checkpoint import Checkpoint
from sw.training.loop import Epoch
from sw.training.pipeline import Trained, run_recipe
from sw.training.recipe import Recipe, built_in, parse_recipe, read_recipe
from sw.training.watcher import Silent
from tests.support.networks.kept import Kept
from tests.support.networks.recipes import digits
from tests.support.networks.training import assert_equal

IMAGES, ASIDE, BATCH, EPOCHS = 40, 20, 10, 2
EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "recipes"
RECIPES = {name: built_in(name) for name in ("lenet-300-100", "lenet-5")} | {
    path.stem: read_recipe(path) for path in sorted(EXAMPLES.glob("*.toml"))
}


def shortened(text: str) -> Recipe:
    """All stages with all their options, of two epochs each, which is what the schedules are squeezed into."""
    recipe = parse_recipe(text, "recipe")

    def brief(training: Any) -> Any:
        return replace(training, epochs=EPOCHS, warmup=min(training.warmup, 0.5))

    stages = []
    for step in recipe.stages:
        options = step.options
        if step.kind == "prune":
            options = replace(options, end=1.5, every=0.25)
        elif step.kind == "pull":
            options = replace(options, every=2)
        stages.append(
            replace(step, head=replace(step.head, batch=BATCH), options=options, training=brief(step.training))
        )
    teacher = recipe.teacher and replace(recipe.teacher, batch=BATCH, training=brief(recipe.teacher.training))
    data = replace(recipe.data, validation=ASIDE, copies=1)
    return replace(recipe, data=data, teacher=teacher, stages=tuple(stages))


class Counted(Silent):
    """How many epochs were trained."""

    def __init__(self) -> None:
        self.epochs = 0

    def epoch(self, figures: Epoch) -> None:
        self.epochs += 1


def run(recipe: Recipe, checkpoint: Checkpoint, watcher: Counted) -> Trained:
    images, labels = digits(1, IMAGES)
    return run_recipe(
        recipe,
        torch.from_numpy(images).unsqueeze(1),
        torch.from_numpy(labels),
        watcher=watcher,
        checkpoint=checkpoint,
    )


QUICK = "lenet-300-100-paper"  # begins without a teacher, which was what a killed run stumbled over


@pytest.mark.parametrize(
    "name", [QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in RECIPES if name != QUICK)]
)
def test_a_run_killed_at_any_moment_ends_with_the_same_bytes(name: str, tmp_path: Path) -> None:
    """Nothing outlives a process but its checkpoint, so each one that was written stands for all moments until the next
    one: those of every epoch and of every stage's end, the stages without epochs included."""
    recipe = shortened(RECIPES[name])
    kept, epochs = Kept(tmp_path / "kept"), Counted()
    whole = run(recipe, kept, epochs)
    stages = len(recipe.stages) + (recipe.teacher is not None)
    trained = sum(step.kind not in ("tidy", "share") for step in recipe.stages) + (recipe.teacher is not None)
    assert epochs.epochs == EPOCHS * trained
    assert len(kept.left) == epochs.epochs + stages
    for left in kept.left:
        checkpoint, rest = Checkpoint(tmp_path / "left", "run"), Counted()
        checkpoint.path.write_bytes(left)
        continued = run(recipe, checkpoint, rest)
        assert_equal(continued.module, whole.module)
        assert continued.stages == whole.stages
        assert rest.epochs < epochs.epochs


def test_shipped_recipes_differ_in_what_they_begin_with() -> None:
    """With a teacher and without one: both beginnings are killed above."""
    found = [parse_recipe(text, name).teacher is None for name, text in RECIPES.items()]
    assert [teacher for teacher, _ in groupby(found)] == [False, True]
