"""How often a network is wrong, in float32 and on the integer datapath."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.network.compressed import CompressedNetwork
from sw.network.execution import parts
from sw.network.integer_forward import ACCUMULATOR_BITS, run_integers
from sw.network.network import Network, check_inputs

Advance = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Errors:
    """How many of n inputs a network is wrong on.

    Parameters
    ----------
    wrong : inputs whose label is not the largest output; of equal outputs the first counts as larger.
    wrong_top : inputs whose label is not among the `top` largest outputs.
    """

    inputs: int
    wrong: int
    top: int
    wrong_top: int

    @property
    def error(self) -> float:
        """Share of the inputs."""
        return self.wrong / self.inputs

    @property
    def error_top(self) -> float:
        """Share of the inputs."""
        return self.wrong_top / self.inputs


@dataclass(frozen=True, kw_only=True)
class IntegerErrors(Errors):
    """`Errors` on the integer datapath, and what to mind about them.

    Parameters
    ----------
    overflows : inputs for which an accumulator overflowed.
    saturated : inputs with a value beyond the bits of an activation.
    """

    overflows: int
    saturated: int


def count_errors(scores: NDArray[Any], labels: NDArray[np.int64], top: int = 1) -> Errors:
    """Errors of (n, classes) scores, n >= 1; `labels` are (n,) classes."""
    own = scores[np.arange(len(scores)), labels][:, np.newaxis]
    classes: int = scores.shape[1]
    is_earlier = np.arange(classes) < labels[:, np.newaxis]
    before = np.count_nonzero((scores > own) | ((scores == own) & is_earlier), axis=1)
    return Errors(
        inputs=len(scores),
        wrong=int(np.count_nonzero(before > 0)),
        top=top,
        wrong_top=int(np.count_nonzero(before >= top)),
    )


def measure_float(
    network: Network,
    inputs: NDArray[Any],
    labels: NDArray[np.int64],
    top: int = 1,
    advance: Advance = lambda _: None,
) -> Errors:
    """Errors of the float32 reference on (n, *input_shape) inputs; `advance` is told how many more are done."""
    check_labels(labels, len(inputs), network.out_features, top)
    samples = check_inputs(inputs, network.input_shape)
    scores = np.empty((len(samples), network.out_features), np.float32)
    for part in parts(len(samples), network.shapes):
        with np.errstate(over="ignore", invalid="ignore"):
            scores[part] = network.forward(samples[part]).reshape(-1, network.out_features)
        advance(len(samples[part]))
    if not np.isfinite(scores).all():
        raise EieError("outputs in float32 must be finite, got NaN or infinity")
    return count_errors(scores, labels, top)


def measure_integers(
    network: CompressedNetwork,
    inputs: NDArray[Any],
    labels: NDArray[np.int64],
    top: int = 1,
    advance: Advance = lambda _: None,
    accumulator_bits: int = ACCUMULATOR_BITS,
    activation_bits: int = 16,
) -> IntegerErrors:
    """Errors on the integer datapath, as `measure_float`; EieError if the network has no calibration."""
    check_labels(labels, len(inputs), network.out_features, top)
    run = run_integers(network, inputs, accumulator_bits, advance, activation_bits)
    if not np.isfinite(run.outputs).all():
        raise EieError("outputs of the host's parts must be finite, got NaN or infinity")
    errors = count_errors(run.outputs.reshape(len(inputs), -1), labels, top)
    return IntegerErrors(
        **vars(errors),
        overflows=int(np.count_nonzero(run.overflow)),
        saturated=int(np.count_nonzero(run.saturated)),
    )


def way_to_labels(shape: tuple[int, ...]) -> str:
    """What to type, where one can tell, for labels of such a shape."""
    if len(shape) != 2:
        return ""
    return ": labels.ravel() has one axis" if 1 in shape else ", which looks one-hot: labels.argmax(axis=1) are labels"


def check_labels(labels: NDArray[np.int64], inputs: int, outputs: int, top: int = 1) -> None:
    """EieError unless there is one label for each of the inputs, at least one, and each names an output."""
    if inputs == 0:
        raise EieError("an error must be measured on at least one input, got none")
    if labels.shape != (inputs,):
        raise EieError(
            f"there must be one label for each of {inputs} inputs, got shape {labels.shape}"
            f"{way_to_labels(labels.shape)}"
        )
    if labels.min() < 0 or labels.max() >= outputs:
        raise EieError(
            f"labels must be 0 to {outputs - 1}, the network's outputs, got {labels.min()} to {labels.max()}"
        )
    if not 1 <= top <= outputs:
        raise EieError(f"the number of largest outputs must be 1 to {outputs}, the network's outputs, got {top}")
