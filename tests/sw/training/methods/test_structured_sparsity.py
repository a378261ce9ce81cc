"""sw/training/methods/structured_sparsity.py: the proximal step against its definition, groups that die."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

import numpy as np
import torch
from scipy.optimize import minimize
from torch import nn

from model.errors import EieError
from sw.training.methods.structured_sparsity import StructuredSparsity, inside, shrunk, structured_sparsity
from sw.training.optimiser import Training
from sw.training.tidy import Tidying, tidy
from tests.support.networks.methods import check_file
from tests.support.networks.training import batches, perceptron

LAYERS = {
    "filters": (0, (3, 2, 2, 2)),
    "channels": (1, (3, 2, 2, 2)),
    "shapes": (None, (4, 1, 2, 2)),
    "neurons": (0, (4, 3)),
    "columns": (1, (4, 3)),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_the_step_is_the_proximal_operator(kind: str) -> None:
    """The minimum of |v - w|**2 / 2 + t * sum sqrt(size) * |v_g|, found without its formula, from many beginnings."""
    beside, shape = LAYERS[kind]
    axes = inside(len(shape), beside)
    random = np.random.default_rng(len(kind))
    weight, step = random.normal(size=shape), 0.4

    def objective(flat: Any) -> float:
        v = flat.reshape(shape)
        size = np.prod([shape[axis] for axis in axes])
        norms = np.sqrt((v**2).sum(axis=axes))
        return float(((v - weight) ** 2).sum() / 2 + step * np.sqrt(size) * norms.sum())

    made = shrunk(torch.tensor(weight), axes, step).numpy()
    starts = [weight.ravel(), weight.ravel() / 2, random.normal(size=weight.size) * 0.1]
    found = min(minimize(objective, start, method="Powell", tol=1e-9).fun for start in starts)
    assert objective(made.ravel()) <= found + 1e-9
    for direction in random.normal(size=(200, weight.size)):
        assert objective(made.ravel()) <= objective(made.ravel() + 1e-3 * direction)


def test_a_group_dies_at_its_strength_times_the_root_of_its_size() -> None:
    weight = torch.tensor([[3.0, 4.0], [0.3, 0.4]])
    made = shrunk(weight, (1,), 0.5)
    left = 1 - 0.5 * 2**0.5 / 5
    torch.testing.assert_close(made, torch.tensor([[3.0 * left, 4.0 * left], [0.0, 0.0]]))


def test_plain_descent_with_the_penalty_reaches_the_lasso_solution() -> None:
    """|w - c|**2 / 2 + s * sqrt(n) * |w| is least at c * (1 - s * sqrt(n) / |c|)."""
    layer: Any = nn.Linear(2, 2, bias=False)
    wanted = torch.tensor([[3.0, 4.0], [0.1, 0.2]])
    structured_sparsity(
        layer,
        [(torch.eye(2), wanted.T)] * 100,
        StructuredSparsity(neurons=0.5),
        Training(epochs=2, learning_rate=0.1, momentum=0.0, schedule="constant"),
        loss=lambda outputs, labels: (outputs - labels).square().sum() / 2,
    )
    torch.testing.assert_close(layer.weight.detach(), shrunk(wanted, (1,), 0.5), atol=1e-5, rtol=1e-5)
    assert not layer.weight[1].any()


def network() -> Any:
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 12), nn.ReLU(),
        nn.Linear(12, 3),
    )  # fmt: skip


def test_dead_groups_make_a_smaller_network_that_computes_the_same(tmp_path: Path) -> None:
    module = network()
    images = torch.randn(60, 1, 12, 12, generator=torch.Generator().manual_seed(1))
    labels = torch.arange(60) % 3
    images[:, :, 4:8, 4:8] += 2 * labels.view(-1, 1, 1, 1)
    data = list(zip(images.split(20), labels.split(20), strict=True))
    options = StructuredSparsity(filters=0.1, channels=0.05, neurons=0.03)
    history = structured_sparsity(module, data, options, Training(epochs=60, learning_rate=0.03), validation=data)
    assert history[-1].error == 0
    with torch.no_grad():
        before = module(images)
    tidy(module, Tidying(shrink=True))
    with torch.no_grad():
        torch.testing.assert_close(module(images), before, atol=1e-4, rtol=1e-4)
    shapes = [tuple(layer.weight.shape) for layer in module if hasattr(layer, "weight")]
    assert shapes[0][0] == shapes[1][1] < 8
    assert shapes[2] == (shapes[3][1], 9 * shapes[1][0])
    assert shapes[2][0] < 12
    assert (module[0].out_channels, module[2].in_channels, module[5].in_features) == (
        shapes[0][0], shapes[1][1], shapes[2][1]
    )  # fmt: skip
    with torch.no_grad():
        for layer in module:
            if hasattr(layer, "weight"):
                layer.weight.copy_((layer.weight * 20).round().clamp(-60, 60) / 20)
    check_file(module, (1, 12, 12), tmp_path / "small.eie")


def test_what_is_zero_stays_zero_and_epochs_show_the_groups() -> None:
    module = perceptron()
    with torch.no_grad():
        module[0].weight[:, :3] = 0
    history = structured_sparsity(
        module, batches(), StructuredSparsity(neurons={"0.weight": 0.2}), Training(epochs=3, learning_rate=0.1)
    )
    assert not module[0].weight[:, :3].any()
    left = [int(row.any()) for row in module[0].weight != 0]
    assert sum(left) < 12
    assert history[-1].density == pytest.approx((5 * sum(left) + 36) / 132)


def test_refusals() -> None:
    with pytest.raises(EieError, match="needs a strength of one of filters, channels, shapes, neurons, columns"):
        StructuredSparsity()
    with pytest.raises(EieError, match=r"filters of structured sparsity must name parameters of , got '0\.weight'"):
        structured_sparsity(perceptron(), batches(), StructuredSparsity(filters={"0.weight": 1.0}), Training())
    with pytest.raises(EieError, match=r"training\.average must be 0"):
        structured_sparsity(perceptron(), batches(), StructuredSparsity(neurons=0.1), Training(average=0.9))
