"""Recipes: every hyper-parameter of a training run in a TOML file."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from model.errors import EieError
from sw.files import read_whole, reason
from sw.training.augment import Augmentation
from sw.training.methods.about import Method, parse_method
from sw.training.networks import NETWORKS
from sw.training.optimiser import Training
from sw.training.options import Options, choice, from_table, real, whole
from sw.training.steps import KINDS, Stage, Step

Table = Mapping[str, Any]
LARGEST = 1 << 16  # bytes; the time of the parser grows with the square of a key's parts


@dataclass(frozen=True, kw_only=True)
class Data(Options):
    """The training images.

    Parameters
    ----------
    validation : images set aside, drawn at random, on which models are compared.
    copies : distorted copies made of every other image.
    originals : share of the images of a batch that are no copies.
    """

    validation: int = whole(5000, 1, 59_999)
    copies: int = whole(0, 0, 64)
    originals: float = real(0.0, 0, 1)


@dataclass(frozen=True, kw_only=True)
class Distillation(Options):
    """What the student takes from the teacher: see `sw.training.distillation`.

    Parameters
    ----------
    target : "distribution" at `temperature` (Hinton), or the "logits" (Ba and Caruana), each in its deviations.
    share : of the loss that is the teacher's; the rest is that of the labels.
    noisy : share of the inputs whose logits are disturbed at each step.
    sigma : how much: standard deviation of the factor.
    """

    target: str = choice("distribution", "distribution", "logits")
    share: float = real(0.9, 0, 1)
    temperature: float = real(3.0, 0.01, 100)
    noisy: float = real(0.0, 0, 1)
    sigma: float = real(0.0, 0, 100)

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.noisy) != bool(self.sigma):
            raise EieError(f"a noisy teacher needs noisy and sigma, got noisy {self.noisy:g}, sigma {self.sigma:g}")


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """A larger network that is trained first, on batches of `batch` images."""

    batch: int
    training: Training
    distillation: Distillation


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A network and what happens to it, in order; `method` says whose idea that is, if the file does."""

    network: str
    method: Method | None
    data: Data
    augmentation: Augmentation
    teacher: Teacher | None
    stages: tuple[Step, ...]


def built_in(network: str) -> str:
    """The text of the recipe for a network that is used unless another is given."""
    if network not in NETWORKS:
        raise EieError(f"a network must be one of {', '.join(NETWORKS)}, got {network!r}")
    return (Path(__file__).parent / "recipes" / f"{network}.toml").read_text(encoding="utf-8")


def read_recipe(path: Path) -> str:
    """The text of a recipe file; EieError if it cannot be read."""
    try:
        return read_whole(path, LARGEST).decode("utf-8")
    except UnicodeDecodeError as error:
        raise EieError(f"{path} must be a recipe in UTF-8: {reason(error)}") from error


def parse_recipe(text: str, name: str) -> Recipe:
    """The recipe in a TOML text called `name`; EieError says what is unknown, missing or out of range."""
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise EieError(f"{name} must be TOML: {reason(error)}") from error
    try:
        return _recipe(table)
    except EieError as error:
        raise EieError(f"{name}: {error}") from error


def parse_steps(text: str, name: str) -> tuple[Step, ...]:
    """The stages in a TOML text of nothing else, for a module and a loader of the user's own; EieError as above."""
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise EieError(f"{name} must be TOML: {reason(error)}") from error
    try:
        _check_keys("a recipe for a module of one's own", table, ["stage"])
        stages = _listed(table)
        for number, stage in enumerate(stages, start=1):
            for key in ("batch", "taught"):
                if isinstance(stage, dict) and key in stage:
                    raise EieError(f"stage {number}: the loader says what {key!r} says in recipes of eie train")
        return _stages(stages)
    except EieError as error:
        raise EieError(f"{name}: {error}") from error


def _recipe(table: Table) -> Recipe:
    _check_keys("the recipe", table, ["network", "method", "data", "augmentation", "teacher", "stage"])
    network = table.get("network")
    if not isinstance(network, str) or network not in NETWORKS:
        raise EieError(f"network must be one of {', '.join(NETWORKS)}, got {network!r}")
    stages = _listed(table)
    return Recipe(
        network=network,
        method=parse_method(_table(table, "method")) if "method" in table else None,
        data=from_table(Data, _table(table, "data"), "[data]"),
        augmentation=from_table(Augmentation, _table(table, "augmentation"), "[augmentation]"),
        teacher=_teacher(_table(table, "teacher")) if "teacher" in table else None,
        stages=_stages(stages),
    )


def _listed(table: Table) -> list[Any]:
    stages = table.get("stage")
    if not isinstance(stages, list) or not stages:
        raise EieError("wanted at least one [[stage]], got none")
    return cast("list[Any]", stages)


def _teacher(table: Table) -> Teacher:
    _check_keys("[teacher]", table, ["batch", "training", "distillation"])
    return Teacher(
        batch=from_table(Stage, {"batch": table.get("batch", 128)}, "[teacher]").batch,
        training=from_table(Training, _table(table, "training"), "[teacher.training]"),
        distillation=from_table(Distillation, _table(table, "distillation"), "[teacher.distillation]"),
    )


def _stages(tables: list[Any]) -> tuple[Step, ...]:
    stages: list[Step] = []
    for number, table in enumerate(tables, start=1):
        where = f"stage {number}"
        if not isinstance(table, dict):
            raise EieError(f"{where} must be a table, got {table!r}")
        stages.append(_stage(cast("dict[str, Any]", table), where))
    shared = False
    for number, stage in enumerate(stages, start=1):
        if stage.kind == "fine_tune" and not shared:
            raise EieError(f"stage {number}: fine_tune must follow {_sharing()}, with no other stage between")
        shared = stage.shares or (shared and stage.kind == "fine_tune")
    return tuple(stages)


def _stage(table: Table, where: str) -> Step:
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise EieError(f"{where}: kind must be one of {', '.join(KINDS)}, got {kind!r}")
    own, options = KINDS[kind].table, KINDS[kind].options
    common = ["batch", "taught", "training"] if KINDS[kind].trains else []
    _check_keys(f"{where} ({kind})", table, ["kind", own, *common])
    head = {key: value for key, value in table.items() if key in ("kind", "batch", "taught")}
    return Step(
        head=from_table(Stage, head, where),
        options=None if options is None else from_table(options, _table(table, own), f"{where} ({own})"),
        training=from_table(Training, _table(table, "training"), f"{where} (training)"),
    )


def _sharing() -> str:
    *first, last = (name for name, kind in KINDS.items() if kind.shares)
    return f"{', '.join(first)} or {last}"


def _table(table: Table, key: str) -> Table:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise EieError(f"{key} must be a table, got {value!r}")
    return cast("Table", value)


def _check_keys(where: str, table: Table, known: list[str]) -> None:
    for key in table:
        if key not in known:
            raise EieError(f"{where}: no option {key!r}; options: {', '.join(name for name in known if name)}")
