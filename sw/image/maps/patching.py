"""Which steps are made a band of rows at a time, where the activation memory does not hold their maps whole."""

from collections.abc import Sequence

from model.config import ArrayConfig
from model.image import Cut
from sw.image.maps.bands import cycles_of, pointers_of
from sw.image.maps.layers import Layers
from sw.image.maps.memory import Memory, place_buffers
from sw.image.maps.patches import Group, Patched, can_be_patched, patched
from sw.image.maps.placement import Place, Sources
from sw.image.maps.step import Steps
from sw.network.compressed import CompressedNetwork

MOST_BANDS = 32
REACH = 8  # steps before and behind those at which the memory overflows


def find_patches(
    steps: Steps, places: Sequence[Place], memory: Memory, network: CompressedNetwork, config: ArrayConfig
) -> list[Patched]:
    """Groups of steps in the fewest bands with which all maps fit, those that repeat the least work first; often none.

    `memory` is that of whole maps.
    """
    sources = Sources(steps)
    last_step = len(steps.steps) - 1
    if memory.buffers[0].rows > config.activation_depth:
        return []  # the input is there as a whole
    full = _overfull(memory, last_step, config.activation_depth)
    groups = [
        (first, last)
        for first in range(max(0, full[0] - REACH), full[0] + 1)
        for last in range(full[-1] + 1, min(full[-1] + REACH, last_step - 1) + 1)
        if can_be_patched(steps, sources, first, last)
    ]

    def that_fits(first: int, last: int, bands: int) -> list[Patched]:
        made = patched(steps, sources, places, network, Group(first, last, bands))
        fits = made is not None and _rows(made, network, config) <= config.activation_depth
        return [made] if made is not None and fits else []

    most = {(first, last): min(MOST_BANDS, steps.steps[last].made.shape[1]) for first, last in groups}
    groups = [group for group in groups if that_fits(*group, most[group])]  # the others will not do with fewer either
    for bands in range(2, MOST_BANDS + 1):
        found = [made for group in groups for made in that_fits(*group, bands)]
        if found:
            return sorted(found, key=lambda each: each.repeated)
    return []


def cut_of(patches: Patched, memory: Memory, steps: Steps, config: ArrayConfig, whole: Layers, made: Layers) -> Cut:
    """What the bands cost; `whole` and `made` make the layers of all steps before and after."""
    group = patches.group
    names = [steps.steps[number].name for number in (group.first, group.last)]
    figures: list[tuple[float, int, int]] = []
    for compiler, members in ((whole, steps.steps), (made, patches.steps.steps)):
        after = len(members) - (len(steps.steps) - 1 - group.last)
        layers = [(step, compiler.of_step(step)) for step in members[group.first : after]]
        flat = [layer for _, each in layers for layer in each]
        cycles = sum(cycles_of(config, compiler, step, each) for step, each in layers)
        figures.append((cycles, sum(layer.entries for layer in flat), pointers_of(flat)))
    (cycles, entries, pointers), (more_cycles, more_entries, more_pointers) = figures
    return Cut(
        what=" to ".join(names),
        memory="activation_depth",
        needed=memory.rows,
        bands=group.bands,
        passes=1,
        cycles=more_cycles - cycles,
        entries=more_entries - entries,
        pointers=more_pointers - pointers,
    )


def _overfull(memory: Memory, last: int, depth: int) -> list[int]:
    """Steps after which more rows are needed than there are; where only holes are too many, the one with the most."""
    buffers = list({id(buffer): buffer for buffer in [*memory.buffers, *memory.scratch.values()]}.values())
    needed = [
        sum(buffer.rows for buffer in buffers if buffer.written <= step < max(buffer.read, buffer.written + 1))
        for step in range(last + 1)
    ]
    most = max(needed)
    return [step for step, rows in enumerate(needed) if rows > depth or (most <= depth and rows == most)]


def _rows(made: Patched, network: CompressedNetwork, config: ArrayConfig) -> int:
    return place_buffers(made.steps, Sources(made.steps), made.places, config.activation_depth, network).rows
