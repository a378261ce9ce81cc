"""`eie compress --distil`: training without labels, and what it says of it. Torch is imported when it is asked for."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sim.optional import imported
from sim.terminal.output import Output
from sw.extras import pip_install
from sw.network.compressed import CompressedNetwork
from sw.network.network import Network


@dataclass(frozen=True, kw_only=True)
class DistilledFigures:
    """The loss on `held_back` inputs and changed copies: of the network fitted layer by layer, and as trained."""

    steps: int
    held_back: int
    layer_by_layer: float
    distilled: float


def distil_network(
    network: Network, inputs: NDArray[np.float32], steps: int, seed: int, limits: Mapping[str, Any]
) -> tuple[CompressedNetwork, DistilledFigures]:
    """`sw.training.distil.distil` with density, code bits and progress in `limits`; EieError without torch."""
    if imported("torch") is None:
        raise EieError(f"--distil needs torch: {pip_install('train')}")
    from sw.training.distil import distil

    made = distil(network, inputs, steps=steps, seed=seed, **limits)
    figures = DistilledFigures(
        steps=steps, held_back=made.held_back, layer_by_layer=made.layer_by_layer, distilled=made.distilled
    )
    return made.network, figures


def show_distilled(output: Output, figures: DistilledFigures | None) -> dict[str, Any]:
    """Say what training was worth, if there was any; the same as plain values."""
    if figures is None:
        return {}
    kept = "" if figures.distilled < figures.layer_by_layer else "; the network fitted layer by layer was kept"
    output.line(
        f"loss on {figures.held_back} inputs that were held back: {figures.layer_by_layer:.3g} layer by layer, "
        f"{figures.distilled:.3g} distilled{kept}"
    )
    return {"distilled": asdict(figures)}
