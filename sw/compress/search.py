"""The smallest file within a bound: how every layer is shared, and pruned if wanted, by its bytes and its error."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.compress.bounds import Bound, check_limit, outputs_of
from sw.compress.candidates import STEP_RATIO, Candidate, Choices, LayerCandidates
from sw.compress.output_search import OutputSearch, Progress, Trial, network_of
from sw.file.model_file import from_bytes, to_bytes
from sw.network.compressed import CompressedNetwork
from sw.network.network import Network

HALVINGS = 4  # between the largest step that is allowed and the next one


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """What a search found.

    Parameters
    ----------
    network : as decoded from its file; not calibrated.
    layers : how each layer is stored.
    error : measured on `network`: what the bound is on; of a bound on weights, the largest of its layers.
    trials : every whole network that was measured, in order.
    """

    network: CompressedNetwork
    layers: tuple[Candidate, ...]
    error: float
    trials: tuple[Trial, ...]


def search_weights(
    network: Network,
    positions: Sequence[NDArray[np.int64]],
    limit: float,
    choices: Choices,
    progress: Progress = lambda text, share: None,
) -> Found:
    """The smallest file in which no layer's weights have a larger relative error than `limit`.

    Parameters
    ----------
    positions : of each layer, its weights to be stored (`sw.compress.prune.kept_positions`). Errors are relative
        to these.
    limit : root of the summed squared error over that of the sum of squares, per layer.
    progress : told what was done, and its share of all.
    """
    check_limit("the relative error of weights", limit)
    chosen: list[Candidate] = []
    for number, (layer, kept) in enumerate(zip(network.layers, positions, strict=True), 1):
        maker = LayerCandidates(layer, kept, choices)
        before, after = _weights(network, number - 1), _weights(network, number)
        candidates = _all(maker, f"layer {number} of {len(network.layers)}, {layer.name}", (before, after), progress)
        allowed = [candidate for candidate in candidates if candidate.error <= limit]
        if not allowed:
            least = min(candidate.error for candidate in candidates)
            raise EieError(
                f"layer {layer.name}: a relative error of its weights of at most {limit:g} was wanted, "
                f"{choices.most_code_bits} code bits reach {least:.3g}"
            )
        best = min(allowed, key=lambda candidate: candidate.bytes)
        chosen.append(_with_larger_step(maker, best, limit))
    compressed = from_bytes(to_bytes(network_of(network, chosen)))
    largest = max(candidate.error for candidate in chosen)
    return Found(network=compressed, layers=tuple(chosen), error=largest, trials=())


def search_outputs(
    network: Network,
    positions: Sequence[NDArray[np.int64]],
    inputs: NDArray[np.float32],
    bound: Bound,
    choices: Choices,
    progress: Progress = lambda text, share: None,
) -> Found:
    """A small file whose network keeps the bound on (n, *input_shape) inputs, in float32; other arguments as above.

    How much a layer's error changes the outputs is measured layer by layer. In the order of bytes saved for that, the
    layers get coarser, and the coarsest of these networks that is measured to be within the bound is taken. From there
    on, random exchanges between layers that save bytes are tried, and at the end smaller candidates of each layer.
    """
    candidates = [
        _all(
            LayerCandidates(layer, kept, choices),
            f"step 1 of 3, layer {number} of {len(network.layers)}, {layer.name}",
            (_weights(network, number - 1), _weights(network, number)),
            progress,
        )
        for number, (layer, kept) in enumerate(zip(network.layers, positions, strict=True), 1)
    ]
    search = OutputSearch(network, candidates, inputs, bound, choices.seed, progress)
    chosen = search.run()
    compressed = from_bytes(to_bytes(network_of(network, chosen)))
    error = bound.error(outputs_of(compressed.to_network(), inputs))
    return Found(network=compressed, layers=tuple(chosen), error=error, trials=tuple(search.trials))


def _all(maker: LayerCandidates, what: str, shares: tuple[float, float], progress: Progress) -> list[Candidate]:
    """Every candidate of a layer, each told as `what`; `shares` are done before the first and after the last."""
    candidates: list[Candidate] = []
    of, made = maker.all()
    for number, candidate in enumerate(made, 1):
        progress(
            f"{what}, {number} of {of}: {candidate.sharing}, {candidate.bytes} bytes, error {candidate.error:.4f}",
            shares[0] + (shares[1] - shares[0]) * number / of,
        )
        candidates.append(candidate)
    return candidates


def _weights(network: Network, layers: int) -> float:
    """The share of the network's weights in so many of its first layers: a candidate's time grows with them."""
    sizes = [layer.weight.size for layer in network.layers]
    return sum(sizes[:layers]) / sum(sizes)


def _with_larger_step(maker: LayerCandidates, best: Candidate, limit: float) -> Candidate:
    """The candidate, or one with a step between its own and the next larger one."""
    if best.step is None:
        return best
    low, high = best.step, best.step * STEP_RATIO
    for _ in range(HALVINGS):
        candidate = maker.make(best.share, (low * high) ** 0.5)
        if candidate.error <= limit:
            low = (low * high) ** 0.5
            best = min(best, candidate, key=lambda one: one.bytes)
        else:
            high = (low * high) ** 0.5
    return best
