"""Layers that take more accumulators than an array has, made in parts one after the other.

A part is a layer of its own: a band of rows of the result, which reads the rows of the source that it needs, or a pass
over some of the local channels, which reads all of it, or both. Bands of rows repeat entries and columns, and multiply
what overlaps twice; passes repeat columns only. There are as few parts as possible, then as few cycles or, where the
memories ask for it, entries. The last layer is never cut: what an array unloads is what its last layer wrote.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from model.config import ArrayConfig
from model.errors import EieError
from model.image import Cut, LayerImage
from sw.image.maps.estimate import estimated_cycles
from sw.image.maps.layers import Layers
from sw.image.maps.part import part_made
from sw.image.maps.placement import Place
from sw.image.maps.step import Step, Steps

LAYER_CYCLES = 20  # that a layer takes besides what is estimated


class Parts(NamedTuple):
    """Bands of rows, and passes over local channels in each."""

    bands: int
    passes: int


class _Candidate(NamedTuple):
    steps: list[Step]
    cut: Cut


def takes_parts(step: Step, places: Sequence[Place], config: ArrayConfig) -> bool:
    """Whether a step needs more accumulators than there are."""
    if step.kind == "recurrent":
        return False
    return part_made(step, places[step.made.number]).accumulators > config.accumulator_depth


def in_parts(steps: Steps, places: Sequence[Place], compiler: Layers, config: ArrayConfig, fast: bool) -> Steps:
    """The steps, those that take too many accumulators in parts; the others are the same.

    `fast`: of as many parts those of the fewest cycles, otherwise those of the fewest entries. What cannot be cut stays
    whole, and is refused where it is found not to fit.
    """
    made: list[Step] = []
    cuts = list(steps.cuts)
    for step in steps.steps:
        candidates: list[_Candidate] = []
        if takes_parts(step, places, config) and step is not steps.steps[-1]:
            place, whole = places[step.made.number], compiler.of_step(step)
            for parts in fewest_parts(step, place, config.accumulator_depth):
                candidates += _candidate(step, place, parts, whole, compiler, config)
        if not candidates:
            made.append(step)
            continue
        chosen = min(candidates, key=lambda each: (each.cut.cycles if fast else 0.0, each.cut.entries, each.cut.cycles))
        made += chosen.steps
        cuts.append(chosen.cut)
    return replace(steps, steps=made, cuts=tuple(cuts))


def fewest_parts(step: Step, place: Place, depth: int) -> list[Parts]:
    """All ways to cut a step into as few parts as its result needs with so many accumulators; none if none will do."""
    first, end = step.rows_made
    block = place.rows.block if place.rows.groups > 1 else 1
    blocks = (end - first) // (place.rows.groups * block)
    channels = place.local_channels
    found: list[Parts] = []
    for passes in range(1, channels + 1):
        of_pass = -(-channels // passes)
        held = depth // (block * place.columns.local_size * of_pass)  # blocks of rows
        if held:
            found.append(Parts(-(-blocks // held), passes))
    fewest = min((parts.bands * parts.passes for parts in found), default=0)
    return [parts for parts in found if parts.bands * parts.passes == fewest]


def cut_step(step: Step, place: Place, parts: Parts) -> list[Step]:
    """The parts in the order in which they are made, bands from the top; parts are of one size, or nearly."""
    first, end = step.rows_made
    unit = place.rows.groups * place.rows.block if place.rows.groups > 1 else 1
    blocks = (end - first) // unit
    bounds = [first + blocks * band // parts.bands * unit for band in range(parts.bands)] + [end]
    return [
        replace(
            step,
            rows=step.rows if parts.bands == 1 else (bounds[band], bounds[band + 1]),
            channel_pass=(number, parts.passes),
        )
        for band in range(parts.bands)
        for number in range(parts.passes)
    ]


def _candidate(
    step: Step, place: Place, parts: Parts, whole: Sequence[LayerImage], compiler: Layers, config: ArrayConfig
) -> list[_Candidate]:
    """None if a descriptor does not hold one of the parts."""
    steps = cut_step(step, place, parts)
    try:
        made = [compiler.of_step(each) for each in steps]
    except EieError:
        return []
    cycles = sum(cycles_of(config, compiler, each, layers) for each, layers in zip(steps, made, strict=True))
    layers = [layer for each in made for layer in each]
    cut = Cut(
        what=step.name,
        memory="accumulator_depth",
        needed=max(layer.out_rows for layer in whole),
        bands=parts.bands,
        passes=parts.passes,
        cycles=cycles - cycles_of(config, compiler, step, whole),
        entries=sum(layer.entries for layer in layers) - sum(layer.entries for layer in whole),
        pointers=pointers_of(layers) - pointers_of(whole),
    )
    return [_Candidate(steps, cut)]


def cycles_of(config: ArrayConfig, compiler: Layers, step: Step, layers: Sequence[LayerImage]) -> float:
    """Estimated, of all layers of a step."""
    return estimated_cycles(config, compiler, step, layers) + LAYER_CYCLES * len(layers)


def pointers_of(layers: Sequence[LayerImage]) -> int:
    """That layers take in every PE."""
    return sum(layer.columns + 1 for layer in layers)
