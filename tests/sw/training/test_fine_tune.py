"""sw/training/fine_tune.py: the gradient of a centroid, equal weights that stay equal, changing clusters, the grid."""

from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

import torch
from torch import Tensor, nn

from model.errors import EieError
from sw.training.fine_tune import FineTuning, Shared, fine_tune, nearest, on_grid
from sw.training.optimiser import Training
from sw.training.share import Sharing, share
from tests.support.networks.training import assert_equal, batches, distinct, perceptron, weights_of

CENTROIDS = FineTuning()


def test_the_gradient_of_a_centroid_is_the_sum_over_its_cluster() -> None:
    """Against autograd through `centroids[codes]`, zeros left out."""
    module = perceptron()
    with torch.no_grad():
        module[0].weight[module[0].weight.abs() < 0.1] = 0
    shared = share(module, Sharing(bits=2))
    inputs, labels = batches()[0]
    form = Shared(module, CENTROIDS, shared)
    nn.functional.cross_entropy(module(inputs), labels).backward()
    form.gather()

    weight = module[0].weight.detach()
    values, codes = weight[weight != 0].unique(return_inverse=True)
    centroids = values.clone().requires_grad_()
    rebuilt = torch.zeros_like(weight).masked_scatter(weight != 0, centroids[codes])
    hidden = torch.relu(nn.functional.linear(inputs, rebuilt, module[0].bias.detach()))
    outputs = nn.functional.linear(hidden, module[2].weight.detach(), module[2].bias.detach())
    nn.functional.cross_entropy(outputs, labels).backward()
    assert len(values) == 3
    torch.testing.assert_close(form.trained["0.weight centroids"].grad, centroids.grad)


def test_one_step_moves_every_weight_of_a_cluster_by_the_sum_of_their_gradients() -> None:
    layer: Any = nn.Linear(4, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.5, 0.0, 0.5, -1.0]]))
    data = [(torch.tensor([[1.0, 10.0, 2.0, 4.0]]), torch.zeros(1))]
    training = Training(epochs=1, learning_rate=0.1, momentum=0.0, schedule="constant")
    shared = {"weight": layer.weight.detach().clone()}
    fine_tune(layer, data, shared, CENTROIDS, training, loss=lambda outputs, _: outputs.sum())
    torch.testing.assert_close(layer.weight.detach(), torch.tensor([[0.2, 0.0, 0.2, -1.4]]))


@pytest.mark.parametrize("reassign", [False, True])
def test_it_repairs_what_sharing_broke_and_stays_shared(reassign: bool) -> None:
    module = perceptron()
    with torch.no_grad():
        module[0].weight[module[0].weight.abs() < 0.1] = 0
    zeros = module[0].weight == 0
    shared = share(module, Sharing(bits={"0.weight": 3, "2.weight": 3, "0.bias": 2}))
    codes = module[0].weight.detach().clone()
    history = fine_tune(
        module,
        batches(),
        shared,
        FineTuning(reassign=reassign),
        Training(epochs=30, optimizer="adam", learning_rate=0.03),
        validation=batches(seed=1),
    )
    assert history[-1].error is not None
    assert history[-1].error < 0.05
    for name in shared:
        assert distinct(module.get_parameter(name)) <= 7
    assert torch.equal(module[0].weight == 0, zeros)
    moved = any(distinct(module[0].weight[codes == value]) > 1 for value in codes[~zeros].unique())
    assert moved == reassign
    assert distinct(module[2].bias) == 3


def test_reassigned_shadows_follow_in_place() -> None:
    module = perceptron()
    shared = share(module, Sharing(bits=2))
    before = {name: tensor.clone() for name, tensor in shared.items()}
    fine_tune(module, batches(), shared, CENTROIDS, Training(epochs=1))
    assert all(torch.equal(shared[name], before[name]) for name in shared)
    fine_tune(module, batches(), shared, FineTuning(reassign=True), Training(epochs=1))
    assert not torch.equal(shared["0.weight"], before["0.weight"])


def test_values_on_a_grid() -> None:
    module = perceptron()
    shared = share(module, Sharing(bits=4))
    fine_tune(module, batches(), shared, FineTuning(grid=4), Training(epochs=3, learning_rate=0.05))
    for name in shared:
        multiples = module.get_parameter(name).detach().double()
        step = 2.0 ** torch.floor(torch.log2(multiples.abs().max() / 4))
        assert torch.equal(multiples / step, (multiples / step).round())
        assert multiples.abs().max() / step <= 7


@pytest.mark.parametrize(
    ("values", "bits", "expected"),
    [
        ([7.0, 3.4, -0.6], 4, [7.0, 3.0, -1.0]),
        ([7.4, 3.4, -0.6], 4, [7.0, 3.0, -1.0]),
        ([7.6, 3.4, -0.6], 4, [8.0, 4.0, 0.0]),
        ([0.8, 0.1], 2, [1.0, 0.0]),
        ([0.5, -0.5], 1, [0.5, -0.5]),
        ([0.0, 0.0], 4, [0.0, 0.0]),
        ([1e-3, 5e-4], 3, [2.0**-10, 2.0**-11]),
    ],
)
def test_the_grid_has_the_smallest_step_that_suits_the_largest_value(
    values: list[float], bits: int, expected: list[float]
) -> None:
    assert on_grid(torch.tensor(values), bits).tolist() == expected


def test_centroids_as_means_of_their_shadows() -> None:
    layer: Any = nn.Linear(4, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 1.0, 0.0, -2.0]]))
    form = Shared(layer, FineTuning(reassign=True, mean_every=2), {"weight": torch.tensor([[0.8, 1.4, 0.0, -2.2]])})
    layer(torch.ones(1, 4)).sum().backward()
    form.gather()
    assert form.trained["weight centroids"].grad is None
    form.advance(0.0, 0.1)
    assert form.trained["weight centroids"].tolist() == [-2.0, 1.0]
    form.advance(0.5, 0.1)
    form.scatter()
    torch.testing.assert_close(layer.weight.detach(), torch.tensor([[1.1, 1.1, 0.0, -2.2]]))
    with pytest.raises(EieError, match="centroids can be means of shadows only with reassign, got mean_every 2"):
        FineTuning(mean_every=2)


def test_nearest_of_centroids_in_any_order() -> None:
    centroids = torch.tensor([2.0, -1.0, 0.5])
    assert nearest(centroids, torch.tensor([-5.0, 0.0, 1.2, 1.3, 9.0])).tolist() == [1, 2, 2, 0, 0]


@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU])
def test_recurrent_layers_from_pruning_to_fine_tuning(layer: Any) -> None:
    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.recurrent, self.head = layer(4, 6, batch_first=True), nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.recurrent(x.view(len(x), 2, 4))[0][:, -1])

    from sw.training.prune import Pruning, prune

    module, training = Reader(), Training(epochs=10, optimizer="adam", learning_rate=0.03)
    prune(module, batches(), Pruning(density=0.4, end=3.0, every=0.5), training)
    weights = ["recurrent.weight_ih_l0", "recurrent.weight_hh_l0", "head.weight"]
    kept = [int(module.get_parameter(name).count_nonzero()) for name in weights]
    shared = share(module, Sharing(bits=3))
    history = fine_tune(module, batches(), shared, FineTuning(), training, validation=batches(seed=1))
    assert history[-1].error is not None
    assert history[-1].error < 0.1
    assert list(shared) == weights
    assert [int(module.get_parameter(name).count_nonzero()) for name in weights] == kept
    assert all(distinct(module.get_parameter(name)) <= 7 for name in weights)


def test_equal_runs_are_equal() -> None:
    first, second = perceptron(), perceptron()
    for module in (first, second):
        shared = share(module, Sharing(bits=3, init="forgy", seed=1))
        fine_tune(module, batches(), shared, FineTuning(reassign=True, grid=6), Training(epochs=2), seed=2)
    assert_equal(first, second)
    assert not torch.equal(first[0].weight, weights_of(perceptron())["0.weight"])


def test_refusals() -> None:
    wide: Any = nn.Linear(300, 1)
    with pytest.raises(EieError, match="weight must take at most 255 values beside 0, it takes 300: share it first"):
        fine_tune(wide, [], {"weight": wide.weight.detach()}, CENTROIDS, Training(epochs=0))
    with pytest.raises(EieError, match=r"shared weights must name parameters of .*, got 'ip1'"):
        fine_tune(perceptron(), batches(), {"ip1": torch.zeros(1)}, CENTROIDS, Training(epochs=0))
    module = perceptron()
    shared = share(module, Sharing(bits=3))
    with pytest.raises(EieError, match=r"the grid must name parameters of 0\.weight, 2\.weight, got '0\.bias'"):
        fine_tune(module, batches(), shared, FineTuning(grid={"0.bias": 4}), Training(epochs=0))
