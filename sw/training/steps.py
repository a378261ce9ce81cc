"""One stage of a recipe on any module."""

from collections.abc import Mapping

from torch import Tensor, nn

from sw.training.evaluate import Batches
from sw.training.fine_tune import fine_tune
from sw.training.loop import Epoch, Settings
from sw.training.prune import prune
from sw.training.pull import pull
from sw.training.recipe import Step
from sw.training.share import share
from sw.training.tidy import tidy
from sw.training.train import train


def run_step(
    module: nn.Module, step: Step, shared: Mapping[str, Tensor], data: Batches, settings: Settings
) -> tuple[dict[str, Tensor], list[Epoch]]:
    """Change `module` in place as the stage says.

    Parameters
    ----------
    shared : what the stages before have shared, as `sw.training.share.share` returns it.
    data, settings : for stages that train; see `sw.training.loop.Settings`.

    Returns what is shared now and every epoch's figures.
    """
    history: list[Epoch] = []
    match step.kind:
        case "tidy":
            tidy(module, step.options)
        case "share":
            return {**shared, **share(module, step.options)}, history
        case "train":
            history = train(module, data, step.training, **settings)
        case "prune":
            history = prune(module, data, step.options, step.training, **settings)
        case "pull":
            return pull(module, data, step.options, step.training, **settings)
        case _:
            history = fine_tune(module, data, shared, step.options, step.training, **settings)
            return dict(shared), history
    return {}, history
