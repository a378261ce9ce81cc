"""`eie train`: the Deep Compression pipeline on MNIST, from random or given weights to a model file."""

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from model.errors import EieError
from sim.mnist import load_mnist
from sim.progress import Advance
from sim.terminal.options import Json
from sim.terminal.output import Output
from sim.terminal.size_tables import show_sizes, size_payload
from sim.text import count
from sw.extras import pip_install
from sw.file.model_file import load
from sw.file.sizes import FileSizes
from sw.files import check_target, read_whole
from sw.formats.assumptions import Assumptions
from sw.formats.network_file import TENSOR_LOADERS, load_network
from sw.network.accuracy import Errors, IntegerErrors, measure_float, measure_integers

if TYPE_CHECKING:
    from sw.training.loop import Epoch
    from sw.training.pipeline import Trained
    from sw.training.recipe import Recipe

MOST_THREADS = 1024


def train_command(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help="lenet-300-100 or lenet-5.")],
    data: Annotated[
        Path,
        typer.Option("--data", envvar="EIE_DATA", metavar="DIR", help="Folder with mnist/ and its four gzip files."),
    ],
    path: Annotated[Path, typer.Option("-o", "--output", metavar="NET.eie", help="The compressed network.")],
    recipe_file: Annotated[
        Path | None,
        typer.Option(
            "--recipe", metavar="FILE.toml", help="Every hyper-parameter [default: the network's own recipe]."
        ),
    ] = None,
    weights_file: Annotated[
        Path | None,
        typer.Option("--weights", metavar="WEIGHTS", help="Dense weights to start from: .safetensors, .npz, .pt."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of everything random, 0 or more.")] = 0,
    device: Annotated[str, typer.Option(help="Where torch computes: cpu or cuda.")] = "cpu",
    threads: Annotated[int | None, typer.Option(help="Threads of torch on the CPU [default: its own choice].")] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew though NET.eie.checkpoint is there.")] = False,
    as_json: Json = False,
) -> None:
    """Train a network on MNIST and compress it.

    Its weights are pruned, shared, fine-tuned and Huffman-coded. Models are compared on training images set aside; the
    test images are used once, on the file that was written. An interrupted run goes on from NET.eie.checkpoint when it
    is started again with the same arguments.
    """
    torch = _torch()
    from sim.study.training import run_arguments, train_recipe
    from sw.training.checkpoint import Checkpoint

    output = Output(as_json=as_json)
    _check(torch, seed, device, threads)
    text, recipe = _recipe(network, recipe_file)
    checkpoint_path = path.with_name(f"{path.name}.checkpoint")
    for target in (path, checkpoint_path):
        check_target(target, recipe_file, weights_file)
    weights = None if weights_file is None else read_weights(weights_file)
    images, labels = load_mnist(data / "mnist", "train")
    test = load_mnist(data / "mnist", "t10k")  # read now, so that nothing missing is found after the training
    weights_bytes = None if weights_file is None else read_whole(weights_file)
    others = {"seed": seed, "device": device, "threads": threads}
    checkpoint = Checkpoint(checkpoint_path, run_arguments(text, weights_bytes, images, labels, others))
    if restart:
        checkpoint.remove()
    with Watched(output) as watcher:
        trained = train_recipe(
            recipe,
            images,
            labels,
            seed=seed,
            device=device,
            threads=threads,
            watcher=watcher,
            checkpoint=checkpoint,
            weights=weights,
        )
    _show_stages(output, network, trained)
    sizes = _write(output, path, trained, images, seed)
    in_float, in_integers = _test(output, path, *test)
    output.line(f"{trained.seconds / 60:.1f} minutes of training, interrupted runs included")
    checkpoint.remove()
    output.result(
        {
            "file": str(path),
            "network": network,
            "seed": seed,
            "error_float32": in_float.error,
            "error_integers": in_integers.error,
            "test_images": in_float.inputs,
            "training_seconds": trained.seconds,
            "stages": [asdict(stage) for stage in trained.stages],
            **size_payload(sizes),
        }
    )


def read_weights(path: Path) -> dict[str, NDArray[np.float32]]:
    """Weights and biases of a network file by their names in the module."""
    by_name = Assumptions(order="name" if path.suffix.lower() in TENSOR_LOADERS else None)  # of no matter here
    layers = load_network(path, assumptions=by_name).layers
    weights = {f"{layer.name}.weight": layer.weight for layer in layers}
    return weights | {f"{layer.name}.bias": layer.bias for layer in layers}


def percent2(value: float) -> str:
    """A fraction as a percentage with two decimals: one test image of 10,000 is the last."""
    return f"{100 * value:.2f} %"


class Watched:
    """Shows how a run proceeds: a bar for every stage, with the figures of its last epoch."""

    def __init__(self, output: Output):
        self._output, self._bars = output, ExitStack()
        self._what, self._advance = "", None

    def __enter__(self) -> "Watched":
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.close()

    def begin(self, what: str, units: int, done: int) -> None:
        """Another bar."""
        self._bars.close()
        self._what = what.replace("_", "-")
        self._advance: Advance | None = self._bars.enter_context(self._output.bar(self._what, units))
        self.advance(done)

    def advance(self, units: int) -> None:
        """Move it."""
        if self._advance is not None:
            self._advance(units)

    def epoch(self, figures: "Epoch") -> None:
        """Other figures beside it."""
        if self._advance is not None:
            error = "" if figures.error is None else f", validation error {percent2(figures.error)}"
            text = (
                f"{self._what}, epoch {figures.epoch} of {figures.epochs}{error}, density {percent2(figures.density)}"
            )
            self._advance(0, text)


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise EieError(f"eie train needs torch: {pip_install('train')}") from error
    return torch


def _check(torch: Any, seed: int, device: str, threads: int | None) -> None:
    if not 0 <= seed < 1 << 32:
        raise EieError(f"--seed must be from 0 to {(1 << 32) - 1}, got {seed}")
    if threads is not None and not 1 <= threads <= MOST_THREADS:
        raise EieError(f"--threads must be from 1 to {MOST_THREADS}, got {threads}")
    if device not in ("cpu", "cuda"):
        raise EieError(f"--device must be cpu or cuda, got {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise EieError(f"--device cuda needs a CUDA device, and torch {torch.__version__} finds none")


def _recipe(network: str, file: Path | None) -> tuple[str, "Recipe"]:
    """The recipe in a file, or the network's own, as text and read."""
    from sw.training.recipe import built_in, parse_recipe, read_recipe

    text = built_in(network) if file is None else read_recipe(file)
    recipe = parse_recipe(text, f"the recipe of {network}" if file is None else str(file))
    if recipe.network != network:
        raise EieError(f"{file} is a recipe for {recipe.network}, wanted one for {network}")
    return text, recipe


def _show_stages(output: Output, network: str, trained: "Trained") -> None:
    rows: list[list[str]] = []
    for stage in trained.stages:
        last = stage.last
        if last is None:
            rows.append([stage.name.replace("_", "-"), "", "", "", ""])
            continue
        error = "" if last.error is None else percent2(last.error)
        rows.append([stage.name.replace("_", "-"), str(last.epochs), f"{last.loss:.4f}", error, percent2(last.density)])
    output.table(f"{network}: how each stage ended", ["stage", "epochs", "loss", "validation error", "density"], rows)


def _write(output: Output, path: Path, trained: "Trained", images: NDArray[np.float32], seed: int) -> FileSizes:
    """Compress what was trained into the file at `path`, calibrated on some of the images; its sizes are shown."""
    from sim.study.training import write_trained

    with output.steps(f"writing {path}"):
        sizes = write_trained(trained, images, path, seed)
    show_sizes(output, str(path), sizes)
    return sizes


def _test(
    output: Output, path: Path, images: NDArray[np.float32], labels: NDArray[np.int64]
) -> tuple[Errors, IntegerErrors]:
    """Errors of the file at `path` on the test images, in float32 and on the integer datapath; they are shown."""
    compressed = load(path)
    with output.bar(f"testing {path}", 2 * len(images)) as advance:
        in_float = measure_float(compressed.to_network(), images, labels, advance=advance)
        in_integers = measure_integers(compressed, images, labels, advance=advance)
    output.table(
        f"{path} decoded, {count(in_float.inputs)} test images",
        ["arithmetic", "wrong", "error"],
        [
            ["float32", count(in_float.wrong), percent2(in_float.error)],
            ["integers", count(in_integers.wrong), percent2(in_integers.error)],
        ],
    )
    return in_float, in_integers
