"""Whether a program fits the memories of an array, and what to say if it does not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from model.config import ArrayConfig
from model.errors import EieError, TooSmallError
from model.image import LayerImage
from sw.image.maps.program import Program
from sw.image.maps.step import Steps

DEPTHS = ("layers", "sparse_matrix_depth", "pointer_depth", "activation_depth", "accumulator_depth", "constant_depth")
CONSTANT_BITS = 16


@dataclass(frozen=True)
class Laid:
    """One way to lay a network out."""

    program: Program
    steps: Steps
    layers: tuple[LayerImage, ...]


class _Short(NamedTuple):
    """What an array lacks for a program, in words, and a configuration that has it, None if there is none."""

    words: str
    enough: ArrayConfig | None


def first_that_fits(ways: Sequence[Callable[[], Laid]], config: ArrayConfig) -> Laid:
    """What the first of `ways` gives that fits; they are tried in turn.

    TooSmallError with everything that is too small, and with the smallest configuration that one of the ways would fit;
    EieError if there is none.
    """
    found: list[tuple[_Short, Laid]] = []
    for way in ways:
        laid = way()
        short = _lacks(laid, config)
        if short is None:
            return laid
        found.append((short, laid))
    possible = [(enough, laid, words) for (words, enough), laid in found if enough is not None]
    if not possible:
        raise EieError(f"the network needs {found[-1][0].words} (no configuration has as much)")
    possible.sort(key=lambda each: _bits(each[0]))
    smallest, others = (
        possible[0],
        [each for each in possible[1:] if bool(each[1].steps.cuts) != bool(possible[0][1].steps.cuts)],
    )
    ways_out = [_grown(config, *each[:2]) for each in (smallest, *others[:1])]
    raise TooSmallError(f"the network needs {smallest[2]} (it would fit with {', or '.join(ways_out)})")


def _grown(config: ArrayConfig, enough: ArrayConfig, laid: Laid) -> str:
    """The depths that are larger in `enough`, and how much of the network is in parts then."""
    grown = [f"{name} {getattr(enough, name)}" for name in DEPTHS if getattr(enough, name) > getattr(config, name)]
    cuts = laid.steps.cuts
    return ", ".join(grown) + (f" and {len(cuts)} {'layers' if len(cuts) > 1 else 'layer'} in parts" if cuts else "")


def _lacks(laid: Laid, config: ArrayConfig) -> _Short | None:
    """None if all fits."""
    layers = laid.layers
    sparse_rows = np.sum([-(-np.diff(layer.offsets) // config.entries_per_row) for layer in layers], axis=0)
    accumulators = max(layers, key=lambda layer: layer.out_rows)
    constants = sum(len(layer.biases) for layer in layers if not layer.keep)
    wanted = (
        ("layers", len(layers), "layers", False),
        ("sparse_matrix_depth", int(sparse_rows.max()), f"rows in PE {sparse_rows.argmax()}", False),
        ("pointer_depth", sum(layer.columns + 1 for layer in layers), "pointers", True),
        ("activation_depth", laid.program.memory.rows, "local rows of activations", True),
        ("accumulator_depth", accumulators.out_rows, f"accumulators for layer {accumulators.name}", False),
    )
    depths = {name: _depth(config, name, needed, power) for name, needed, _, power in wanted}
    short = [
        f"{needed} {what}, the array has {getattr(config, name)}"
        for name, needed, what, _ in wanted
        if needed > getattr(config, name)
    ]
    constant_depth = (depths["layers"] << config.code_bits) + constants
    if constant_depth > config.constant_depth:
        short.append(f"{constant_depth} words of constants, the array has {config.constant_depth}")
    if not short:
        return None
    depths["constant_depth"] = max(constant_depth, config.constant_depth)
    try:
        return _Short("; ".join(short), config.with_(**depths))
    except EieError:
        return _Short("; ".join(short), None)


def _depth(config: ArrayConfig, name: str, needed: int, power_of_two: bool) -> int:
    """The depth that holds so much, never less than the array has."""
    return max(1 << (needed - 1).bit_length() if power_of_two else needed, int(getattr(config, name)))


def _bits(config: ArrayConfig) -> int:
    """Of the memories of a PE that depths are of."""
    return (
        config.sparse_matrix_depth * config.row_bits
        + config.pointer_depth * config.pointer_bits
        + config.activation_depth * config.activation_bits
        + config.accumulator_depth * config.accumulator_bits
        + config.constant_depth * CONSTANT_BITS
    )
