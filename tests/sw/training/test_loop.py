"""sw/training/loop.py: plain training, its figures, determinism, continuing, averages, selection."""

import io
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from model.errors import EieError
from sw.training.evaluate import evaluate
from sw.training.loop import Epoch
from sw.training.optimiser import Training
from sw.training.train import train
from tests.support.networks.training import assert_equal, batches, blobs, perceptron, weights_of

ADAM = Training(epochs=4, optimizer="adam", learning_rate=0.01)


class Memory:
    """A store that can end the run, as a kill would, once some epochs are saved."""

    def __init__(self, last: int | None = None):
        self.state: dict[str, Any] | None = None
        self.last, self.saves = last, 0

    def load(self) -> dict[str, Any] | None:
        return self.state

    def save(self, state: dict[str, Any]) -> None:
        buffer = io.BytesIO()
        torch.save(state, buffer)
        buffer.seek(0)
        self.state = torch.load(buffer, weights_only=True)
        self.saves += 1
        if self.saves == self.last:
            raise KeyboardInterrupt


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_it_learns_and_reports(optimizer: str) -> None:
    module, said = perceptron(), list[Epoch]()
    training = Training(epochs=20, optimizer=optimizer, learning_rate=0.05, weight_decay=1e-4)
    before = evaluate(module, batches(seed=1))
    history = train(module, batches(), training, validation=batches(seed=1), progress=said.append)
    assert history == said
    assert [figures.epoch for figures in history] == list(range(1, 21))
    assert history[-1].loss < history[0].loss
    assert history[-1].error == evaluate(module, batches(seed=1)) < before / 2
    assert history[-1].density == 1


def test_the_same_seed_gives_the_same_weights_and_leaves_the_random_state() -> None:
    inputs, labels = blobs()
    results = [perceptron() for _ in range(3)]
    for module, seed in zip(results, (1, 1, 2), strict=True):
        loader = DataLoader(TensorDataset(inputs, labels), batch_size=16, shuffle=True)
        before = torch.random.get_rng_state()
        train(module, loader, ADAM, seed=seed)
        assert torch.equal(before, torch.random.get_rng_state())
        torch.rand(5)
    assert_equal(results[0], results[1])
    assert not torch.equal(results[0][0].weight, results[2][0].weight)


def test_a_loader_with_its_own_generator_is_seeded() -> None:
    inputs, labels = blobs()
    results = [perceptron() for _ in range(2)]
    for number, module in enumerate(results):
        generator = torch.Generator().manual_seed(number)
        data = DataLoader(TensorDataset(inputs, labels), batch_size=16, shuffle=True, generator=generator)
        train(module, data, ADAM, seed=5)
    assert_equal(*results)


@pytest.mark.parametrize("epochs_before", [1, 3])
@pytest.mark.parametrize("average", [0.0, 0.9])
def test_an_interrupted_run_continues_to_the_same_weights(epochs_before: int, average: float) -> None:
    inputs, labels = blobs()
    training = Training(epochs=4, learning_rate=0.05, average=average, select="best")

    def run(store: Memory) -> nn.Module:
        module: Any = nn.Sequential(*perceptron(), nn.Dropout(0.2))
        loader = DataLoader(TensorDataset(inputs, labels), batch_size=16, shuffle=True)
        train(module, loader, training, validation=batches(seed=1), store=store)
        return module

    whole, store = run(Memory()), Memory(epochs_before)
    with pytest.raises(KeyboardInterrupt):
        run(store)
    assert store.state is not None
    assert len(store.state["history"]) == epochs_before
    assert_equal(run(store), whole)


def test_averages_are_validated_and_kept() -> None:
    module = perceptron()
    steps: list[torch.Tensor] = []
    training = Training(epochs=1, learning_rate=0.1, average=0.5)
    train(module, batches(32), training, step=lambda: steps.append(weights_of(module)["0.weight"]))
    average = weights_of(perceptron())["0.weight"]
    for number, weight in enumerate(steps, start=1):
        average = average.lerp(weight, 1 - min(0.5, (1 + number) / (10 + number)))
    torch.testing.assert_close(module[0].weight.detach(), average)


def test_the_best_epoch_is_kept_the_later_of_equal_ones() -> None:
    module, snapshots = perceptron(), list[dict[str, torch.Tensor]]()
    errors = iter([0.3, 0.1, 0.1, 0.2])
    train(
        module,
        batches(),
        Training(epochs=4, select="best"),
        validation=batches(96),
        metric=lambda outputs, labels: torch.tensor(next(errors)),
        progress=lambda _: snapshots.append(weights_of(module)),
    )
    assert torch.equal(module[0].weight, snapshots[2]["0.weight"])
    assert not torch.equal(module[0].weight, snapshots[3]["0.weight"])


def test_penalties_and_clipping() -> None:
    def trained(**options: Any) -> Any:
        module = perceptron()
        training = Training(epochs=1, schedule="constant", momentum=0.0, **options)
        train(module, [batches()[0]], training, loss=lambda outputs, _: outputs.sum() * 0)
        return module

    def moved(**options: Any) -> torch.Tensor:
        return trained(**options)[0].weight.detach()

    start = perceptron()[0].weight.detach()
    torch.testing.assert_close(moved(learning_rate=0.1, weight_decay=0.5), start * 0.95)
    torch.testing.assert_close(moved(learning_rate=0.1, l1=0.5), start - 0.05 * start.sign())
    clipped = weights_of(trained(learning_rate=1.0, l1=10.0, clip=0.25))
    change = torch.cat([(clipped[name] - value).flatten() for name, value in weights_of(perceptron()).items()])
    torch.testing.assert_close(change.norm(), torch.tensor(0.25))


def test_learning_rates() -> None:
    def rates(schedule: str) -> list[float]:
        training = Training(epochs=10, learning_rate=2.0, schedule=schedule, final=0.1, warmup=2.0)
        return [round(training.rate(epoch), 6) for epoch in (0, 1, 2, 6, 10)]

    assert rates("constant") == [0, 1, 2, 2, 2]
    assert rates("linear") == [0, 1, 2, 1.1, 0.2]
    assert rates("cosine") == [0, 1, 2, 1.1, 0.2]


def test_own_loss_and_metric() -> None:
    layer: Any = nn.Linear(1, 1)
    data = [(torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0], [5.0]]))]
    error = nn.functional.mse_loss
    history = train(layer, data, Training(epochs=300, learning_rate=0.05), loss=error, metric=error, validation=data)
    assert history[-1].error is not None
    assert history[-1].error < 1e-3


def test_refusals() -> None:
    with pytest.raises(EieError, match="training data must have at least one batch, got none"):
        train(perceptron(), [], Training(epochs=1))
    with pytest.raises(EieError, match="validation must have at least one input, got none"):
        train(perceptron(), batches(), Training(epochs=1), validation=[])
    with pytest.raises(EieError, match=r"the loss must stay finite, got .* in epoch 1; lower the learning rate"):
        train(perceptron(), batches(), Training(epochs=1), loss=lambda outputs, _: outputs.sum() / 0)
    with pytest.raises(EieError, match=r"training\.optimizer must be one of sgd, adam, got 'lion'"):
        Training(optimizer="lion")
