"""The stages of a recipe: of each kind its options and what it does to any module. A new kind is one row of `KINDS`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from sw.training.evaluate import Batches
from sw.training.fine_tune import FineTuning, fine_tune
from sw.training.loop import Epoch, Settings
from sw.training.methods.binary_connect import BinaryConnect, binary_connect
from sw.training.methods.divnet import Divnet, divnet
from sw.training.methods.entropy_penalty import EntropyPenalty, entropy_penalty
from sw.training.methods.fixed_point import FixedPoint, fixed_point
from sw.training.methods.low_rank import LowRank, low_rank
from sw.training.methods.merge_neurons import MergeNeurons, merge_neurons
from sw.training.methods.soft_sharing import SoftSharing, soft_sharing
from sw.training.methods.structured_sparsity import StructuredSparsity, structured_sparsity
from sw.training.methods.surgery import Surgery, surgery
from sw.training.methods.tensor_factors import TensorFactors, tensor_factors
from sw.training.methods.ternary_connect import TernaryConnect, ternary_connect
from sw.training.methods.variational_dropout import VariationalDropout, variational_dropout
from sw.training.optimiser import Training
from sw.training.options import Options, choice, flag, whole
from sw.training.prune import Pruning, prune
from sw.training.pull import Pulling, pull
from sw.training.share import Sharing, share
from sw.training.tidy import Tidying, tidy
from sw.training.train import train

Shared = dict[str, Tensor]


@dataclass(frozen=True)
class Kind:
    """What a kind of stage is.

    Parameters
    ----------
    table : the name of the table with its own options; empty if it has none.
    options : their class.
    run : changes a module in place. If it trains, it takes (module, data, options, training, **settings), without
        options if there are none, and returns every epoch's figures; otherwise it takes (module, options).
    trains : whether it is given data.
    shares : whether it shares weights, which `fine_tune` may follow: it then also returns, first if it trains, the
        weights before that.
    """

    table: str
    options: type[Options] | None
    run: Callable[..., Any]
    trains: bool = True
    shares: bool = False


KINDS: dict[str, Kind] = {
    "train": Kind("", None, train),
    "prune": Kind("pruning", Pruning, prune),
    "tidy": Kind("tidying", Tidying, tidy, trains=False),
    "share": Kind("sharing", Sharing, share, trains=False, shares=True),
    "pull": Kind("pulling", Pulling, pull, shares=True),
    "fine_tune": Kind("fine_tuning", FineTuning, fine_tune),
    "structured_sparsity": Kind("structured_sparsity", StructuredSparsity, structured_sparsity),
    "binary_connect": Kind("binary_connect", BinaryConnect, binary_connect, shares=True),
    "ternary_connect": Kind("ternary_connect", TernaryConnect, ternary_connect, shares=True),
    "soft_sharing": Kind("soft_sharing", SoftSharing, soft_sharing, shares=True),
    "low_rank": Kind("low_rank", LowRank, low_rank),
    "tensor_factors": Kind("tensor_factors", TensorFactors, tensor_factors),
    "entropy_penalty": Kind("entropy_penalty", EntropyPenalty, entropy_penalty, shares=True),
    "divnet": Kind("divnet", Divnet, divnet),
    "merge_neurons": Kind("merge_neurons", MergeNeurons, merge_neurons),
    "surgery": Kind("surgery", Surgery, surgery),
    "variational_dropout": Kind("variational_dropout", VariationalDropout, variational_dropout),
    "fixed_point": Kind("fixed_point", FixedPoint, fixed_point, shares=True),
}


@dataclass(frozen=True, kw_only=True)
class Stage(Options):
    """What all kinds of stages have: their kind, the images of a batch, whether the teacher is used if there is one."""

    kind: str = choice("train", *KINDS)
    batch: int = whole(128, 1, 60_000)
    taught: bool = flag(True)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One [[stage]] of a recipe; `options` are those of its kind, None for plain training."""

    head: Stage
    options: Any
    training: Training

    @property
    def kind(self) -> str:
        return self.head.kind

    @property
    def trains(self) -> bool:
        return KINDS[self.kind].trains

    @property
    def shares(self) -> bool:
        return KINDS[self.kind].shares


def run_step(
    module: nn.Module, step: Step, shared: Mapping[str, Tensor], data: Batches, settings: Settings
) -> tuple[Shared, list[Epoch]]:
    """Change `module` in place as the stage says.

    Parameters
    ----------
    shared : what the stages before have shared, as `sw.training.share.share` returns it.
    data, settings : for stages that train; see `sw.training.loop.Settings`.

    Returns what is shared now and every epoch's figures.
    """
    kind = KINDS[step.kind]
    options = () if step.options is None else (step.options,)
    if step.kind == "fine_tune":
        return dict(shared), kind.run(module, data, shared, *options, step.training, **settings)
    if not kind.trains:
        made = kind.run(module, *options)
        return ({**shared, **made} if kind.shares else {}), []
    made = kind.run(module, data, *options, step.training, **settings)
    return made if kind.shares else ({}, made)
