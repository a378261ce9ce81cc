"""sw/training/methods/fixed_point.py: steps of least error, rounded activations, which layers a phase trains."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

import torch
from torch import nn

from sw.training.methods.fixed_point import FixedPoint, Rounded, best_step, fixed_point, rounded
from sw.training.optimiser import Training
from sw.training.train import train
from tests.support.networks.methods import check_file
from tests.support.networks.training import FEATURES, assert_equal, batches, distinct, weights_of


def deep() -> Any:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(FEATURES, 10), nn.ReLU(), nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 3))


def test_the_step_has_the_least_squared_error_of_all_powers_of_two() -> None:
    torch.manual_seed(1)
    for low, high in ((-7, 7), (-1, 1), (0, 15)):
        for scale in (0.01, 1.0, 37.0):
            values = torch.randn(500) * scale
            values = values.abs() if low == 0 else values
            errors = {
                2.0**e: float((rounded(values, 2.0**e, low, high) - values).square().sum()) for e in range(-20, 12)
            }
            assert best_step(values, low, high) == min(errors, key=lambda step: errors[step])
    assert rounded(torch.tensor([0.3, -0.74, 9.0]), 0.5, -7, 7).tolist() == [0.5, -0.5, 3.5]
    assert best_step(torch.zeros(3), -7, 7) == 1


def test_activations_are_rounded_and_their_gradient_passes_but_where_they_clip() -> None:
    module: Any = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 1, bias=False))
    with torch.no_grad():
        module[0].weight.copy_(torch.eye(2))
        module[1].weight.copy_(torch.tensor([[1.0, 2.0]]))
    calibration = torch.tensor([[1.5, -1.5], [0.5, 1.0]])
    form = Rounded(module, FixedPoint(weight_bits=8, activation_bits=3, order="at_once"), calibration, 1)
    assert form.grids == {"1": (0.5, -3, 3)}
    inputs = torch.tensor([[0.6, 9.0]], requires_grad=True)
    output = module(inputs)
    assert output.item() == pytest.approx(0.5 + 2 * 1.5)
    output.sum().backward()
    assert inputs.grad is not None
    assert inputs.grad.tolist() == [[1.0, 0.0]]


def test_a_phase_rounds_below_and_trains_above() -> None:
    module, seen = deep(), list[dict[str, torch.Tensor]]()
    form = Rounded(module, FixedPoint(), batches()[0][0], 2)
    assert form.layers == ["0", "2", "4"]
    assert form.last == 2
    for epoch, frozen in ((0.0, {"0"}), (0.9, {"0"}), (1.0, {"0", "2"}), (1.9, {"0", "2"})):
        form.advance(epoch, 0.1)
        form.scatter()
        for parameter in module.parameters():
            parameter.grad = torch.ones_like(parameter)
        form.gather()
        still = {
            name.split(".")[0] for name, each in form.trained.items() if each.grad is not None and not each.grad.any()
        }
        assert still == frozen
    for handle in form.handles:
        handle.remove()
    module = deep()
    before = weights_of(module)
    data = batches()
    fixed_point(
        module, data, FixedPoint(), Training(epochs=4, optimizer="adam", learning_rate=0.02),
        progress=lambda _: seen.append(weights_of(module)),
    )  # fmt: skip
    assert torch.equal(seen[0]["0.bias"], before["0.bias"])
    assert torch.equal(seen[0]["0.weight"], seen[3]["0.weight"])
    assert not torch.equal(seen[0]["2.bias"], seen[1]["2.bias"])
    assert torch.equal(seen[1]["2.bias"], seen[3]["2.bias"])
    assert not torch.equal(seen[2]["4.bias"], seen[3]["4.bias"])


@pytest.mark.parametrize("order", ["bottom_to_top", "at_once"])
def test_it_learns_and_its_file_has_weights_on_the_grid(order: str, tmp_path: Path) -> None:
    modules = [deep(), deep()]
    for module in modules:
        train(module, batches(), Training(epochs=8, optimizer="adam", learning_rate=0.02))
        options = FixedPoint(weight_bits=4, activation_bits=4, order=order)
        training = Training(epochs=8, optimizer="adam", learning_rate=0.02, select="best")
        _, history = fixed_point(module, batches(), options, training, validation=batches(seed=1))
    assert_equal(*modules)
    assert history[-1].error is not None
    assert history[-1].error < 0.15
    for name in ("0.weight", "2.weight", "4.weight"):
        weight = modules[0].get_parameter(name).detach()
        step = best_step(weight, -7, 7)
        assert torch.equal((weight / step).round() * step, weight)
        assert distinct(weight) <= 14
    check_file(modules[0], (FEATURES,), tmp_path / "fixed.eie", bits=4)
