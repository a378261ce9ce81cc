"""sw/training/methods/surgery.py: thresholds, the band between them, the probability, gradients of absent weights."""

from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

import torch
from torch import nn

from model.errors import EieError
from sw.training.methods.surgery import Spliced, Surgery, surgery
from sw.training.optimiser import Training
from tests.support.networks.training import assert_equal, batches, perceptron


def layer(weights: list[float]) -> Any:
    made: Any = nn.Linear(len(weights), 1, bias=False)
    with torch.no_grad():
        made.weight.copy_(torch.tensor([weights]))
    return made


def test_the_threshold_is_of_the_start_and_between_its_bounds_nothing_changes() -> None:
    form = Spliced(layer([1.0, -2.0, 3.0, -4.0]), Surgery(c=0.5))
    t = 2.5 + 0.5 * 1.25**0.5
    assert form.thresholds["weight"] == pytest.approx(t)
    with torch.no_grad():
        form.trained["weight"].copy_(t * torch.tensor([[0.89, -0.95, 1.05, -1.2]]))
    form.masks["weight"].copy_(torch.tensor([[True, True, False, False]]))
    form.cut("weight")
    assert form.masks["weight"].tolist() == [[False, True, False, True]]
    form.scatter()
    assert (form.held["weight"] != 0).tolist() == [[False, True, False, True]]
    assert form.thresholds["weight"] == pytest.approx(t)
    assert Spliced(layer([1.0, -2.0]), Surgery(c=-50)).thresholds["weight"] == 0


def test_the_gradient_changes_absent_weights_too() -> None:
    module = layer([0.1, 5.0])
    form = Spliced(module, Surgery(c=0.0))
    form.advance(0.0, 0.1)
    assert (module.weight != 0).tolist() == [[False, True]]
    (2 * module(torch.ones(1, 2))).sum().backward()
    form.gather()
    assert form.trained["weight"].grad is not None
    assert form.trained["weight"].grad.tolist() == [[2.0, 2.0]]


def test_cuts_become_rarer_by_the_authors_law(monkeypatch: pytest.MonkeyPatch) -> None:
    form, cuts = Spliced(layer([1.0, 2.0]), Surgery(c=0.0, gamma=0.1, power=2.0)), list[int]()
    monkeypatch.setattr(form, "cut", lambda _: cuts.append(form.steps - 1))
    torch.manual_seed(0)
    for _ in range(400):
        form.steps = 0
        for _ in range(11):
            form.advance(0.0, 0.1)
    for step in (0, 5, 10):
        assert cuts.count(step) / 400 == pytest.approx((1 + 0.1 * step) ** -2, abs=0.08)


def test_weights_come_back_and_stop() -> None:
    """Only the first input matters, but its weight is the smallest at the start and goes first."""
    inputs = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    training = Training(epochs=20, learning_rate=0.1, schedule="constant")
    for stop, back in ((0.0, True), (0.2, False)):
        module = layer([0.1, 0.4])
        surgery(
            module,
            [(inputs, inputs[:, :1])] * 5,
            Surgery(c=0.0, gamma=0.0, stop=stop),
            training,
            loss=nn.functional.mse_loss,
        )
        assert (float(module.weight.detach()[0, 0]) > 0.9) == back


def test_it_learns_and_equal_runs_are_equal() -> None:
    modules = [perceptron(), perceptron()]
    for module in modules:
        history = surgery(
            module,
            batches(),
            Surgery(c={"0.weight": 0.8, "2.weight": 0.3, "0.bias": 0.1}, gamma=0.01, stop=10.0),
            Training(epochs=15, optimizer="adam", learning_rate=0.02),
            validation=batches(seed=1),
        )
    assert_equal(*modules)
    assert history[-1].error is not None
    assert history[-1].error < 0.1
    assert history[-1].density < 0.7
    assert not modules[0][0].bias.all()
    with pytest.raises(EieError, match="surgery needs c, got none"):
        Surgery()
