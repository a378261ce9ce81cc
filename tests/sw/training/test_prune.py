"""sw/training/prune.py: targets, schedules, zeros that stay, masks that grow back, momentum, recurrent layers."""

from itertools import pairwise
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

import torch
from torch import Tensor, nn

from model.errors import EieError
from sw.training.optimiser import Training
from sw.training.parameters import density
from sw.training.prune import Masked, Pruning, largest, prune
from tests.support.networks.training import assert_equal, batches, blobs, perceptron, weights_of

NONE = Training(epochs=0)


def kept(module: nn.Module, name: str) -> int:
    return int(torch.count_nonzero(module.get_parameter(name)))


def test_one_density_is_shared_out_by_magnitude() -> None:
    module = perceptron()
    flat = torch.cat([module[0].weight.flatten(), module[2].weight.flatten()]).abs()
    smallest = flat.sort(descending=True).values[25]
    expected = [
        weight * (weight.abs() >= smallest) for weight in (module[0].weight.detach(), module[2].weight.detach())
    ]
    prune(module, batches(), Pruning(density=26 / 132), NONE)
    torch.testing.assert_close(module[0].weight.detach(), expected[0])
    torch.testing.assert_close(module[2].weight.detach(), expected[1])
    assert kept(module, "0.bias") == 12


def test_densities_and_sensitivities_by_name() -> None:
    module = perceptron()
    prune(module, batches(), Pruning(density={"2.weight": 0.25, "0.bias": 0.5}), NONE)
    assert (kept(module, "0.weight"), kept(module, "2.weight"), kept(module, "0.bias")) == (96, 9, 6)
    module = perceptron()
    weight = module[0].weight.detach().clone()
    prune(module, batches(), Pruning(sensitivity={"0.weight": 0.8}), NONE)
    limit = 0.8 * weight.std(correction=0)
    torch.testing.assert_close(module[0].weight.detach(), weight * (weight.abs() >= limit))
    assert 0 < kept(module, "0.weight") < 96
    assert kept(module, "2.weight") == 36


def test_scales_and_scores() -> None:
    def first_layers_share(**options: Any) -> float:
        module = perceptron()
        with torch.no_grad():
            module[0].weight.mul_(100)
        prune(module, batches(), Pruning(density=0.25, **options), NONE)
        return kept(module, "0.weight") / 33

    assert first_layers_share() == 1
    assert first_layers_share(scale={"2.weight": 1e4}) == 0
    assert 0.5 < first_layers_share(score="normalised") < 0.9
    assert 0.3 < first_layers_share(score="lamp") < 0.9


def test_lamp_scores_are_those_of_the_paper() -> None:
    layer: Any = nn.Linear(3, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3.0, -1.0, 2.0]]))
    score = Masked(layer, Pruning(density=1.0, score="lamp")).score("weight")
    squares = torch.tensor([[9 / 9, 1 / (9 + 4 + 1), 4 / (9 + 4)]])
    torch.testing.assert_close(score, squares.sqrt())


def test_fisher_scores_are_magnitudes_times_root_mean_square_gradients() -> None:
    layer: Any = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[10.0, 1.0]]))
    data = [(torch.tensor([[0.001, 1.0]]), torch.zeros(1))] * 10
    pruning = Pruning(density=0.5, score="fisher", end=0.5, every=0.1)
    prune(layer, data, pruning, Training(epochs=1, learning_rate=0.0), loss=lambda outputs, _: outputs.sum())
    assert layer.weight.tolist() == [[0.0, 1.0]]


def test_the_density_falls_by_the_cubic_schedule_and_is_retrained() -> None:
    module, densities = perceptron(), list[float]()
    pruning = Pruning(density=0.25, end=4.0, every=1.0)
    training = Training(epochs=6, learning_rate=0.05)
    history = prune(module, batches(), pruning, training, validation=batches(seed=1), progress=lambda _: None)
    densities = [figures.density for figures in history]
    expected = [round(132 - 99 * (1 - (1 - time) ** 3)) / 132 for time in (0, 0.25, 0.5, 0.75, 1, 1)]
    assert densities == pytest.approx(expected)
    assert history[-1].error is not None
    assert history[-1].error < 0.2


def test_pruned_weights_stay_exactly_zero() -> None:
    module, masks = perceptron(), list[Tensor]()
    pruning = Pruning(density=0.2, end=0.5, every=0.25)
    training = Training(epochs=3, optimizer="adam", learning_rate=0.05, weight_decay=0.1, l1=1e-3)
    prune(module, batches(), pruning, training, step=lambda: masks.append(module[0].weight.detach() != 0))
    for before, after in pairwise(masks):
        assert not (after & ~before).any()
    assert density(module) == pytest.approx(round(0.2 * 132) / 132)


def test_what_is_zero_at_the_start_counts_as_pruned() -> None:
    module = perceptron()
    with torch.no_grad():
        module[0].weight[:, :4] = 0
    prune(module, batches(), Pruning(density=1.0), Training(epochs=2, learning_rate=0.1))
    assert kept(module, "0.weight") == 48
    assert not module[0].weight[:, :4].any()


def test_splicing_grows_back_what_the_loss_wants() -> None:
    """Only the first input matters, but its weight is the smallest at the start and goes first."""

    def trained(splice: bool) -> Any:
        layer: Any = nn.Linear(2, 1, bias=False)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor([[0.01, 0.02]]))
        inputs = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
        data = [(inputs, inputs[:, :1])] * 5
        pruning = Pruning(density=0.5, splice=splice, every=0.2, hysteresis=1.5)
        training = Training(epochs=20, learning_rate=0.1, schedule="constant")
        prune(layer, data, pruning, training, loss=nn.functional.mse_loss)
        return layer

    assert trained(splice=False).weight.tolist() == [[0.0, pytest.approx(0.02)]]
    weight = trained(splice=True).weight.detach()
    assert weight[0, 0] > 0.9
    assert weight[0, 1] == 0


def test_hysteresis_keeps_present_weights_against_slightly_larger_ones() -> None:
    def mask_after(shadow: float, hysteresis: float) -> list[bool]:
        layer: Any = nn.Linear(2, 1, bias=False)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor([[1.0, 0.5]]))
        form = Masked(layer, Pruning(density=0.5, splice=True, hysteresis=hysteresis))
        form.update(0.0)
        with torch.no_grad():
            form.trained["weight"][0, 1] = shadow
        form.update(1.0)
        return form.masks["weight"][0].tolist()

    assert mask_after(1.2, 1.0) == [False, True]
    assert mask_after(1.2, 1.3) == [True, False]
    assert mask_after(1.4, 1.3) == [False, True]


def test_absent_weights_fade_and_a_frozen_mask_stays() -> None:
    layer: Any = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 0.5]]))
    form = Masked(layer, Pruning(density=0.5, splice=True, every=1.0, fade=10.0, freeze=2.0))
    assert form.advance(0.0, 0.05)
    assert not form.advance(0.5, 0.05)
    assert form.trained["weight"].tolist() == [[1.0, 0.25]]
    assert form.grows
    assert not form.advance(2.0, 0.05)
    assert not form.grows
    form.scatter()
    assert form.trained["weight"].tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize("reset", [True, False])
def test_momentum_is_reset_at_every_update_of_the_mask(reset: bool) -> None:
    """The loss has no gradient after the first epoch: only remembered momentum moves the weights."""
    layer, weights = nn.Linear(2, 1, bias=False), list[Tensor]()
    pruning = Pruning(density=1.0, end=1.0, every=1.0, reset_momentum=reset)
    prune(
        layer,
        [(torch.ones(1, 2), torch.zeros(1))],
        pruning,
        Training(epochs=2, learning_rate=0.1, momentum=0.9, schedule="constant"),
        loss=lambda outputs, _: outputs.sum() * (len(weights) == 0),
        step=lambda: weights.append(layer.weight.detach().clone()),
    )
    assert torch.equal(weights[0], weights[1]) == reset


def test_units_that_nothing_uses_lose_their_weights() -> None:
    module = perceptron()
    with torch.no_grad():
        module[2].weight[:, 3] = 0
    prune(module, batches(), Pruning(density={"0.weight": 0.9, "0.bias": 1.0, "2.weight": 1.0}, dead_units=True), NONE)
    assert not module[0].weight[3].any()
    assert module[0].bias[3] == 0
    assert torch.count_nonzero(module[0].bias) == 11


@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU, nn.LSTMCell, nn.GRUCell])
def test_recurrent_layers_are_pruned_and_stay_so(layer: type[nn.Module]) -> None:
    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.recurrent = layer(8, 6)
            self.head = nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            out = self.recurrent(x) if isinstance(self.recurrent, nn.LSTMCell | nn.GRUCell) else self.recurrent(x[None])
            hidden = out[0] if isinstance(out, tuple) else out
            return self.head(hidden.reshape(len(x), 6))

    module = Reader()
    history = prune(
        module,
        batches(),
        Pruning(density=0.3, end=2.0, every=0.5, splice=True),
        Training(epochs=12, optimizer="adam", learning_rate=0.03),
        validation=batches(seed=1),
    )
    assert density(module) == pytest.approx(0.3, abs=0.01)
    assert history[-1].error is not None
    assert history[-1].error < 0.1


def test_the_largest_with_ties_and_zeros() -> None:
    scores = torch.tensor([2.0, 1.0, 1.0, 0.0, 3.0])
    assert largest(scores, 3).tolist() == [True, True, False, False, True]
    assert largest(scores, 5).tolist() == [True, True, True, False, True]
    assert not largest(scores, 0).any()


def test_equal_runs_are_equal() -> None:
    first, second = perceptron(), perceptron()
    for module in (first, second):
        pruning = Pruning(density=0.1, end=2.0, every=0.3, splice=True, score="fisher", hysteresis=1.1, fade=5.0)
        prune(module, batches(), pruning, Training(epochs=4, optimizer="adam", learning_rate=0.01), seed=3)
    assert_equal(first, second)
    assert weights_of(first)["0.weight"].count_nonzero() < 96


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "pruning takes a density or a sensitivity, got both or neither"),
        ({"density": 0.1, "sensitivity": 1.0}, "pruning takes a density or a sensitivity, got both or neither"),
        ({"density": 0.1, "start": 2.0, "end": 1.0}, "pruning must end after it starts, got start 2 and end 1"),
        ({"density": 0.1, "end": 3.0, "freeze": 2.0}, "can freeze only once pruning ends, got end 3, freeze 2"),
        ({"sensitivity": 1.0, "score": "lamp"}, "a sensitivity is compared with magnitudes, got score lamp"),
        ({"density": 0.1, "score": "fisher"}, "the fisher score needs epochs to see gradients"),
    ],
)
def test_options_that_do_not_go_together(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(EieError, match=sentence):
        Pruning(**options)


def test_a_parameter_that_is_not_there() -> None:
    with pytest.raises(EieError, match=r"pruning must name parameters of 0\.weight, .*, got 'ip9\.weight'"):
        prune(perceptron(), batches(), Pruning(density={"ip9.weight": 0.1}), NONE)
    inputs, _ = blobs()
    with pytest.raises(EieError, match=r"through a torch\.nn\.Sequential only, got Linear"):
        prune(nn.Linear(8, 3), [(inputs, inputs)], Pruning(density=0.1, dead_units=True), NONE)
