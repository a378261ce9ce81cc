"""Compression without training: every layer keeps its outputs on a few inputs, as well as its surviving weights can.

Layer by layer in execution order, inputs from the layers before as they are already compressed, targets from the
network before compression: what Optimal Brain Compression (Frantar and Alistarh, NeurIPS 2022) and AdaPrune (Hubara et
al., NeurIPS 2021) do. No labels, no gradients.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.compress.least_squares import best_weights, removal_losses, share_in_turn
from sw.compress.pipeline import MOST_BITS, by_layer, lay_out, share_weights
from sw.compress.prune import check_pruning, kept_positions
from sw.compress.rounding import round_biases, round_weights
from sw.network.compressed import CompressedLayer, CompressedNetwork
from sw.network.execution import run_graph
from sw.network.forward import FloatArithmetic, FloatOperations, apply_layer, patches
from sw.network.graph import Lstm, Pool
from sw.network.layer import Layer
from sw.network.network import Network, check_inputs
from sw.network.operations import Elements

DAMPING = 0.01  # of the mean second moment, which holds weights near those before
ELEMENTS = 1 << 26  # of the largest value of all inputs
LARGEST_ROW = 4096  # weights of a row of which second moments are taken
BY_REMOVAL = 512  # weights of a row whose removal is tried one by one
ROUNDS = 3  # of codes and shared values in turn

Pruned = tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.uint8]]  # positions, codebook, codes


class _Pair(NamedTuple):
    """A value of all inputs in the network before compression, and in the compressed one."""

    before: NDArray[np.float32]
    after: NDArray[np.float32]


class _Moments(NamedTuple):
    """Of a layer's inputs in one group: means (d,) and centred second moments (d, d), after, and before with after."""

    mean_before: NDArray[np.float64]
    mean_after: NDArray[np.float64]
    after: NDArray[np.float64]
    cross: NDArray[np.float64]


def reconstruct(
    network: Network,
    inputs: NDArray[Any],
    *,
    density: float | Mapping[str, float] | None = None,
    code_bits: int | Mapping[str, int] | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> CompressedNetwork:
    """The compressed network, without calibration.

    Parameters
    ----------
    inputs : (n, *input_shape) typical ones, unlabelled; of many only as many as memory is meant for are used.
    density : fraction of the weights of every layer, or of those it names, that survive; else all that are not zero.
    code_bits : 1 to 8, 4 if not given. Shared values and biases are rounded (`sw.compress.rounding`).
    progress : told what was done with each layer.

    Matrices of LSTMs, and layers with more than `LARGEST_ROW` weights in a row, are pruned and shared as `compress`
    does; of the latter only the biases make up for it.
    """
    densities, widths = by_layer(network, "density", density), by_layer(network, "code_bits", code_bits)
    for name, bits in widths.items():
        check_pruning(densities[name], None)
        if bits is not None and not 1 <= bits <= MOST_BITS:
            raise EieError(f"code_bits must be between 1 and {MOST_BITS}, got {bits}")
    samples = check_inputs(inputs, network.input_shape)
    if len(samples) == 0:
        raise EieError("a reconstruction must have at least one input, got none")
    samples = samples[: max(1, ELEMENTS // max(prod(shape) for shape in network.shapes))]
    work = _Reconstruction(network.layers, densities, widths, progress)
    run_graph(network.connections, work, _Pair(samples, samples))
    return CompressedNetwork(layers=tuple(work.made), graph=network.graph)


class _Reconstruction:
    """`sw.network.execution.Arithmetic` on pairs; compresses a layer as it comes to it."""

    def __init__(
        self,
        layers: Sequence[Layer],
        densities: Mapping[str, float | None],
        widths: Mapping[str, int | None],
        progress: Callable[[str], None],
    ):
        self.layers = layers
        self.made: list[CompressedLayer] = []
        self._densities, self._widths, self._progress = densities, widths, progress
        self._operations = FloatOperations()

    def layer(self, index: int, source: _Pair) -> _Pair:
        layer = self.layers[index]
        density, bits = self._densities[layer.name], self._widths[layer.name] or 4
        if prod(layer.weight.shape[1:]) > LARGEST_ROW:
            small = _plain(layer, density, bits)
            means = _mean_outputs(layer, source.before) - _mean_outputs(_dense(small), source.after)
            small = replace(small, bias=round_biases(layer.bias + means, 0.0))
        else:
            small = _fit(layer, _moments(layer, source), density, bits)
        self.made.append(small)
        made = _Pair(apply_layer(layer, source.before), apply_layer(_dense(small), source.after))
        off, all_of_it = np.linalg.norm(made.after - made.before), np.linalg.norm(made.before)
        self._progress(f"reconstructed {layer.name}: outputs {100 * off / max(all_of_it, 1e-30):.2g} % off")
        return made

    def lstm(self, index: int, operation: Lstm, source: _Pair) -> _Pair:
        layer = self.layers[index]
        small = _plain(layer, self._densities[layer.name], self._widths[layer.name] or 4)
        self.made.append(small)
        self._progress(f"compressed {layer.name}, the matrix of an LSTM")
        both = (
            FloatArithmetic([each]).lstm(0, operation, x)
            for each, x in zip((layer, _dense(small)), source, strict=True)
        )
        return _Pair(*both)

    def relu(self, source: _Pair) -> _Pair:
        return _Pair(*map(self._operations.relu, source))

    def pool(self, operation: Pool, source: _Pair) -> _Pair:
        return _Pair(*(self._operations.pool(operation, each) for each in source))

    def flatten(self, source: _Pair) -> _Pair:
        return _Pair(*map(self._operations.flatten, source))

    def concatenate(self, sources: Sequence[_Pair]) -> _Pair:
        return _Pair(*(self._operations.concatenate(each) for each in zip(*sources, strict=True)))

    def apply(self, number: int, operation: Elements, sources: Sequence[_Pair]) -> _Pair:
        return _Pair(*(self._operations.apply(number, operation, each) for each in zip(*sources, strict=True)))


def _fit(layer: Layer, moments: Sequence[_Moments], density: float | None, bits: int) -> CompressedLayer:
    """Prune, fit, share and fit again one layer."""
    groups = len(moments)
    matrices = layer.weight.reshape(groups, len(layer.weight) // groups, -1).astype(np.float64)
    damped: list[NDArray[np.float64]] = []
    targets = np.empty_like(matrices)
    for group, (moment, matrix) in enumerate(zip(moments, matrices, strict=True)):
        more = DAMPING * max(float(np.diag(moment.after).mean()), 1e-12)
        damped.append(moment.after + more * np.eye(len(moment.after)))
        targets[group] = matrix @ moment.cross + more * matrix
    mask = _mask(matrices, damped, targets, density)
    fitted = np.array([best_weights(*each) for each in zip(damped, targets, mask, strict=True)])
    mask &= fitted != 0
    if not mask.any():
        fitted, mask = matrices, matrices != 0
    codebook, _ = share_weights(fitted[mask].astype(np.float32), bits)
    values = np.unique(codebook[codebook != 0]).astype(np.float64)
    codes = np.zeros(mask.shape, np.int64)
    for _ in range(ROUNDS if values.size else 0):
        for group, row in product(*map(range, mask.shape[:2])):
            kept: NDArray[np.int64] = np.flatnonzero(mask[group, row])
            part = _part(damped[group], kept)
            found = np.zeros(kept.size, np.int64)
            share_in_turn(fitted[group, row, kept], _inverse(part), values, found)
            codes[group, row, kept] = found
        values = _refit(damped, targets, mask, codes, values)
    return _laid_out(layer, moments, mask, codes, values, bits)


def _laid_out(
    layer: Layer,
    moments: Sequence[_Moments],
    mask: NDArray[np.bool_],
    codes: NDArray[np.int64],
    values: NDArray[np.float64],
    bits: int,
) -> CompressedLayer:
    if values.size:
        usual = float(np.sqrt(np.square(values[codes[mask]]).mean()))
        values, merged = np.unique(round_weights(values, usual).astype(np.float64), return_inverse=True)
        codes = merged[codes]
    codebook = np.zeros(1 << bits, np.float32)
    codebook[1 : values.size + 1] = values
    positions = np.flatnonzero(mask)
    chosen = (codes.reshape(-1)[positions] + 1).astype(np.uint8)
    weights = np.where(mask, values[codes] if values.size else 0.0, 0.0)
    matrices = layer.weight.reshape(mask.shape)
    biases = [
        before @ moment.mean_before - after @ moment.mean_after
        for before, after, moment in zip(matrices, weights, moments, strict=True)
    ]
    variances = [((after @ moment.after) * after).sum(axis=1) for after, moment in zip(weights, moments, strict=True)]
    spread = float(np.sqrt(max(np.median(variances), 0.0)))
    bias = round_biases(layer.bias + np.concatenate(biases), spread)
    return lay_out(replace(layer, bias=bias), positions, codebook, chosen)


def _mask(
    matrices: NDArray[np.float64],
    damped: Sequence[NDArray[np.float64]],
    targets: NDArray[np.float64],
    density: float | None,
) -> NDArray[np.bool_]:
    """(groups, rows, d) whether a weight survives: those whose removal costs most, over the whole layer."""
    if density is None:
        return matrices != 0
    groups, rows, size = matrices.shape
    costs = np.empty_like(matrices)
    for group in range(groups):
        inverse = _inverse(damped[group])
        best = targets[group] @ inverse
        if size > BY_REMOVAL:
            costs[group] = best**2 / np.diag(inverse)
            continue
        for row in range(rows):
            order, losses = np.zeros(size, np.int64), np.zeros(size)
            removal_losses(best[row].copy(), inverse.copy(), order, losses)
            costs[group, row, order] = np.maximum.accumulate(losses)
    costs[matrices == 0] = -1.0
    keep = min(round(density * costs.size), int(np.count_nonzero(matrices)))
    flat = np.zeros(costs.size, np.bool_)
    flat[np.argsort(-costs.reshape(-1), kind="stable")[:keep]] = True
    return flat.reshape(costs.shape)


def _refit(
    damped: Sequence[NDArray[np.float64]],
    targets: NDArray[np.float64],
    mask: NDArray[np.bool_],
    codes: NDArray[np.int64],
    values: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The shared values that fit best with these codes; one that no weight has stays."""
    left: NDArray[np.float64] = np.zeros((values.size, values.size))
    right: NDArray[np.float64] = np.zeros(values.size)
    for group, row in product(*map(range, mask.shape[:2])):
        kept: NDArray[np.int64] = np.flatnonzero(mask[group, row])
        members = np.zeros((kept.size, values.size))
        members[np.arange(kept.size), codes[group, row, kept]] = 1
        left += members.T @ _part(damped[group], kept) @ members
        right += members.T @ targets[group, row, kept]
    used = np.diag(left) > 0
    made = values.copy()
    made[used] = np.linalg.lstsq(_part(left, np.flatnonzero(used)), right[used])[0]
    return made


def _part(matrix: NDArray[np.float64], kept: NDArray[np.int64]) -> NDArray[np.float64]:
    """The rows and columns that are kept."""
    return np.ascontiguousarray(matrix[kept][:, kept])


def _inverse(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.linalg.inv(matrix).astype(np.float64)


def _moments(layer: Layer, source: _Pair) -> list[_Moments]:
    """Of what the rows of a layer see, for every group."""
    groups = 1 if layer.convolution is None else layer.convolution.groups
    size = prod(layer.weight.shape[1:])
    sums = np.zeros((2, groups, size))
    squares, cross, count = np.zeros((groups, size, size)), np.zeros((groups, size, size)), 0
    step = max(1, (1 << 22) // max(prod(source.after.shape[1:]) * prod(layer.weight.shape[2:]), 1))
    for start in range(0, len(source.after), step):
        before, after = (_seen(layer, each[start : start + step]).astype(np.float64) for each in source)
        sums += before.sum(axis=1), after.sum(axis=1)
        squares += after.transpose(0, 2, 1) @ after
        cross += before.transpose(0, 2, 1) @ after
        count += after.shape[1]
    means = sums / count
    return [
        _Moments(
            mean_before=means[0, group],
            mean_after=means[1, group],
            after=squares[group] / count - np.outer(means[1, group], means[1, group]),
            cross=cross[group] / count - np.outer(means[0, group], means[1, group]),
        )
        for group in range(groups)
    ]


def _seen(layer: Layer, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """(groups, vectors, d) what the rows of a layer are multiplied with."""
    if layer.convolution is None:
        return x.reshape(1, -1, x.shape[-1])
    return patches(x, (layer.weight.shape[2], layer.weight.shape[3]), layer.convolution)


def _mean_outputs(layer: Layer, x: NDArray[np.float32]) -> NDArray[np.float64]:
    """(out,) means of a layer's results before its ReLU."""
    results = apply_layer(replace(layer, relu=False), x)
    rows = results.ndim - 1 if layer.convolution is None else 1
    return results.mean(axis=tuple(axis for axis in range(results.ndim) if axis != rows), dtype=np.float64)


def _plain(layer: Layer, density: float | None, bits: int) -> CompressedLayer:
    positions = kept_positions(layer.weight, density=density)
    codebook, codes = share_weights(layer.weight.reshape(-1)[positions], bits)
    return lay_out(layer, positions, codebook, codes)


def _dense(small: CompressedLayer) -> Layer:
    return Layer(small.name, small.dense(), small.bias, small.relu, small.convolution)
