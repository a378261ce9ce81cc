"""Maps that the activation memory does not hold, made a band of rows at a time, layer after layer.

Some consecutive steps are done for a band of rows of what the last of them makes, then for the next one: the maps
between them are never there as a whole (the patches of MCUNetV2, Lin et al., NeurIPS 2021, here of whole rows). What
bands overlap in is made again in each. The first steps' sources and the last one's result are whole maps; the result
takes the place of rows that no later band reads (`buffers.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from sw.image.maps.part import rows_of, widened
from sw.image.maps.placement import Place, Sources
from sw.image.maps.step import Made, Rows, Step, Steps, Term, elements_of
from sw.image.maps.windows import source_rows, windows_of
from sw.network.compressed import CompressedNetwork


@dataclass(frozen=True)
class Group:
    """Steps `first` to `last` in so many bands."""

    first: int
    last: int
    bands: int


@dataclass(frozen=True)
class Patched:
    """Steps with one group in bands, where their maps lie, and how much work the bands repeat, in multiplications."""

    group: Group
    steps: Steps
    places: list[Place]
    repeated: float


def can_be_patched(steps: Steps, sources: Sources, first: int, last: int) -> bool:
    """Whether the maps between the steps are read by them alone, row by row."""
    group = steps.steps[first : last + 1]
    inner = {step.made.number for step in group[:-1]}
    assert steps.output is not None
    outside = [term.elements for step in steps.steps[last + 1 :] for term in step.terms] + [steps.output.elements]
    read: set[int] = set()
    for step in group:
        if step.kind == "recurrent" or step.rows is not None or step.made.shape[1:] == (1, 1):
            return False
        for term in step.terms:
            maps = sources.maps_of(term.elements)
            whole = term.elements.ndim == 3 and term.elements.shape[1:] == maps[0].shape[1:]
            if not whole or (len(maps) > 1 and any(made.number in inner for made in maps)):
                return False
            read |= {made.number for made in maps}
    return inner <= read and not any(made.number in inner for each in outside for made in sources.maps_of(each))


def patched(
    steps: Steps, sources: Sources, places: Sequence[Place], network: CompressedNetwork, group: Group
) -> Patched | None:
    """The steps with a group in bands that `can_be_patched`; None if its result has too few rows for so many."""
    members = steps.steps[group.first : group.last + 1]
    result = members[-1].made
    needed = list(_bands(members, sources, places, network, group.bands))
    if not needed:
        return None
    maker = _Maker(steps, sources, places)
    for step in steps.steps[: group.first]:
        maker.keep(step)
    for rows in needed:
        for step in members:
            maker.make(step, rows, step.made is not result)
    for step in steps.steps[group.last + 1 :]:
        maker.keep(step)
    repeated = sum(
        _work(step, network)
        * (sum(rows[step.made.number][1] - rows[step.made.number][0] for rows in needed) / height - 1)
        for step in members
        for height in (step.made.shape[1],)
    )
    return Patched(group, maker.finished(), maker.places, repeated)


def _work(step: Step, network: CompressedNetwork) -> float:
    """Multiplications with weights that are kept."""
    if step.kind == "layer":
        return float(network.layers[step.layer].positions.size * prod(step.made.shape[1:]))
    taps = len(step.terms) if step.pool is None else prod(step.pool.kernel)
    return float(taps * prod(step.made.shape))


def _bands(
    members: Sequence[Step], sources: Sources, places: Sequence[Place], network: CompressedNetwork, bands: int
) -> Iterator[Mapping[int, Rows]]:
    """Of every band the rows that are made of each of the members' maps."""
    result = members[-1].made
    axis = places[result.number].rows
    unit = axis.groups * axis.block if axis.groups > 1 else 1
    blocks = axis.size // unit
    bands = min(bands, blocks)
    if bands < 2:
        return
    for band in range(bands):
        end = axis.size if band == bands - 1 else blocks * (band + 1) // bands * unit
        rows: dict[int, Rows] = {result.number: (blocks * band // bands * unit, end)}
        for step in reversed(members):
            window = windows_of(step, network)[0]
            part = replace(step, rows=rows[step.made.number])
            for term in step.terms:
                for made in sources.maps_of(term.elements):
                    low, high = widened(places[made.number], source_rows(part, window, made))
                    before = rows.get(made.number, (low, high))
                    rows[made.number] = min(low, before[0]), max(high, before[1])
        yield rows


class _Maker:
    """Collects steps; maps and their elements get new numbers in the order in which they are made."""

    def __init__(self, steps: Steps, sources: Sources, places: Sequence[Place]) -> None:
        self._old, self._sources, self._old_places = steps, sources, places
        self._steps: list[Step] = []
        self._moved = np.full(steps.activity.size, -1, np.int64)  # new numbers of old elements
        self._next = 0
        self._made: dict[int, Made] = {}
        self._activity: list[NDArray[np.float64]] = []
        self.places: list[Place] = []
        self._take(steps.source, (0, steps.source.shape[1]), is_band=False)

    def keep(self, step: Step) -> None:
        """A step as it is."""
        made = self._made_again(step)
        self._steps.append(replace(step, made=made, terms=self._terms(step)))

    def make(self, step: Step, rows: Mapping[int, Rows], is_inner: bool) -> None:
        """The part of a step that makes rows of its map, which is a map of its own if it is inner."""
        terms = self._terms(step)
        low, high = rows[step.made.number]
        if is_inner:
            made = self._take(step.made, (low, high), is_band=True)
            self._steps.append(replace(step, made=made, terms=terms, rows=(0, high - low)))
        else:
            self._steps.append(replace(step, made=self._made_again(step), terms=terms, rows=(low, high)))

    def finished(self) -> Steps:
        """All of them."""
        output = self._old.output
        assert output is not None
        return replace(
            self._old,
            source=self._made[0],
            activity=np.concatenate(self._activity),
            steps=self._steps,
            output=output._replace(elements=self._moved[output.elements]),
        )

    def _made_again(self, step: Step) -> Made:
        number = step.made.number
        return self._made.get(number) or self._take(step.made, (0, step.made.shape[1]), is_band=False)

    def _take(self, made: Made, rows: Rows, is_band: bool) -> Made:
        """Rows of a map as a new map."""
        low, high = rows
        shape = made.shape[0], high - low, made.shape[2]
        new = Made(len(self.places), shape, self._next, low if is_band else made.origin)
        old = elements_of(made).reshape(made.shape)
        self._moved[old] = -1
        self._moved[old[:, low:high]] = elements_of(new).reshape(shape)
        self._next += prod(shape)
        self._activity.append(self._old.activity[old[:, low:high].reshape(-1)])
        place = self._old_places[made.number]
        self.places.append(rows_of(place, rows)[0] if is_band else place)
        self._made[made.number] = new
        return new

    def _terms(self, step: Step) -> list[Term]:
        """With new elements; of a band the rows that are there."""
        terms: list[Term] = []
        for term in step.terms:
            moved = self._moved[term.elements]
            if (moved < 0).any():
                moved = moved[:, (moved >= 0).all(axis=(0, 2))]
            terms.append(term._replace(elements=moved))
        return terms
