"""`eie compress` with a bound: the search for the smallest file, and what it says of it."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sim.npy import read_inputs, read_labels
from sim.progress import Say
from sim.terminal.output import Output, duration
from sim.text import count
from sw.compress.bounds import Bound, ClassificationBound, OutputBound, outputs_of
from sw.compress.candidates import Choices
from sw.compress.output_search import Progress
from sw.compress.search import Found, search_outputs, search_weights
from sw.network.accuracy import check_labels
from sw.network.network import Network

SECONDS_BETWEEN_STEPS = 5.0
MOST_ROWS = 20  # of the table of trials: the last ones


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """What the command was given: one of the three bounds and the files that it needs.

    Parameters
    ----------
    weight_error : relative error of each layer's weights.
    output_error : relative error of the outputs for `inputs`.
    error_increase : percentage points of wrong answers on `inputs`, as `labels` say.
    """

    weight_error: float | None
    output_error: float | None
    error_increase: float | None
    inputs: Path | None
    labels: Path | None

    @property
    def wanted(self) -> bool:
        """Whether there is anything to search for; EieError if the options contradict each other."""
        bounds = {
            "--max-weight-error": self.weight_error,
            "--max-output-error": self.output_error,
            "--max-error-increase": self.error_increase,
        }
        given = [name for name, value in bounds.items() if value is not None]
        if len(given) > 1:
            raise EieError(f"one bound is wanted, got {' and '.join(given)}")
        files = {"--input": self.inputs, "--labels": self.labels}
        needed = {"--max-output-error": ["--input"], "--max-error-increase": ["--input", "--labels"]}
        wanted = needed.get(given[0], []) if given else []
        got = [name for name, path in files.items() if path is not None]
        if got != wanted:
            bound = given[0] if given else "without a bound, eie compress"
            raise EieError(
                f"{bound} takes {' and '.join(wanted) or 'neither --input nor --labels'}, "
                f"got {' and '.join(got) or 'neither'}"
            )
        return bool(given)


def search(
    network: Network, positions: list[NDArray[np.int64]], options: SearchOptions, choices: Choices, say: Say
) -> tuple[Found, float | None]:
    """What was found, and the error of the float32 network if it is known; `say` is told now and then."""
    progress = now_and_then(say)
    if options.weight_error is not None:
        return search_weights(network, positions, options.weight_error, choices, progress), None
    assert options.inputs is not None
    inputs = read_inputs(options.inputs, *network.input_shape)
    labels = None if options.labels is None else read_labels(options.labels, len(inputs))
    if labels is not None:
        check_labels(labels, len(inputs), network.out_features)
    say(f"running the network on {len(inputs)} inputs")
    outputs = outputs_of(network, inputs)
    bound: Bound
    if options.output_error is not None:
        bound = OutputBound(outputs, options.output_error)
    else:
        assert labels is not None
        assert options.error_increase is not None
        bound = ClassificationBound(outputs, labels, options.error_increase / 100)
    return search_outputs(network, positions, inputs, bound, choices, progress), bound.reference


def now_and_then(say: Say) -> Progress:
    """Passes on what is said when nothing was for a while, with the time that the step still takes if that is known.

    A search tries hundreds of things.
    """
    begun = said = time.monotonic()
    first, latest = 0.0, 0.0  # shares of the step, when it began and now

    def tell(text: str, share: float | None) -> None:
        nonlocal begun, said, first, latest
        now, left = time.monotonic(), ""
        if share is None or share < latest:  # another step
            begun, first = now, share or 0.0
        elif share > first:
            left = f", {duration((now - begun) * (1 - share) / (share - first))} left"
        latest = share or 0.0
        if now - said >= SECONDS_BETWEEN_STEPS:
            said = now
            say(f"{text}{left}")

    return tell


def show_search(output: Output, options: SearchOptions, found: Found, reference: float | None) -> None:
    """The layers as they were stored, and the whole networks that were measured."""
    output.table(
        "chosen",
        ["layer", "shared as", "bytes", "error of weights"],
        [[layer.layer.name, layer.sharing, count(layer.bytes), f"{layer.error:.4f}"] for layer in found.layers],
    )
    if reference is None:
        output.line(f"largest relative error of a layer's weights: {found.error:.4f}\n")
        return
    rows = [
        [", ".join(trial.sharing), count(trial.bytes), _error(options, trial.error), "yes" if trial.allowed else "no"]
        for trial in found.trials[-MOST_ROWS:]
    ]
    output.table(
        f"the last {len(rows)} of {len(found.trials)} networks tried", ["shared as", "bytes", "error", "allowed"], rows
    )
    before = "" if options.error_increase is None else f", {_error(options, reference)} before compression"
    output.line(f"error on {options.inputs}, measured on the decoded file: {_error(options, found.error)}{before}\n")


def search_payload(found: Found, reference: float | None) -> dict[str, Any]:
    """The same as plain values."""
    return {
        "error": found.error,
        "reference_error": reference,
        "layers": [
            {"name": layer.layer.name, "shared_as": layer.sharing, "bytes": layer.bytes, "weight_error": layer.error}
            for layer in found.layers
        ],
        "trials": [asdict(trial) for trial in found.trials],
    }


def _error(options: SearchOptions, error: float) -> str:
    return f"{error:.4f}" if options.error_increase is None else f"{100 * error:.2f} %"
