"""sw/training/own_module.py: a user's module and data to a network that is small, exact and as good."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import eie
from model.errors import EieError
from sw.extras import pip_install
from tests.support.networks.training import CLASSES, FEATURES, blobs, perceptron, weights_of

SHORT = {"density": 0.4, "epochs": 8, "learning_rate": 0.01}


class Residual(nn.Module):
    """No Sequential: a sum, a batch normalisation, dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.out = nn.Linear(FEATURES, 12), nn.Linear(12, 12), nn.Linear(12, CLASSES)
        self.norm, self.drop = nn.BatchNorm1d(12), nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.a(x))
        return self.out(torch.relu(self.norm(self.b(self.drop(x))) + x))


def loader(size: int = 16, seed: int = 0) -> Any:
    return DataLoader(TensorDataset(*blobs(seed=seed)), batch_size=size, shuffle=True)


def dense(module: nn.Module) -> nn.Module:
    """The module after a little training, all of it seeded."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        optimizer = torch.optim.Adam(module.parameters(), 0.01)
        for _ in range(15):
            for inputs, labels in loader():
                optimizer.zero_grad()
                nn.functional.cross_entropy(module(inputs), labels).backward()
                optimizer.step()
    return module.eval()


def shape_of(network: Any) -> list[tuple[int, int]]:
    """Of every layer: weights that are not zero, values that they take."""
    weights = [layer.weight for layer in network.to_network().layers]
    return [(int(np.count_nonzero(weight)), len(np.unique(weight[weight != 0]))) for weight in weights]


@pytest.mark.parametrize("make", [perceptron, Residual])
def test_it_is_pruned_shared_and_as_good(make: Any, tmp_path: Path) -> None:
    torch.manual_seed(1)
    module = dense(make())
    before, state, said = weights_of(module), torch.get_rng_state(), list[str]()
    unseen = [blobs(300, seed=5)]
    found = eie.train.compress(module, loader(), eie.train.recipe(**SHORT), validation=unseen, progress=said.append)
    again = eie.train.compress(module, loader(), eie.train.recipe(**SHORT), validation=unseen)
    assert all(torch.equal(value, before[name]) for name, value in weights_of(module).items())
    assert torch.equal(torch.get_rng_state(), state)
    counts = shape_of(found)
    total = sum(layer.weight.size for layer in found.to_network().layers)
    assert sum(kept for kept, _ in counts) <= 0.4 * total + 1
    assert all(values <= 15 for _, values in counts)
    assert eie.train.error(found, unseen) <= eie.train.error(module, unseen) + 0.02 < 0.15
    eie.save(found, tmp_path / "net.eie")
    eie.save(again, tmp_path / "again.eie")
    assert (tmp_path / "net.eie").read_bytes() == (tmp_path / "again.eie").read_bytes()
    assert len(said) == 8
    assert said[0].startswith("prune: epoch 1 of 4, loss ")
    assert said[-1].startswith("fine-tune: epoch 2 of 2, loss ")


def test_it_runs_on_an_array() -> None:
    found = eie.train.compress(dense(perceptron()), loader(), eie.train.recipe(**SHORT))
    inputs, labels = (tensor.numpy() for tensor in blobs(40, seed=6))
    run = eie.simulate(found, inputs, eie.preset("tiny4"))
    assert np.mean(run.outputs.argmax(axis=1) != labels) < 0.15


def test_stages_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        '[[stage]]\nkind = "prune"\npruning = { density = { "0.weight" = 0.25 } }\ntraining = { epochs = 1 }\n'
        '[[stage]]\nkind = "share"\nsharing = { bits = 2 }\n'
    )
    found = eie.train.compress(perceptron(), loader(), path)
    assert [kept for kept, _ in shape_of(found)] == [24, 36]
    assert all(values <= 3 for _, values in shape_of(found))
    assert found.layers[0].code_bits == 2
    path.write_text('[[stage]]\nkind = "train"\nbatch = 3\n')
    with pytest.raises(EieError, match=r"mine\.toml: stage 1: the loader says what 'batch' says"):
        eie.train.compress(perceptron(), loader(), path)
    path.write_text('network = "lenet-5"\n[[stage]]\nkind = "train"\n')
    with pytest.raises(EieError, match="no option 'network'; options: stage"):
        eie.train.compress(perceptron(), loader(), path)


def test_loss_and_metric_of_ones_own() -> None:
    inputs, _ = blobs()
    module = perceptron()
    with torch.no_grad():
        pairs = [(inputs, module(inputs))]
    loss = nn.functional.mse_loss
    found = eie.train.compress(module, pairs, eie.train.recipe(**SHORT), loss=loss, metric=loss)
    assert eie.train.error(found, pairs, loss) < 2 * float(pairs[0][1].var())


class Odd(nn.Module):
    """Its outputs depend on the others of a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(FEATURES, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.a(x - x.mean(0))


X, Y = blobs()


@pytest.mark.parametrize(
    ("module", "pairs", "recipe", "sentence"),
    [
        (perceptron(), iter([(X, Y)]), None, "must know how many batches it has, list_iterator does not: .*list"),
        (perceptron(), [], None, "at least one batch"),
        (perceptron(), [X], None, r"pairs of tensors \(inputs, labels\), got 1: Tensor"),
        (perceptron(), [(X.byte(), Y)], None, r"float32, got torch.uint8: give inputs.float\(\)"),
        (perceptron(), [(X, Y[:5])], None, "got 96 inputs and 5 labels"),
        (
            perceptron(),
            [(X[:, :5], Y)],
            None,
            r"Sequential does not take inputs of shape \(8, 5\): .*Flatten\(\) first",
        ),
        (perceptron(), [(X, nn.functional.one_hot(Y, CLASSES))], None, r"looks one-hot: give labels.argmax\(dim=1\)"),
        (perceptron(), [(X, Y.float())], None, r"int64 class numbers of shape \(8,\).*: give labels.long\(\)"),
        (perceptron(), [(X, Y + 1)], None, "labels must be from 0 to 2, as the module's outputs, got 1 to 3"),
        (nn.Flatten(), [(X, Y)], None, "must have parameters, Flatten has none"),
        (Odd(), [(X, Y)], None, "computes something else than the module"),
        (perceptron(), [(X, Y)], [], r"stages from eie.train.recipe\(...\) or the path"),
        (perceptron(), [(X, Y)], "no such file", "no such file"),
    ],
)
def test_refusals_say_what_to_do(module: nn.Module, pairs: Any, recipe: Any, sentence: str) -> None:
    with pytest.raises(EieError, match=sentence):
        eie.train.compress(module, pairs, recipe)


def test_recipes_are_checked() -> None:
    with pytest.raises(EieError, match="epochs must be 4 or more, got 3"):
        eie.train.recipe(epochs=3)
    with pytest.raises(EieError, match="density"):
        eie.train.recipe(density=2)


def test_without_torch(project_root: Path, tmp_path: Path) -> None:
    """In an interpreter that finds no torch."""
    script = (
        "import importlib.util as u, eie\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'torch' else find(name, *more)\n"
        "try:\n    eie.train\nexcept eie.EieError as error:\n    print(error)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(project_root)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"training needs torch: {pip_install('train')}\n"
