"""About how many cycles a step's layers take, before any input is known."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.image import LayerImage
from model.map_reference import geometry_of, scanned_rows
from sw.image.maps.layers import Layers
from sw.image.maps.step import Step

SCANNED = 0.1  # cycles that a local row costs even where entries decide: queues run empty while others are scanned


def estimated_cycles(config: ArrayConfig, compiler: Layers, step: Step, layers: Sequence[LayerImage]) -> float:
    """Of the layers that `compiler` has made of a step, one or one for each of its terms."""
    if step.kind == "recurrent":  # nothing is chosen for it
        return 0.0
    return sum(
        _of_layer(config, layer, compiler.activity(term)) for layer, term in zip(layers, step.terms, strict=True)
    )


def _of_layer(config: ArrayConfig, layer: LayerImage, shares: NDArray[np.float64]) -> float:
    """What the busiest PE has to do, what is broadcast, and what is read and written.

    `shares` is (local rows, pes), how often activations are not zero.
    """
    geometry, pes = geometry_of(layer), config.pes
    rows, columns, _, _ = scanned_rows(config, layer)
    active = np.zeros((layer.in_rows, pes))
    known = rows < len(shares)
    active[known] = shares[rows[known]]
    if geometry.maximum:
        active[:] = 1.0
    entries = np.diff(layer.pointers, axis=1)  # (pes, columns)
    broadcasts = 0.0
    if geometry.local:
        issued = (entries[:, columns] * active.T).sum(axis=1)
    else:
        named = columns[:, np.newaxis] + np.arange(pes)
        issued = entries @ np.bincount(named.reshape(-1), active.reshape(-1), layer.columns)
        broadcasts = active.sum() / config.broadcasts_per_cycle
    busiest = max(float(issued.max()), broadcasts, float(layer.in_rows))
    return busiest + SCANNED * layer.in_rows + (0 if layer.keep else layer.out_rows)
