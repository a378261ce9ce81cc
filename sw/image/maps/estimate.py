"""About how many cycles a map layer takes, before any input is known."""

import numpy as np

from model.config import ArrayConfig
from model.image import LayerImage
from model.map_reference import geometry_of, scan

ACTIVE = 0.5  # assumed share of activations that are not zero
SCANNED = 0.1  # cycles that a local row costs even where entries decide: queues run empty while others are scanned


def estimated_cycles(config: ArrayConfig, layer: LayerImage) -> float:
    """What the busiest PE has to do when `ACTIVE` of the activations are not zero, and what is read and written."""
    times = np.zeros(layer.columns + config.pes, np.int64)
    unit = 1 if geometry_of(layer).local else config.pes
    for scanned in scan(config, layer):
        times[scanned.column : scanned.column + unit] += 1
    entries = np.diff(layer.pointers, axis=1) @ times[: layer.columns]
    busiest = max(ACTIVE * entries.max(), layer.in_rows)
    return float(busiest + SCANNED * layer.in_rows) + (0 if layer.keep else layer.out_rows)
