"""sw/training/recipe.py: the recipes that are shipped, and what a recipe may not say."""

import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

from model.errors import EieError
from sw.training.augment import Augmentation
from sw.training.networks import NETWORKS
from sw.training.optimiser import Training
from sw.training.recipe import KINDS, Data, Distillation, built_in, parse_recipe, read_recipe

SHORT = """
network = "lenet-5"
[[stage]]
kind = "share"
sharing = { bits = 3 }
"""


@pytest.mark.parametrize("network", NETWORKS)
def test_shipped_recipes(network: str) -> None:
    recipe = parse_recipe(built_in(network), network)
    assert recipe.network == network
    assert {"train", "prune"} <= {stage.kind for stage in recipe.stages}


def test_example_recipes(project_root: Path) -> None:
    recipes = list((project_root / "examples" / "recipes").glob("*.toml"))
    assert len(recipes) >= 2
    for path in recipes:
        assert path.name.startswith(parse_recipe(read_recipe(path), str(path)).network)


def test_values_arrive_where_they_belong() -> None:
    text = """
    network = "lenet-300-100"
    [data]
    copies = 2
    [augmentation]
    shift = 1.5
    [teacher]
    batch = 64
    training.epochs = 3
    distillation.temperature = 2.0
    [[stage]]
    kind = "prune"
    batch = 32
    taught = false
    pruning.density = { "ip1.weight" = 0.1 }
    training.learning_rate = 0.5
    """
    recipe = parse_recipe(text, "x.toml")
    assert (recipe.data.copies, recipe.data.validation, recipe.augmentation.shift) == (2, 5000, 1.5)
    assert recipe.teacher is not None
    assert (recipe.teacher.batch, recipe.teacher.training.epochs) == (64, 3)
    assert (recipe.teacher.distillation.temperature, recipe.teacher.distillation.share) == (2.0, 0.9)
    stage = recipe.stages[0]
    assert (stage.kind, stage.head.batch, stage.head.taught, stage.training.learning_rate) == ("prune", 32, False, 0.5)
    assert stage.options.density == {"ip1.weight": 0.1}
    assert parse_recipe(SHORT, "x.toml").teacher is None


STAGE = '[[stage]]\nkind = "{}"\n'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("network = ", "x.toml must be TOML: "),
        ("", "x.toml: network must be one of lenet-300-100, lenet-5, got None"),
        ('network = "vgg"', "x.toml: network must be one of lenet-300-100, lenet-5, got 'vgg'"),
        ('network = ["lenet-5"]', r"x.toml: network must be one of lenet-300-100, lenet-5, got \['lenet-5'\]"),
        ('network = "lenet-5"', r"x.toml: wanted at least one \[\[stage\]\], got none"),
        ('network = "lenet-5"\nstage = [1]', "x.toml: stage 1 must be a table, got 1"),
        ('network = "lenet-5"\nstage = 3', r"x.toml: wanted at least one \[\[stage\]\]"),
        (f"speed = 9\n{SHORT}", "x.toml: the recipe: no option 'speed'; options: network, method, data, augmentation"),
        (f"data = 9\n{SHORT}", "x.toml: data must be a table, got 9"),
        (f"data.images = 9\n{SHORT}", r"x.toml: \[data\]: no option 'images'; options: validation, copies, originals"),
        (f"data.copies = -1\n{SHORT}", r"x.toml: \[data\]: data.copies must be a whole number from 0 to 64, got -1"),
        (f"teacher.size = 9\n{SHORT}", r"\[teacher\]: no option 'size'; options: batch, training, distillation"),
        (f"teacher.batch = 0\n{SHORT}", r"\[teacher\]: stage.batch must be a whole number"),
        (
            SHORT + STAGE.format("grow"),
            "x.toml: stage 2: kind must be one of train, prune, tidy, share, pull, fine",
        ),
        (SHORT + STAGE.format("tidy") + "batch = 3", r"stage 2 \(tidy\): no option 'batch'; options: kind, tidying"),
        (
            SHORT + STAGE.format("train") + "pruning = {}",
            r"no option 'pruning'; options: kind, batch, taught",
        ),
        (SHORT + STAGE.format("prune") + "pruning.depth = 1", r"stage 2 \(pruning\): no option 'depth'"),
        (f"teacher.distillation.noisy = 0.5\n{SHORT}", "a noisy teacher needs noisy and sigma, got noisy 0.5, sigma 0"),
        (SHORT + STAGE.format("prune"), r"stage 2 \(pruning\): pruning takes a density or a sensitivity, got both or"),
        (SHORT + STAGE.format("train") + "training.epochs = 1.5", r"stage 2 \(training\): training.epochs must be a"),
        (
            SHORT + STAGE.format("tidy") + STAGE.format("fine_tune"),
            "stage 3: fine_tune must follow share, pull",
        ),
    ],
)
def test_refusals(text: str, sentence: str) -> None:
    with pytest.raises(EieError, match=sentence) as raised:
        parse_recipe(text, "x.toml")
    assert "\n" not in str(raised.value)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(SHORT)
    assert tomllib.loads(read_recipe(path))["network"] == "lenet-5"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(EieError, match=r"r\.toml must be a recipe in UTF-8: "):
        read_recipe(path)
    with pytest.raises(EieError, match=r"cannot read .*none\.toml"):
        read_recipe(tmp_path / "none.toml")
    with pytest.raises(EieError, match="a network must be one of lenet-300-100, lenet-5, got 'alexnet'"):
        built_in("alexnet")


def test_the_documentation_names_every_key(project_root: Path) -> None:
    text = (project_root / "docs" / "training.md").read_text()
    tables = [Data, Augmentation, Distillation, Training, *(kind.options for kind in KINDS.values() if kind.options)]
    keys = {item.name for table in tables for item in fields(table)}
    assert {key for key in (*keys, *KINDS) if f"`{key}`" not in text} == set()
