"""sw/training/methods/structure.py: layers replaced; every method, killed anywhere, goes on."""

from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

import torch
from torch import nn

from model.errors import EieError
from sw.training.checkpoint import Checkpoint
from sw.training.methods.structure import replace, restructure, structure
from sw.training.networks import NETWORKS
from sw.training.pipeline import Trained, run_recipe
from sw.training.recipe import parse_recipe
from sw.training.steps import KINDS
from tests.support.networks.kept import Kept
from tests.support.networks.recipes import digits
from tests.support.networks.training import assert_equal, perceptron

IMAGES = 40
TRAINING = 'training = { epochs = 2, optimizer = "adam", learning_rate = 0.003, select = "best" }'
HEAD = "[data]\nvalidation = 20\n"
SHRUNK = '[[stage]]\nkind = "tidy"\ntidying.shrink = true\n'

STAGES = {
    "structured_sparsity": "structured_sparsity = { neurons = 0.02, columns = 0.01, filters = 0.02 }",
    "binary_connect": "binary_connect.stochastic = true",
    "ternary_connect": "ternary_connect.powers = true",
    "soft_sharing": "",
    "low_rank": "low_rank.rank = 4",
    "entropy_penalty": 'entropy_penalty.penalty = "bits"',
    "divnet": "divnet.inputs = 15",
    "merge_neurons": "",
    "variational_dropout": "variational_dropout = { begin = 0, full = 1 }",
    "fixed_point": "",
    "surgery": "surgery = { c = 0.2, gamma = 0.5 }",
    "tensor_factors": 'tensor_factors = { rank = { "conv2.weight" = 3 }, input_rank = 2 }',
}
OLD = {"train", "prune", "tidy", "share", "pull", "fine_tune"}  # tests/sw/training/test_resume.py


def tiny() -> Any:
    """(n, 1, 28, 28) inputs to 10 outputs, with every kind of layer."""
    parts: Any = OrderedDict(
        conv1=nn.Conv2d(1, 4, 4, stride=4), relu1=nn.ReLU(), conv2=nn.Conv2d(4, 6, 3), pool=nn.MaxPool2d(2),
        flatten=nn.Flatten(), ip1=nn.Linear(24, 12), relu2=nn.ReLU(), ip2=nn.Linear(12, 10),
    )  # fmt: skip
    return nn.Sequential(parts)


def test_every_method_is_killed_here() -> None:
    assert set(STAGES) | OLD == set(KINDS)


@pytest.mark.parametrize("kind", STAGES)
def test_a_run_killed_at_any_moment_ends_with_the_same_bytes(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NETWORKS, "tiny", tiny)
    stage = f'[[stage]]\nkind = "{kind}"\nbatch = 10\n{STAGES[kind]}\n{TRAINING}\n'
    last = f'[[stage]]\nkind = "train"\nbatch = 10\n{TRAINING}\n'
    recipe = parse_recipe(f'network = "tiny"\n{HEAD}{stage}{SHRUNK}{last}', "recipe")
    images, labels = digits(1, IMAGES)

    def run(checkpoint: Checkpoint) -> Trained:
        return run_recipe(
            recipe, torch.from_numpy(images).unsqueeze(1), torch.from_numpy(labels), checkpoint=checkpoint
        )

    kept = Kept(tmp_path / "kept")
    whole = run(kept)
    assert len(kept.left) == 2 + 2 + 3
    for left in kept.left:
        checkpoint = Checkpoint(tmp_path / "left", "run")
        checkpoint.path.write_bytes(left)
        continued = run(checkpoint)
        assert_equal(continued.module, whole.module)
        assert continued.stages == whole.stages


def nested() -> Any:
    return nn.Sequential(nn.Sequential(nn.Conv2d(1, 4, 3, stride=2, bias=False)), nn.Flatten(), nn.Linear(4, 2))


def test_a_module_gets_the_layers_that_another_has() -> None:
    changed: Any = nested()
    inner = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Sequential(nn.Conv2d(2, 2, 3, groups=2), nn.Conv2d(2, 4, 1)))
    replace(changed, "0.0", inner)
    replace(changed, "2", nn.Linear(3, 2))
    other = nested()
    restructure(other, structure(changed))
    assert structure(other) == structure(changed)
    other.load_state_dict(changed.state_dict())
    assert_equal(other, changed)
    restructure(other, structure(changed))
    assert_equal(other, changed)


def test_a_module_that_is_the_layer_cannot_be_replaced() -> None:
    with pytest.raises(EieError, match="the module itself cannot, got a Linear"):
        replace(nn.Linear(2, 2), "", nn.Linear(2, 2))


def test_a_replacement_is_in_the_mode_of_what_holds_it() -> None:
    module = perceptron().eval()
    replace(module, "0", nn.Linear(8, 12))
    assert not module[0].training
