"""Divnet: units that differ are kept, the others' part goes into the next layer (Mariet and Sra, ICLR 2016, arXiv
1511.05077).

L_ij = exp(-beta / inputs * |v_i - v_j|**2), v_i a unit's activations over the inputs. k units are drawn with a
probability proportional to det L_S, a determinantal point process of fixed size (Kulesza and Taskar, 2012, algorithms
1, 7 and 8), or the determinant is made large greedily, unit by unit, which is submodular coverage. The next layer's
weights then are those of least squares, an intercept included, between what it computed and what is left (equation 4).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sw.training.evaluate import Batches
from sw.training.links import Link
from sw.training.loop import Epoch, Settings
from sw.training.methods.units import by_unit, received, reducible, windows
from sw.training.optimiser import Training
from sw.training.options import Options, by_name, choice, flag, real, whole
from sw.training.reproducible import epoch_seed, reproducible
from sw.training.tidy import keep_units
from sw.training.train import train

Array = NDArray[np.float64]
MOST_WINDOWS = 20_000  # equations of a refit


@dataclass(frozen=True, kw_only=True)
class Divnet(Options):
    """Which units stay.

    Parameters
    ----------
    keep : share of the units of each layer but the last, or of layers by the names of their weights.
    select : "dpp" draws, "greedy" takes the unit that makes the determinant largest, each time.
    beta : of the kernel; 10 as in the paper.
    diagonal : added to the kernel, which may be singular.
    inputs : on which activations are compared.
    refit : whether the next layer is fitted again.
    """

    keep: float | Mapping[str, float] = by_name(0.5, 0, 1)
    select: str = choice("dpp", "dpp", "greedy")
    beta: float = real(10.0, 1e-9, 1e9)
    diagonal: float = real(1e-6, 0, 1)
    inputs: int = whole(1000, 1, 1_000_000)
    refit: bool = flag(True)


def divnet(
    module: nn.Module, data: Batches, divnet: Divnet, training: Training, **settings: Unpack[Settings]
) -> list[Epoch]:
    """Remove units of a `torch.nn.Sequential` in place, layer after layer, and train what is left.

    Returns every epoch's figures. Keywords: `sw.training.loop.Settings`; the seed draws the units as well.
    """
    seed = settings.get("seed", 0)
    random = np.random.default_rng(seed)
    with reproducible():
        for link, count in reducible(module, divnet.keep, "divnet"):
            epoch_seed(data, seed, 0)
            given = received(module, link, data, divnet.inputs)
            kernel = similarity(by_unit(link, given), divnet.beta / len(given), divnet.diagonal)
            kept = drawn(kernel, count, random) if divnet.select == "dpp" else greedy(kernel, count)
            _remove(link, torch.as_tensor(kept, device=given.device), given, divnet.refit)
    return train(module, data, training, **settings)


def similarity(activations: Tensor, beta: float, diagonal: float) -> Array:
    """L of activations (units, values)."""
    v: Array = activations.double().cpu().numpy()
    squares = (v**2).sum(1)
    distances = np.maximum(squares[:, None] + squares - 2 * v @ v.T, 0)
    np.fill_diagonal(distances, 0)
    return np.exp(-beta * distances) + diagonal * np.eye(len(v))


def greedy(kernel: Array, count: int) -> list[int]:
    """Units in ascending order; each multiplied the determinant of those before it most (a pivoted Cholesky)."""
    left, rows = kernel.diagonal().copy(), np.zeros((0, len(kernel)))
    chosen: list[int] = []
    for _ in range(count):
        unit = int(left.argmax())
        row = (kernel[unit] - rows[:, unit] @ rows) / np.sqrt(left[unit])
        rows = np.vstack([rows, row])
        chosen.append(unit)
        left = left - row**2
        left[chosen] = -np.inf
    return sorted(chosen)


def drawn(kernel: Array, count: int, random: np.random.Generator) -> list[int]:
    """Units in ascending order, a set S of `count` with a probability proportional to det L_S."""
    values, vectors = np.linalg.eigh(kernel)
    basis = vectors[:, _eigenvectors(np.log(np.maximum(values, 1e-300)), count, random)]
    chosen: list[int] = []
    for left in range(count, 0, -1):
        weights = (basis**2).sum(1)
        weights[chosen] = 0
        unit = int(random.choice(len(kernel), p=weights / weights.sum()))
        chosen.append(unit)
        if left > 1:  # what is orthogonal to the unit's own axis
            pivot = int(np.abs(basis[unit]).argmax())
            basis = basis - np.outer(basis[:, pivot] / basis[unit, pivot], basis[unit])
            basis, _ = np.linalg.qr(np.delete(basis, pivot, axis=1))
    return sorted(chosen)


def _eigenvectors(logs: Array, count: int, random: np.random.Generator) -> list[int]:
    """`count` eigenvectors, a set J with a probability proportional to its product of eigenvalues."""
    size = len(logs)
    sums = np.full((count + 1, size + 1), -np.inf)  # logs of elementary symmetric polynomials of the first eigenvalues
    sums[0] = 0
    for n in range(1, size + 1):
        sums[1:, n] = np.logaddexp(sums[1:, n - 1], logs[n - 1] + sums[:-1, n - 1])
    found: list[int] = []
    for n in range(size, 0, -1):
        left = count - len(found)
        if left and random.random() < np.exp(logs[n - 1] + sums[left - 1, n - 1] - sums[left, n]):
            found.append(n - 1)
    return found


def _remove(link: Link, kept: Tensor, given: Tensor, refit: bool) -> None:
    seen = windows(link, given)
    seen = seen[:: -(-len(seen) // MOST_WINDOWS)].double()
    weight = link.by_unit(link.target.weight.detach()).double()
    before = seen.flatten(1) @ weight.flatten(1).T
    keep_units(link, kept)
    if not refit:
        return
    fitted, intercept = least_squares(seen[:, kept].flatten(1), before)
    with torch.no_grad():
        link.target.weight.copy_(fitted.T.reshape(link.target.weight.shape))
        if "bias" in dict(link.target.named_parameters(recurse=False)) and link.target.bias is not None:
            link.target.bias.add_(intercept)


def least_squares(given: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """X (features, outputs) and an intercept (outputs,) that minimise |given X + intercept - wanted|."""
    untyped: Any = torch.linalg
    ones = torch.ones(len(given), 1, dtype=given.dtype)
    found: Tensor = untyped.lstsq(torch.cat([given.cpu(), ones], 1), wanted.cpu(), driver="gelsd").solution
    return found[:-1].to(given.device), found[-1].to(given.device)
