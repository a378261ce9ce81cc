"""sw/training/methods/about.py: whose idea a recipe is; the recipes of the study are read and name their networks."""

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

from model.errors import EieError
from sw.training.methods.about import Result, parse_method, study_recipes
from sw.training.recipe import parse_recipe, read_recipe

TABLE = {
    "name": "Pruning",
    "paper": "Somebody, 2015",
    "published": {"error": 0.016, "ratio": 12.0, "counted": "parameters"},
    "target": {"error": 0.02},
}


def test_a_table() -> None:
    method = parse_method(TABLE)
    assert (method.name, method.paper, method.note) == ("Pruning", "Somebody, 2015", "")
    assert method.published == Result(error=0.016, ratio=12.0, counted="parameters")
    assert method.target == Result(error=0.02, ratio=None, counted="file")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": ""}, "name must be text, got ''"),
        ({"paper": 3}, "paper must be text, got 3"),
        ({"author": "x"}, "no option 'author'; options: name, paper, published, target, note"),
        ({"target": {"error": 1.6}}, "error of target must be a number from 0 to 1, got 1.6"),
        ({"target": {"ratio": True}}, "ratio of target must be a number from 1 to 1e\\+06, got True"),
        ({"target": {"size": 1}}, "target has no option 'size'; options: error, ratio, counted"),
        ({"target": 3}, "target must be a table, got 3"),
        ({"published": {"counted": "bits"}}, "counted must be one of parameters, file, got 'bits'"),
    ],
)
def test_refusals(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(EieError, match=rf"\[method\]: .*{sentence}"):
        parse_method({**TABLE, **change})


@pytest.mark.parametrize("name", study_recipes())
def test_recipes_of_the_study(name: str) -> None:
    path = study_recipes()[name]
    recipe = parse_recipe(read_recipe(path), path.name)
    assert recipe.method is not None
    assert name.partition(".")[2] == recipe.network
    assert recipe.stages[-1].kind in ("share", "fine_tune"), "values would not be shared in the file"
