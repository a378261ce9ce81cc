"""sw/training/lesson.py: what is changed and by how much, and that the teacher is asked about what was made of it."""

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sw.training.fine_tune import FineTuning, fine_tune
from sw.training.lesson import Changes, Lesson, shifted
from sw.training.optimiser import Training
from sw.training.prune import Pruning, prune
from sw.training.share import Sharing, share

INPUTS = torch.arange(6 * 20 * 3, dtype=torch.float32).view(6, 20, 3)


def lesson(**changes: float) -> Lesson:
    none: dict[str, float] = {"shift": 0.0, "noise": 0.0, "mixed": 0.0, "plain": 0.0}
    return Lesson(nn.Flatten(), INPUTS, 4, Changes(batch=8, **{**none, **changes}))


def copy_pruned(net: nn.Module) -> nn.Module:
    """By magnitude, as the example does, and not trained."""
    made = deepcopy(net)
    prune(made, [(INPUTS, INPUTS)], Pruning(density=0.5, score="normalised"), Training(epochs=0))
    return made


def rows(inputs: torch.Tensor) -> set[tuple[float, ...]]:
    return {tuple(each.flatten().tolist()) for each in inputs}


def test_a_pass_takes_every_input_before_one_comes_again() -> None:
    torch.manual_seed(0)
    batches = list(lesson())
    assert [len(inputs) for inputs, _ in batches] == [8, 8, 8, 8]
    assert rows(torch.cat([inputs for inputs, _ in batches])[:6]) == rows(INPUTS)


@pytest.mark.parametrize("change", [{"shift": 0.2}, {"noise": 0.5}, {"mixed": 1.0}])
def test_the_teacher_is_asked_about_the_changed_inputs(change: dict[str, float]) -> None:
    torch.manual_seed(0)
    for inputs, outputs in lesson(**change):
        torch.testing.assert_close(outputs, inputs.flatten(1))
        assert not rows(inputs) <= rows(INPUTS)
        assert not outputs.requires_grad
    for inputs, _ in lesson(**change, plain=1.0):
        assert rows(inputs) <= rows(INPUTS)


def test_long_axes_are_shifted_and_edges_repeat() -> None:
    torch.manual_seed(0)
    moved = shifted(INPUTS, 1, 2)
    steps = (moved[:, 10, 0] - INPUTS[:, 10, 0]) / 3
    assert set(steps.tolist()) <= {-2, -1, 0, 1, 2}
    assert len(set(steps.tolist())) > 1
    for before, after, step in zip(INPUTS, moved, steps.int().tolist(), strict=True):
        torch.testing.assert_close(after, before[(torch.arange(20) + step).clamp(0, 19)])
    for inputs, _ in Lesson(nn.Flatten(), INPUTS[:, :10], 1, Changes(shift=1.0, noise=0, mixed=0, plain=0, batch=6)):
        assert rows(inputs) == rows(INPUTS[:, :10])


def test_noise_is_relative_to_each_element() -> None:
    torch.manual_seed(0)
    inputs = torch.stack([torch.zeros(2000), torch.randn(2000) * 100, torch.full((2000,), 7.0)], 1)
    (noisy, _), *_ = Lesson(nn.Flatten(), inputs, 1, Changes(shift=0, noise=0.2, mixed=0, plain=0, batch=2000))
    assert set(noisy[:, 0].tolist()) == {0.0}
    assert set(noisy[:, 2].tolist()) == {7.0}
    assert rows(noisy) != rows(inputs)
    assert noisy[:, 1].std() < 110


def test_the_example_of_the_page(project_root: Path) -> None:
    """docs/training.md, "Without labels": a pruned and shared copy gives nearly what the module gives."""
    page = (project_root / "docs" / "training.md").read_text()
    (example,) = re.findall(r"### Without labels.*?```python\n(.*?)```", page, re.DOTALL)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(12, 40), nn.ReLU(), nn.Linear(40, 5))
    before = (deepcopy, prune, Pruning, share, Sharing, fine_tune, FineTuning, Training)  # imported by earlier blocks
    names: dict[str, Any] = {one.__name__: one for one in before}
    names |= {"net": net, "x": torch.randn(250, 12), "held": 50}
    exec(example, names)
    student, loss, (inputs, outputs) = names["student"], names["loss"], names["held_out"][0]
    weights = student[0].weight.detach()
    assert torch.unique(weights[weights != 0]).numel() <= 15
    assert float((weights != 0).float().mean()) < 0.7
    magnitude = copy_pruned(net)
    assert loss(student(inputs), outputs) < 0.7 * loss(magnitude(inputs), outputs)
