"""Choosing how every layer is stored by what it does to the outputs of the network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.compress.bounds import Bound, outputs_of, relative_squares
from sw.compress.candidates import Candidate
from sw.compress.descent import descent, merge
from sw.network.compressed import CompressedNetwork
from sw.network.network import Network

Progress = Callable[[str, float | None], None]  # told what was done, and the share of the step that is, if known

CURVE_POINTS = 7  # at which the effect of a layer's error on the outputs is measured
PARTS = 48  # of the way from the finest to the coarsest network; its ends are tried from the last on
EXCHANGES = 200  # drawn; those that save bytes are measured


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A whole network that was measured.

    Parameters
    ----------
    sharing : how each layer was stored.
    bytes : of its layers in a file.
    error : what the bound is on.
    allowed : whether the bound allows it.
    """

    sharing: tuple[str, ...]
    bytes: int
    error: float
    allowed: bool


def network_of(network: Network, chosen: Sequence[Candidate]) -> CompressedNetwork:
    """The network of these candidates, one for each layer."""
    return CompressedNetwork(layers=tuple(candidate.layer for candidate in chosen), graph=network.graph)


class OutputSearch:
    """Chooses one of its candidates for every layer; a choice is a list of their indices.

    Parameters
    ----------
    inputs : (n, *input_shape) float32.
    bound : on the outputs for them.
    seed : of the exchanges that are tried.
    """

    def __init__(
        self,
        network: Network,
        candidates: Sequence[Sequence[Candidate]],
        inputs: NDArray[np.float32],
        bound: Bound,
        seed: int,
        progress: Progress,
    ):
        self._network = network
        self._candidates = candidates
        self._inputs = inputs
        self._bound = bound
        self._seed = seed
        self._progress = progress
        self._doing = "as coarse as is allowed"  # what a network is measured for
        self._done: float | None = None  # share of that which is done, where its end is known
        self._sizes = [[option.bytes for option in options] for options in candidates]
        self._known: dict[tuple[int, ...], bool] = {}
        self.trials: list[Trial] = []

    def run(self) -> list[Candidate]:
        """The candidate chosen for each layer; EieError if the bound allows none of them."""
        finest = [
            min(range(len(options)), key=lambda at, options=options: (options[at].error, options[at].bytes))
            for options in self._candidates
        ]
        if not self._allows(finest):
            raise EieError(
                f"an error of at most {self._bound.limit:.4g} was wanted, the finest sharing has "
                f"{self.trials[-1].error:.4g}"
            )
        harms = self._harms(finest)
        paths = [descent(*of_layer) for of_layer in zip(harms, self._sizes, strict=True)]
        places = self._last_allowed(paths, merge(harms, self._sizes, paths))
        return self._picked(self._smaller(harms, self._exchanged(paths, places)))

    def _harms(self, finest: list[int]) -> list[list[float]]:
        """What each candidate alone does to the outputs of the finest network, as relative squares.

        Measured for the finest candidate of each share of the weights, and for some that keep all of them. What sharing
        does is interpolated between these over the squared error of the weights, and added to what pruning does.
        """
        outputs = self._outputs(finest)
        harms: list[list[float]] = []
        for layer, options in enumerate(self._candidates):
            tried = 0

            def measured(at: int, of: int, layer: int = layer) -> float:
                nonlocal tried
                tried += 1
                harm = relative_squares(self._outputs([*finest[:layer], at, *finest[layer + 1 :]]), outputs)
                option = self._candidates[layer][at]
                self._progress(
                    f"step 2 of 3, layer {layer + 1} of {len(self._candidates)}, {option.layer.name}, {tried} of {of}: "
                    f"{option.sharing} changes the outputs by {harm**0.5:.4f}",
                    (layer + tried / of) / len(self._candidates),
                )
                return harm

            squares = np.array([option.error**2 for option in options])
            groups: dict[float | None, list[int]] = {}
            for at, option in enumerate(options):
                groups.setdefault(option.share, []).append(at)
            whole = groups.pop(None)
            path = descent(squares[whole].tolist(), [options[at].bytes for at in whole])
            points = sorted({path[(len(path) - 1) * point // CURVE_POINTS] for point in range(1, CURVE_POINTS + 1)})
            places = {path[0], *points}
            of = len(places) + len(groups)
            curve = sorted((float(squares[whole[at]]), measured(whole[at], of)) for at in places)
            known = np.array([square for square, _ in curve])
            sharing = np.maximum.accumulate([harm for _, harm in curve])
            harm = np.interp(squares, known, sharing)
            for group in groups.values():
                first = min(group, key=lambda at, squares=squares: float(squares[at]))
                added = squares[group] - squares[first]
                harm[group] = measured(first, of) + np.interp(known[0] + added, known, sharing)
            # A last part proportional to the squares keeps the order of candidates without measured harm.
            harms.append((harm + 1e-9 * squares).tolist())
        return harms

    def _last_allowed(self, paths: Sequence[Sequence[int]], steps: Sequence[int]) -> list[int]:
        """Places on the layers' paths, as many of the merged steps on as are allowed.

        Errors do not only grow: some numbers of steps are tried from the largest down, then those above the first one
        that is allowed.
        """

        def after(taken: int) -> list[int]:
            return [steps[:taken].count(layer) for layer in range(len(paths))]

        def allows(taken: int) -> bool:
            return self._allows([path[place] for path, place in zip(paths, after(taken), strict=True)])

        low, high = 0, len(steps) + 1
        for taken in sorted({len(steps) * part // PARTS for part in range(1, PARTS + 1)} - {0}, reverse=True):
            if allows(taken):
                low = taken
                break
            high = taken
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if allows(middle) else (low, middle)
        return after(low)

    def _exchanged(self, paths: Sequence[Sequence[int]], places: list[int]) -> list[int]:
        """From allowed places on: some layers coarser and others finer, drawn at random, whenever that saves bytes."""
        random = np.random.default_rng(self._seed)
        chosen = [path[place] for path, place in zip(paths, places, strict=True)]
        for number in range(1, EXCHANGES + 1):
            self._doing, self._done = f"exchange {number} of {EXCHANGES} between layers", number / EXCHANGES
            changes: list[int] = random.integers(-2, 3, len(paths)).tolist()
            tried = [
                min(max(place + change, 0), len(path) - 1)
                for path, place, change in zip(paths, places, changes, strict=True)
            ]
            choice = [path[place] for path, place in zip(paths, tried, strict=True)]
            if self._bytes(choice) < self._bytes(chosen) and self._allows(choice):
                places, chosen = tried, choice
        return chosen

    def _smaller(self, harms: Sequence[Sequence[float]], chosen: list[int]) -> list[int]:
        """From an allowed choice on, smaller candidates of each layer while allowed, the most bytes saved first."""
        waiting = set(range(len(chosen)))
        while waiting:
            self._doing, self._done = f"smaller candidates, {len(waiting)} of {len(chosen)} layers left", None
            nexts: list[tuple[int, int, int]] = []
            for layer in sorted(waiting):
                sizes, harm = self._sizes[layer], harms[layer]
                smaller = [at for at, size in enumerate(sizes) if size < sizes[chosen[layer]]]
                if smaller:
                    at = min(smaller, key=lambda at, sizes=sizes, harm=harm: (harm[at], sizes[at]))
                    nexts.append((sizes[at] - sizes[chosen[layer]], layer, at))
                else:
                    waiting.remove(layer)
            if nexts:
                _, layer, at = min(nexts)
                choice = [*chosen[:layer], at, *chosen[layer + 1 :]]
                if self._allows(choice):
                    chosen = choice
                else:
                    waiting.remove(layer)
        return chosen

    def _allows(self, chosen: Sequence[int]) -> bool:
        """Measured once for every choice."""
        if tuple(chosen) in self._known:
            return self._known[tuple(chosen)]
        error = self._bound.error(self._outputs(chosen))
        trial = Trial(
            sharing=tuple(candidate.sharing for candidate in self._picked(chosen)),
            bytes=self._bytes(chosen),
            error=error,
            allowed=error <= self._bound.limit,
        )
        self.trials.append(trial)
        self._known[tuple(chosen)] = trial.allowed
        verdict = "allowed" if trial.allowed else "not allowed"
        self._progress(f"step 3 of 3, {self._doing}: {trial.bytes} bytes, error {error:.4g}, {verdict}", self._done)
        return trial.allowed

    def _outputs(self, chosen: Sequence[int]) -> NDArray[np.float32]:
        return outputs_of(network_of(self._network, self._picked(chosen)).to_network(), self._inputs)

    def _picked(self, chosen: Sequence[int]) -> list[Candidate]:
        return [options[at] for options, at in zip(self._candidates, chosen, strict=True)]

    def _bytes(self, chosen: Sequence[int]) -> int:
        return sum(sizes[at] for sizes, at in zip(self._sizes, chosen, strict=True))
