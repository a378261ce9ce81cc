"""sw/training/methods/low_rank.py: the nearest product (Eckart and Young), ranks by energy, outputs reconstructed."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

import numpy as np
import torch
from torch import nn

from model.errors import EieError
from sw.training.methods.low_rank import LowRank, low_rank, product, reconstruction
from sw.training.optimiser import Training
from tests.support.networks.methods import check_file
from tests.support.networks.training import FEATURES, batches, blobs, perceptron

NONE = Training(epochs=0)


def multiplied(made: Any) -> torch.Tensor:
    return (made[1].weight @ made[0].weight).detach()


@pytest.mark.parametrize("rank", [1, 3, 5])
def test_the_product_is_as_near_as_a_rank_allows(rank: int) -> None:
    """The squared error is the sum of the squared singular values left out, and no least squares betters it."""
    torch.manual_seed(1)
    layer = nn.Linear(9, 7)
    made: Any = product(layer, rank)
    weight = layer.weight.detach()
    left = np.linalg.svd(weight.double().numpy(), compute_uv=False)[rank:]
    assert float((multiplied(made) - weight).square().sum()) == pytest.approx(float((left**2).sum()), rel=1e-4)
    better = torch.linalg.lstsq(made[0].weight.detach().T, weight.T).solution.T
    torch.testing.assert_close(better, made[1].weight.detach(), rtol=1e-3, atol=1e-4)
    assert made[0].bias is None
    assert torch.equal(made[1].bias, layer.bias)
    norms = [part.weight.detach().norm() for part in made]
    torch.testing.assert_close(norms[0], norms[1])


def test_ranks_by_energy() -> None:
    layer: Any = nn.Linear(12, 12, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.diag(torch.tensor([8.0, 4.0, 2.0, 1.0] + [0.0] * 8)))  # squares 64, 16, 4, 1 of 85
    for energy, rank in ((0.5, 1), (0.76, 2), (0.99, 4), (80 / 85, 2), (1.0, 4)):
        module: Any = nn.Sequential(deepcopy(layer))
        low_rank(module, [], LowRank(energy=energy), NONE)
        assert module[0][0].out_features == rank
    full: Any = nn.Sequential(nn.Linear(4, 4))
    low_rank(full, [], LowRank(energy=0.999), NONE)
    assert isinstance(full[0], nn.Linear)


def test_the_loss_is_the_summed_squared_error_of_outputs() -> None:
    outputs, wanted = torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[0.0, 4.0], [1.0, 0.0]])
    assert float(reconstruction(outputs, (None, wanted))) == pytest.approx((1 + 4 + 1) / 2)


def test_outputs_are_reconstructed_without_labels(tmp_path: Path) -> None:
    module = perceptron()
    with torch.no_grad():
        module[0].weight.mul_(3)
    inputs, _ = blobs()
    wanted = module(inputs).detach()
    data = [(part, torch.zeros(len(part), dtype=torch.int64)) for part in inputs.split(16)]
    plain = deepcopy(module)
    low_rank(plain, data, LowRank(rank={"0.weight": 2, "2.weight": 1}), NONE)
    history = low_rank(
        module,
        data,
        LowRank(rank={"0.weight": 2, "2.weight": 1}),
        Training(epochs=40, optimizer="adam", learning_rate=0.01),
    )
    before, after = (float((each(inputs).detach() - wanted).square().sum(1).mean()) for each in (plain, module))
    assert after < 0.7 * before
    assert history[-1].loss == pytest.approx(after, rel=0.2)
    assert [tuple(part.weight.shape) for part in module[0]] == [(2, 8), (12, 2)]
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_((parameter * 10).round() / 10)
    check_file(module, (FEATURES,), tmp_path / "low.eie")


def test_refusals() -> None:
    with pytest.raises(EieError, match="low rank takes a rank or an energy, got both or neither"):
        LowRank()
    with pytest.raises(EieError, match=r"2\.weight has fewer weights as a product up to rank 2, got 3"):
        low_rank(perceptron(), batches(), LowRank(rank=3), NONE)
    with pytest.raises(EieError, match=r"low rank must name parameters of 0\.weight, 2\.weight, got '1\.weight'"):
        low_rank(perceptron(), batches(), LowRank(rank={"1.weight": 1}), NONE)
