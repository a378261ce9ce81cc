"""The two arrays that a network of a study is simulated on: the paper's, and one of the right size."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig, preset
from model.errors import EieError
from sim.simulation.run import Run
from sim.simulation.simulate import simulate
from sw.image.fitting import fitting_array, whole_network_array
from sw.network.compressed import CompressedNetwork

PAPER = "eie64"
SIZES = (1, 2, 4, 8, 16, 32, 64)  # of arrays that are made for the network


@dataclass(frozen=True, kw_only=True)
class OnArray:
    """What an array needs for an image, mean of those that were simulated; the figures of `eie simulate`.

    pes : of the array.
    cycles, microseconds, nanojoules : from start to done, loading not counted.
    mm2 : estimated area.
    image_bytes : of the network's image, as the array loads it.
    """

    pes: int
    cycles: float
    microseconds: float
    nanojoules: float
    mm2: float
    image_bytes: float

    def payload(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def paper_array(network: CompressedNetwork) -> ArrayConfig:
    """The paper's 64 PEs; with `maps`, and `functions` if it is recurrent, for a network that is no chain of layers.

    For codes of more than 4 bits its codebooks are larger, and the memory of the constants by as much.
    """
    array = whole_network_array(network, preset(PAPER))
    code_bits = max(array.code_bits, *(layer.code_bits for layer in network.layers))
    more = array.layers * ((1 << code_bits) - (1 << array.code_bits))
    return array.with_(code_bits=code_bits, constant_depth=array.constant_depth + more)


def on_paper_array(network: CompressedNetwork, images: NDArray[np.float32]) -> OnArray:
    """On that array; EieError if it cannot hold the network."""
    return _figures(simulate(network, images, paper_array(network)))


def on_fitted_array(network: CompressedNetwork, images: NDArray[np.float32]) -> OnArray:
    """On an array of the right size; EieError if none can hold the network."""
    return right_size(network, images)[1]


def right_size(network: CompressedNetwork, images: NDArray[np.float32]) -> tuple[ArrayConfig, OnArray]:
    """Of the arrays with 1 to 64 PEs and memories just large enough the one with the least energy times time.

    EieError, of the largest, if none can hold the network.
    """
    best: tuple[ArrayConfig, OnArray] | None = None
    refusal = EieError("")
    for pes in SIZES:
        try:
            array = fitting_array(network, whole_network_array(network, preset(PAPER).with_(pes=pes)))
            found = _figures(simulate(network, images, array))
        except EieError as error:
            refusal = error
            continue
        if best is None or _product(found) < _product(best[1]):
            best = array, found
    if best is None:
        raise refusal
    return best


def _figures(run: Run) -> OnArray:
    total = run.total
    return OnArray(
        pes=run.config.pes,
        cycles=total.cycles,
        microseconds=total.microseconds,
        nanojoules=total.energy_nj,
        mm2=total.area_mm2,
        image_bytes=total.events.image_bits / 8,
    )


def _product(found: OnArray) -> float:
    return found.nanojoules * found.microseconds
