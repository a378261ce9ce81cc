"""A row of a study: a recipe with a seed, its model file and its figures, kept in a folder from run to run.

Of the row NAME-SEED there are in the folder NAME-SEED.eie, NAME-SEED.json with the figures, and while it is made
NAME-SEED.eie.checkpoint and NAME-SEED.lock. A command that finds a row of the same recipe takes it; one that finds
another command making it leaves it out.
"""

import fcntl
import hashlib
import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from model.errors import EieError
from sim.mnist import load_mnist
from sim.provenance import made_by
from sim.study.measure import measure, verify_file
from sw.files import read_whole, reason, write_whole

if TYPE_CHECKING:
    from sw.training.methods.about import Method

LARGEST_ROW = 1 << 20  # bytes


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a row is asked for; it travels to another process.

    name, recipe : of the recipe, METHOD.NETWORK, and its text.
    data : the folder with mnist/.
    folder : where the row is kept.
    simulated : test images for the arrays' figures.
    verified : whether the file goes through the RTL as well.
    """

    name: str
    recipe: str
    method: "Method"
    network: str
    seed: int
    data: Path
    folder: Path
    threads: int
    simulated: int
    verified: bool

    @property
    def stem(self) -> str:
        """The row's name."""
        return f"{self.name}-{self.seed}"

    def path(self, ending: str) -> Path:
        """One of the row's files."""
        return self.folder / f"{self.stem}.{ending}"

    @property
    def recipe_digest(self) -> str:
        """Which recipe: rows of others are made again."""
        return hashlib.sha256(self.recipe.encode()).hexdigest()


Row = dict[str, Any]  # plain values, as in the JSON file


class Telling:
    """Is told how a row proceeds; `sim.study.run` shows it."""

    def text(self, text: str) -> None:
        """What is being done now."""

    def epochs(self, count: int) -> None:
        """So many more epochs are done."""


def stored_row(order: Order) -> Row | None:
    """The row as it lies in the folder, if it was made by this recipe; EieError for a file that is no row."""
    row = read_row(order.path("json")) if order.path("json").exists() else None
    return row if row is not None and row["recipe_sha256"] == order.recipe_digest else None


def read_row(path: Path) -> Row:
    """The row in a file; EieError if it is none."""
    try:
        row: Any = json.loads(read_whole(path, LARGEST_ROW))
    except (ValueError, RecursionError) as error:
        raise EieError(f"{path} must be a row of eie study: {reason(error)}") from error
    wanted = {"name", "seed", "recipe_sha256", "bytes", "integer_error", "method"}
    if not isinstance(row, dict) or not wanted <= cast("Row", row).keys():
        raise EieError(f"{path} must be a row of eie study, with {', '.join(sorted(wanted))}")
    return cast("Row", row)


def is_complete(order: Order, row: Row | None) -> bool:
    """Whether nothing that was asked for is missing."""
    if row is None or not order.path("eie").exists():
        return False
    return row["simulated"] == order.simulated and (not order.verified or row["verified"] is not None)


def make_row(order: Order, telling: Telling) -> Row | None:
    """Train, count and write what is missing of a row; None if another command is at it."""
    from sw.training.networks import parameter_count

    with _lock(order) as mine:
        if not mine:
            return None
        row = stored_row(order)
        if is_complete(order, row):
            return row
        if row is not None and not order.path("eie").exists():
            row = None
        seconds = _train(order, telling) if row is None else row["training_seconds"]
        test = load_mnist(order.data / "mnist", "t10k")
        begun_with = parameter_count(order.network)
        found = measure(order.path("eie"), test, order.simulated, telling.text, begun_with)
        verified = None if row is None else row["verified"]
        if order.verified:
            telling.text("running the RTL")
            verified = verify_file(order.path("eie"), test)
        made = {
            "made_by": made_by(),
            "name": order.name,
            "network": order.network,
            "seed": order.seed,
            "recipe_sha256": order.recipe_digest,
            "method": asdict(order.method),
            **found.payload(),
            "training_seconds": seconds,
            "threads": order.threads,
            "verified": verified,
        }
        write_whole(order.path("json"), (json.dumps(made, indent=2, allow_nan=False) + "\n").encode())
        order.path("eie.checkpoint").unlink(missing_ok=True)
    return made


def given_row(path: Path, data: Path, simulated: int) -> Row:
    """The figures of a model file from elsewhere, as a row of no method."""
    test = load_mnist(data / "mnist", "t10k")
    return {
        "name": path.stem,
        "network": path.name,
        "seed": None,
        "method": None,
        **measure(path, test, simulated).payload(),
        "training_seconds": None,
        "verified": None,
    }


def _train(order: Order, telling: Telling) -> float:
    """Train the row's recipe to its file; seconds of training, those of interrupted runs included."""
    from sim.study.training import run_arguments, train_recipe, write_trained
    from sw.training.checkpoint import Checkpoint
    from sw.training.recipe import parse_recipe

    images, labels = load_mnist(order.data / "mnist", "train")
    others = {"seed": order.seed, "device": "cpu", "threads": order.threads}
    trained = train_recipe(
        parse_recipe(order.recipe, f"the recipe {order.name}"),
        images,
        labels,
        seed=order.seed,
        device="cpu",
        threads=order.threads,
        watcher=_Epochs(telling),
        checkpoint=Checkpoint(order.path("eie.checkpoint"), run_arguments(order.recipe, None, images, labels, others)),
    )
    write_trained(trained, images, order.path("eie"), order.seed)
    return trained.seconds


class _Epochs:
    """A watcher that counts epochs."""

    def __init__(self, telling: Telling):
        self._telling, self._what = telling, ""

    def begin(self, what: str, units: int, done: int) -> None:
        self._what = what.replace("_", "-")
        self._telling.text(self._what)

    def advance(self, units: int) -> None: ...

    def epoch(self, figures: Any) -> None:
        wrong = "" if figures.error is None else f", {100 * figures.error:.2f} % wrong"
        self._telling.text(f"{self._what}, epoch {figures.epoch} of {figures.epochs}{wrong}")
        self._telling.epochs(1)


@contextmanager
def _lock(order: Order) -> Generator[bool]:
    """Whether the row is this process's while the context is open."""
    path = order.path("lock")
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        try:
            yield True
        finally:
            path.unlink(missing_ok=True)
