"""What a user's torch module computes, as a network, and whether module, data and labels go together."""

import warnings
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from model.errors import EieError
from sw.files import reason
from sw.formats.onnx.reader import load_onnx
from sw.network.network import Network
from sw.training.evaluate import Batches, to_device
from sw.training.export import to_network

COMPARED = 8  # inputs on which module and network must agree
CLOSE = 1e-3  # of the largest output


def first_inputs(module: nn.Module, loader: Batches, count: int, classes: bool) -> Tensor:
    """Up to `count` inputs of a loader, (n, *shape) float32; EieError says what of module or data does not fit.

    Parameters
    ----------
    classes : labels are to be class numbers, as the usual loss and metric take them.
    """
    try:
        batches = len(loader)
    except TypeError as error:
        raise EieError(
            f"the loader must know how many batches it has, {type(loader).__name__} does not: "
            "a torch.utils.data.DataLoader of a dataset with a length does, or list(loader)"
        ) from error
    if batches == 0:
        raise EieError("the loader must have at least one batch, got none")
    found: list[Tensor] = []
    for batch in loader:
        inputs, labels = _pair(batch)
        if not found:
            _check_labels(_outputs(module, inputs[:COMPARED]), labels[:COMPARED], classes)
        found.append(inputs)
        if sum(map(len, found)) >= count:
            break
    return torch.cat(found)[:count]


def network_of(module: nn.Module, inputs: Tensor) -> tuple[Network, bool]:
    """The network that computes what `module` does, and whether the module is a chain that can be trained as it is.

    Parameters
    ----------
    inputs : (n, *shape) float32, n >= 1, on which both are compared.
    """
    own = deepcopy(module).cpu().eval()
    sample = inputs[:COMPARED].cpu()
    wanted = _outputs(own, sample).numpy()
    try:
        network = to_network(own, tuple(inputs.shape[1:]))
        if _agree(network, sample, wanted):
            return network, True
    except EieError:
        pass
    network = _exported(own, sample[:1])
    if not _agree(network, sample, wanted):
        raise EieError(
            f"the network read from torch's export of {type(module).__name__} computes something else than the module: "
            "a module must compute the same for an input alone as in a batch, and the same each time"
        )
    return network, False


def _agree(network: Network, inputs: Tensor, wanted: Any) -> bool:
    made = network.forward(inputs.numpy())
    return made.shape == wanted.shape and bool(np.abs(made - wanted).max() <= CLOSE * max(np.abs(wanted).max(), 1e-6))


def _exported(module: nn.Module, inputs: Tensor) -> Network:
    untyped: Any = torch.onnx
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter about itself
        path = Path(folder) / "module.onnx"
        try:
            untyped.export(module, (inputs,), str(path), dynamo=False)
        except Exception as error:  # what a module of anyone's raises when it is traced
            raise EieError(f"torch cannot export {type(module).__name__} to ONNX: {reason(error)[:300]}") from error
        return load_onnx(path)


def _pair(batch: Any) -> tuple[Tensor, Tensor]:
    parts = cast("list[Any]", batch) if isinstance(batch, tuple | list) else [batch]
    if len(parts) != 2 or not isinstance(parts[0], Tensor) or not isinstance(parts[1], Tensor):
        got = ", ".join(type(part).__name__ for part in parts)
        raise EieError(f"a loader must give pairs of tensors (inputs, labels), got {len(parts)}: {got}")
    inputs, labels = parts
    if inputs.dtype != torch.float32:
        raise EieError(f"inputs must be float32, got {inputs.dtype}: give inputs.float(), scaled as in training")
    if not len(inputs) or len(inputs) != len(labels):
        raise EieError(f"a batch must have as many labels as inputs, got {len(inputs)} inputs and {len(labels)} labels")
    return inputs, labels


def _outputs(module: nn.Module, inputs: Tensor) -> Tensor:
    was_training = module.training
    module.eval()
    parameter = next(module.parameters(), None)
    if parameter is None:
        raise EieError(f"the module must have parameters, {type(module).__name__} has none")
    try:
        with torch.no_grad():
            made = module(to_device(inputs, parameter.device))
    except (RuntimeError, ValueError, TypeError) as error:
        raise EieError(
            f"{type(module).__name__} does not take inputs of shape {tuple(inputs.shape)}: {reason(error)[:300]}; "
            "for maps where a layer wants features put torch.nn.Flatten() first"
        ) from error
    finally:
        module.train(was_training)
    if not isinstance(made, Tensor):
        raise EieError(f"a module must give one tensor, {type(module).__name__} gives a {type(made).__name__}")
    return made.cpu()


def _check_labels(outputs: Tensor, labels: Tensor, classes: bool) -> None:
    if not classes:
        return
    if outputs.ndim != 2:
        raise EieError(
            f"without loss= and metric= a module must give (inputs, classes), got {tuple(outputs.shape)}: pass both"
        )
    if labels.shape == outputs.shape:
        raise EieError(
            f"labels must be class numbers of shape ({len(labels)},), got {tuple(labels.shape)}, which looks one-hot: "
            "give labels.argmax(dim=1), or pass loss= and metric=, which then get them as they are"
        )
    if labels.ndim != 1 or labels.dtype != torch.int64:
        raise EieError(
            f"labels must be int64 class numbers of shape ({len(labels)},), got {labels.dtype} {tuple(labels.shape)}: "
            "give labels.long(), or pass loss= and metric=, which then get them as they are"
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= outputs.shape[1]:
        raise EieError(f"labels must be from 0 to {outputs.shape[1] - 1}, as the module's outputs, got {low} to {high}")
