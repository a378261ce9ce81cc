"""sw/training/pipeline.py: a recipe from beginning to end, ended anywhere, from given weights."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

import torch
from torch import Tensor, nn

from model.errors import EieError
from sw.training.checkpoint import Checkpoint
from sw.training.loop import Epoch
from sw.training.networks import load_weights, network
from sw.training.pipeline import Trained, run_recipe
from sw.training.recipe import parse_recipe
from sw.training.watcher import Silent
from tests.support.networks.recipes import RECIPE, digits
from tests.support.networks.training import assert_equal, distinct, weights_of

STAGES = ["teacher", "train", "prune", "tidy", "pull", "share", "fine_tune", "fine_tune", "tidy"]
EPOCHS = [2, 3, 4, None, 2, None, 2, 1, None]


class Killer(Silent):
    """Ends the run after so many units of progress in the stages that train."""

    def __init__(self, units: int):
        self.units, self.counts, self.epochs = units, False, 0

    def begin(self, what: str, units: int, done: int) -> None:
        self.counts = what not in ("distorting images", "asking the teacher")

    def advance(self, units: int) -> None:
        self.units -= units * self.counts
        if self.units < 0:
            raise KeyboardInterrupt

    def epoch(self, figures: Epoch) -> None:
        self.epochs += 1


def run(name: str = "lenet-300-100", seed: int = 0, **options: Any) -> Trained:
    images, labels = digits(1)
    recipe = parse_recipe(RECIPE.format(network=name), "recipe")
    return run_recipe(recipe, torch.from_numpy(images).unsqueeze(1), torch.from_numpy(labels), seed=seed, **options)


@pytest.fixture(scope="module")
def whole() -> Trained:
    return run()


def check_shared(module: nn.Module, zeros: float) -> None:
    for name, parameter in module.named_parameters():
        if name.endswith("weight"):
            assert distinct(parameter) <= 15
        elif name in ("ip1.bias", "ip2.bias"):
            assert distinct(parameter) <= 3
    weights = torch.cat([parameter.flatten() for name, parameter in module.named_parameters() if "weight" in name])
    assert torch.count_nonzero(weights) <= zeros * weights.numel()


def test_a_recipe_from_beginning_to_end(whole: Trained) -> None:
    assert [stage.name for stage in whole.stages] == STAGES
    assert [None if stage.last is None else stage.last.epochs for stage in whole.stages] == EPOCHS
    check_shared(whole.module, 0.1)
    last = whole.stages[-2].last
    assert last is not None
    assert last.error is not None
    assert last.error < 0.2
    assert whole.seconds > 0


def test_convolutions() -> None:
    trained = run("lenet-5")
    check_shared(trained.module, 0.1)
    last = trained.stages[-2].last
    assert last is not None
    assert last.error is not None
    assert last.error < 0.2


def test_the_same_seed_gives_the_same_weights(whole: Trained) -> None:
    assert_equal(run().module, whole.module)
    other = weights_of(run(seed=1).module)
    assert not torch.equal(other["ip1.weight"], weights_of(whole.module)["ip1.weight"])


@pytest.mark.parametrize("units", [3, 20, 50, 80, 99])
def test_a_run_ended_anywhere_continues_to_the_same_weights(whole: Trained, tmp_path: Path, units: int) -> None:
    checkpoint = Checkpoint(tmp_path / "checkpoint", "run")
    first, second = Killer(units), Killer(10**9)
    with pytest.raises(KeyboardInterrupt):
        run(watcher=first, checkpoint=checkpoint)
    assert checkpoint.path.exists() == (units > 6)
    continued = run(watcher=second, checkpoint=checkpoint)
    assert_equal(continued.module, whole.module)
    assert [stage.name for stage in continued.stages] == STAGES
    assert [stage.last for stage in continued.stages] == [stage.last for stage in whole.stages]
    assert first.epochs + second.epochs == sum(epochs for epochs in EPOCHS if epochs is not None)


def test_given_weights_are_not_trained_densely_again(whole: Trained) -> None:
    weights = weights_of(network("lenet-300-100"))
    trained = run(weights=weights)
    assert [stage.name for stage in trained.stages] == [name for name in STAGES if name != "train"]
    with pytest.raises(EieError, match=r"ip3\.bias must have shape \(10,\), got none"):
        run(weights={name: value for name, value in weights.items() if name != "ip3.bias"})


@pytest.mark.parametrize(
    ("name", "tensor", "sentence"),
    [
        ("ip1.weight", torch.zeros(300, 100), r"ip1\.weight must have shape \(300, 784\), got \(300, 100\)"),
        ("conv1.weight", torch.zeros(1), r"conv1\.weight must have shape none, got \(1,\)"),
    ],
)
def test_weights_of_another_network(name: str, tensor: Tensor, sentence: str) -> None:
    module: Any = network("lenet-300-100")
    with pytest.raises(EieError, match=sentence):
        load_weights(module, {**weights_of(module), name: tensor})


def test_too_few_images() -> None:
    recipe = parse_recipe(RECIPE.format(network="lenet-5"), "recipe")
    with pytest.raises(EieError, match="60 images must be more than the 60 set aside"):
        run_recipe(recipe, torch.zeros(60, 1, 28, 28, dtype=torch.uint8), torch.zeros(60, dtype=torch.int64))
