"""`eie.train`: a torch module of the user's own, pruned, shared and fine-tuned on the user's own data, as a network.

It needs torch, the extra `train`; modules other than a `torch.nn.Sequential` of simple layers need onnx as well.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from model.errors import EieError
from sw.compress.pipeline import compress as lay_out
from sw.network.compressed import CompressedNetwork
from sw.training.evaluate import Batches, Loss, evaluate, wrong
from sw.training.export import to_network
from sw.training.fine_tune import FineTuning
from sw.training.graph_module import GraphModule
from sw.training.loop import Epoch, Settings
from sw.training.methods.structure import structure
from sw.training.optimiser import Training
from sw.training.own_network import first_inputs, network_of
from sw.training.prune import Pruning
from sw.training.pull import Pulling
from sw.training.recipe import parse_steps, read_recipe
from sw.training.reproducible import epoch_seed, reproducible
from sw.training.steps import Stage, Step, run_step

__all__ = ["compress", "error", "recipe"]

CALIBRATION_INPUTS = 500
FIRST = 0.002  # learning rate while pruning


def compress(
    module: nn.Module,
    loader: Batches,
    recipe: Sequence[Step] | str | Path | None = None,
    *,
    validation: Batches | None = None,
    loss: Loss | None = None,
    metric: Loss | None = None,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> CompressedNetwork:
    """Prune a trained module, fine-tune it, let its weights share values and fine-tune those (Deep Compression).

    The module stays as it is: copies are trained. A `torch.nn.Sequential` of Linear, Conv2d, ReLU, pooling, Flatten and
    Dropout is trained as it is; any other module goes through torch's export to ONNX, as the network without dropout
    and with batch normalisations folded into its layers. The result is calibrated on the first inputs of the loader.

    Parameters
    ----------
    module : float32, takes (n, *shape) inputs.
    loader : gives (inputs, labels) anew on each pass and has a length, such as a `torch.utils.data.DataLoader`.
    recipe : what is done in which order: stages that `recipe` makes, or the path of a TOML file of [[stage]] tables
        (docs/training.md). None: `recipe()`.
    validation : batches that nothing is trained on; the epoch with the least `metric` on them is kept. None: the last.
    loss : (outputs, labels) to a scalar; cross entropy of (n, classes) outputs and (n,) labels by default.
    metric : (outputs, labels) to the mean error of a batch; by default the share of wrong largest outputs.
    seed : of the order of the batches and dropout.
    progress : told a sentence after each epoch.

    Raises EieError for a module, a loader or labels that cannot be used, saying what would be.
    """
    steps = read_steps(recipe)
    with reproducible():
        epoch_seed(loader, seed, 0)
        inputs = first_inputs(module, loader, CALIBRATION_INPUTS, loss is None or metric is None)
        network, is_chain = network_of(module, inputs)
        student: Any = deepcopy(module) if is_chain else GraphModule(network).to(next(module.parameters()).device)
        shared: dict[str, Tensor] = {}
        for number, step in enumerate(steps):
            settings = Settings(validation=validation, seed=seed + (number + 1 << 32), progress=_told(step, progress))
            if loss is not None:
                settings["loss"] = loss
            if metric is not None:
                settings["metric"] = metric
            before = structure(student)
            shared, _ = run_step(student, step, shared, loader, settings)
            if not is_chain and structure(student) != before:
                raise EieError(f"{step.kind} makes other layers, which only a torch.nn.Sequential can get here")
    trained = to_network(student, tuple(inputs.shape[1:])) if is_chain else student.network(network)
    return lay_out(trained, calibration=inputs.cpu().numpy())


def recipe(
    *, density: float = 0.05, code_bits: int = 4, epochs: int = 20, learning_rate: float = FIRST
) -> tuple[Step, ...]:
    """The usual stages: pruning while training, sharing while training, training of the shared values.

    Parameters
    ----------
    density : share of the weights that stay, of all layers together.
    code_bits : 1 to 8, of a stored weight: at most ``2**code_bits - 1`` values beside 0 in each layer.
    epochs : passes over the data, 4 or more; three fifths of them prune, a quarter shares, the others train the values
        that are shared.
    learning_rate : of Adam while pruning; the other stages take half and a tenth of it.
    """
    if epochs < 4:
        raise EieError(f"epochs must be 4 or more, got {epochs}")
    pruning, sharing = epochs * 3 // 5, epochs // 4
    last = epochs - pruning - sharing

    def training(epochs: int, rate: float, final: float) -> Training:
        return Training(epochs=epochs, optimizer="adam", learning_rate=rate, final=final, select="best")

    # The mask moves in many small steps: an optimiser that forgot its momentum at each of them would hardly move.
    gradual = Pruning(
        density=density,
        score="fisher",
        end=0.7 * pruning,
        every=0.125,
        splice=True,
        hysteresis=1.1,
        fade=20.0,
        reset_momentum=False,
    )
    return (
        Step(head=Stage(kind="prune"), options=gradual, training=training(pruning, learning_rate, 0.1)),
        Step(
            head=Stage(kind="pull"),
            options=Pulling(bits=code_bits, init="density"),
            training=training(sharing, learning_rate / 2, 0.3),
        ),
        Step(head=Stage(kind="fine_tune"), options=FineTuning(), training=training(last, learning_rate / 10, 0.0)),
    )


def error(network: nn.Module | CompressedNetwork, loader: Batches, metric: Loss = wrong) -> float:
    """The mean of `metric` over all inputs of the loader, in float32; by default the share of wrong largest outputs."""
    is_module = isinstance(network, nn.Module)
    return evaluate(network if is_module else GraphModule(network.to_network()), loader, metric)


def read_steps(recipe_or_path: Sequence[Any] | str | Path | None) -> tuple[Step, ...]:
    """The stages that `compress` was given."""
    if recipe_or_path is None:
        return recipe()
    if isinstance(recipe_or_path, str | Path):
        return parse_steps(read_recipe(Path(recipe_or_path)), str(recipe_or_path))
    steps = tuple(each for each in recipe_or_path if isinstance(each, Step))
    if not steps or len(steps) != len(recipe_or_path):
        raise EieError(
            "a recipe must be stages from eie.train.recipe(...) or the path of a TOML file of [[stage]] tables"
        )
    return steps


def _told(step: Step, progress: Callable[[str], None]) -> Callable[[Epoch], None]:
    def tell(epoch: Epoch) -> None:
        wrong = "" if epoch.error is None else f", validation error {100 * epoch.error:.2f} %"
        progress(
            f"{step.kind.replace('_', '-')}: epoch {epoch.epoch} of {epoch.epochs}, loss {epoch.loss:.4f}{wrong}, "
            f"density {100 * epoch.density:.2f} %"
        )

    return tell
