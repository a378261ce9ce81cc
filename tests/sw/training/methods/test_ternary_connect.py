"""sw/training/methods/ternary_connect.py: three values, their probabilities, inputs rounded to powers of two."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

import torch
from torch import nn

from sw.training.methods.binary_connect import glorot
from sw.training.methods.ternary_connect import (
    Ternary,
    TernaryConnect,
    inputs_as_powers_of_two,
    powers_of_two,
    ternary_connect,
)
from sw.training.optimiser import Training
from tests.support.networks.methods import check_file
from tests.support.networks.training import FEATURES, assert_equal, batches, distinct, perceptron

W0 = glorot(torch.zeros(1, 5))
SHARES = [0.0, 0.3, -0.6, 0.9, -1.0]


def layer() -> Any:
    made: Any = nn.Linear(5, 1, bias=False)
    with torch.no_grad():
        made.weight.copy_(W0 * torch.tensor([SHARES]))
    return made


def test_the_deterministic_rule_compares_with_half_of_w0() -> None:
    module = layer()
    Ternary(module, TernaryConnect()).scatter()
    torch.testing.assert_close(module.weight.detach(), W0 * torch.tensor([[0.0, 0.0, -1.0, 1.0, -1.0]]))


def test_probabilities_are_magnitudes_over_w0_so_that_the_mean_is_the_weight() -> None:
    module = layer()
    form = Ternary(module, TernaryConnect())
    torch.manual_seed(0)
    total, draws = torch.zeros(1, 5), 6000
    for _ in range(draws):
        form.advance(0.0, 0.1)
        total += module.weight.detach()
    torch.testing.assert_close(total[0] / draws / W0, torch.tensor(SHARES), atol=0.03, rtol=0)


def test_neighbouring_powers_of_two_with_the_mean_kept() -> None:
    torch.manual_seed(0)
    values = torch.tensor([0.0, 1.0, -0.5, 3.0, -0.3, 100.0])
    drawn = torch.stack([powers_of_two(values) for _ in range(8000)])
    found = [sorted(drawn[:, place].unique().tolist()) for place in range(6)]
    assert found == [[0.0], [1.0], [-0.5], [2.0, 4.0], [-0.5, -0.25], [64.0, 128.0]]
    torch.testing.assert_close(drawn.mean(0), values, rtol=0.03, atol=0.0)


@pytest.mark.parametrize(
    ("module", "shape"), [(nn.Linear(6, 4), (6,)), (nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2), (2, 7, 7))]
)
def test_only_the_gradient_of_weights_sees_rounded_inputs(module: nn.Module, shape: tuple[int, ...]) -> None:
    """With inputs that are powers of two nothing changes; otherwise the outputs and the inputs' gradient stay."""
    torch.manual_seed(1)
    exact = torch.exp2(torch.randint(-3, 3, (5, *shape)).float()) * torch.randn(5, *shape).sign()

    def gradients(inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        source = inputs.clone().requires_grad_()
        module.zero_grad()
        output = module(source)
        output.square().sum().backward()
        slopes: list[Any] = [source.grad, *(parameter.grad for parameter in module.parameters())]
        return output.detach(), *(slope.clone() for slope in slopes)

    for inputs, same in ((exact, True), (1.3 * exact, False)):
        plain = gradients(inputs)
        with inputs_as_powers_of_two(module):
            hooked = gradients(inputs)
            module.eval()
            assert torch.equal(module(inputs), plain[0])
            module.train()
        for number, (one, other) in enumerate(zip(plain, hooked, strict=True)):
            close = torch.allclose(one, other, rtol=1e-4, atol=1e-4)
            assert close == (same or number != 2)
    torch.manual_seed(0)
    with inputs_as_powers_of_two(module):
        mean = torch.stack([gradients(1.3 * exact)[2] for _ in range(400)]).mean(0)
    wanted = gradients(1.3 * exact)[2]
    assert (mean - wanted).norm() < 0.1 * wanted.norm()
    assert torch.equal(module(exact), module(exact))


@pytest.mark.parametrize("options", [{}, {"stochastic": False, "scale": "mean"}, {"powers": True, "scale": "mean"}])
def test_it_learns_and_its_file_has_three_values(options: dict[str, Any], tmp_path: Path) -> None:
    modules = [perceptron(), perceptron()]
    for module in modules:
        _, history = ternary_connect(
            module,
            batches(),
            TernaryConnect(**options),
            Training(epochs=15, optimizer="adam", learning_rate=0.02),
            validation=batches(seed=1),
        )
    assert_equal(*modules)
    assert history[-1].error is not None
    assert history[-1].error < 0.1
    for name in ("0.weight", "2.weight"):
        weight = modules[0].get_parameter(name)
        assert distinct(weight) == 2
        assert 0 < weight.count_nonzero() < weight.numel()
    check_file(modules[0], (FEATURES,), tmp_path / "ternary.eie", bits=2)
