"""Entries that never lie off the map: columns of their own for every position, where memory is left for them.

An entry that falls off the edge of a map takes its cycle all the same. Positions along an axis that have columns of
their own hold only what stays on the map; that multiplies columns and entries, so it is done where it saves most cycles
for the pointers that it takes, as long as all fits.
"""

from typing import NamedTuple

import numpy as np

from model.config import ArrayConfig
from model.image import LayerImage
from sw.image.maps.estimate import estimated_cycles
from sw.image.maps.layers import Layers, Unrolled
from sw.image.maps.step import Steps

CHOICES: tuple[Unrolled, ...] = ((False, True), (True, False), (True, True))
LEAST_SAVED = 0.01  # of a layer's cycles


class _Choice(NamedTuple):
    step: int
    saved: float
    pointers: int
    layers: list[LayerImage]


def unrolled_layers(steps: Steps, compiler: Layers, config: ArrayConfig) -> tuple[LayerImage, ...]:
    """All layers in order; none is unrolled if the network fits only without, or not at all."""
    chosen = [compiler.of_step(step) for step in steps.steps]
    choices: list[_Choice] = []
    for number, step in enumerate(steps.steps):
        before = chosen[number]
        if step.kind == "sum" or before[0].map is None or before[0].map.flat:
            continue
        cycles = estimated_cycles(config, compiler, step, before)
        for unrolled in CHOICES:
            layers = compiler.of_step(step, unrolled)
            saved = cycles - estimated_cycles(config, compiler, step, layers)
            pointers = sum(layer.columns for layer in layers) - sum(layer.columns for layer in before)
            if saved >= LEAST_SAVED * cycles and pointers > 0:
                choices.append(_Choice(number, saved, pointers, layers))
    saved = [0.0] * len(chosen)
    for choice in sorted(choices, key=lambda choice: -choice.saved / choice.pointers):
        if choice.saved <= saved[choice.step]:
            continue
        before, chosen[choice.step] = chosen[choice.step], choice.layers
        if _fits([layer for layers in chosen for layer in layers], config):
            saved[choice.step] = choice.saved
        else:
            chosen[choice.step] = before
    return tuple(layer for layers in chosen for layer in layers)


def _fits(layers: list[LayerImage], config: ArrayConfig) -> bool:
    """Pointers and entries, which alone grow."""
    rows = np.sum([-(-np.diff(layer.offsets) // config.entries_per_row) for layer in layers], axis=0)
    pointers = sum(layer.columns + 1 for layer in layers)
    return pointers <= config.pointer_depth and int(rows.max()) <= config.sparse_matrix_depth
