"""Where the channels and positions of every map lie: over which groups of PEs, in which PE, at which local channel.

Local layers (pooling, sums, depthwise convolutions) join activations of one PE, so what they join lies in the same PE:
channels that they join form a *family*, maps that they join a *component*. A family has one lane, a component one
arrangement of groups. Maps that are joined by channels share a buffer, where their local channels stand side by side.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from sw.image.maps.axis import Axis
from sw.image.maps.dealing import deal_families
from sw.image.maps.step import Made, Step, Steps, Term, elements_of
from sw.network.compressed import CompressedNetwork

GROUPINGS = ((1, 1), (1, 2), (2, 2), (2, 4), (4, 4))  # along rows and columns of positions

Grouping = tuple[int, int]


@dataclass(frozen=True)
class Place:
    """A map's arrangement.

    Parameters
    ----------
    rows, columns : axes of positions.
    lanes : PEs of a group.
    lane, local : (channels,) int64 of every channel.
    """

    rows: Axis
    columns: Axis
    lanes: int
    lane: NDArray[np.int64]
    local: NDArray[np.int64]

    @property
    def local_channels(self) -> int:
        return int(self.local.max()) + 1

    @property
    def positions(self) -> int:
        """Of one group."""
        return self.rows.local_size * self.columns.local_size

    @property
    def pe_count(self) -> int:
        """Of all groups."""
        return self.lanes * self.rows.groups * self.columns.groups

    def pe(
        self, row_group: NDArray[np.int64], column_group: NDArray[np.int64], lane: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Of groups and lanes."""
        return (row_group * self.columns.groups + column_group) * self.lanes + lane


class Sets:
    """Union of numbers into sets."""

    def __init__(self, size: int) -> None:
        self._up = np.arange(size)

    def find(self, number: int) -> int:
        while self._up[number] != number:
            self._up[number] = self._up[self._up[number]]
            number = int(self._up[number])
        return number

    def join(self, one: int, other: int) -> None:
        self._up[max(self.find(one), self.find(other))] = min(self.find(one), self.find(other))


class Sources:
    """Which map and which channel of it an element belongs to."""

    def __init__(self, steps: Steps) -> None:
        made = {step.made.number: step.made for step in steps.steps}  # by several, where it is made in parts
        self.maps: list[Made] = [steps.source, *made.values()]
        self._firsts: NDArray[np.int64] = np.array([made.first for made in self.maps])
        self._found: dict[int, tuple[NDArray[np.int64], list[Made]]] = {}  # by identity: it takes long and comes often

    def maps_of(self, elements: NDArray[np.int64]) -> list[Made]:
        """In ascending order; elements are not changed afterwards."""
        if id(elements) not in self._found:
            numbers: list[int] = np.unique(self._number(elements)).tolist()
            maps = [self.maps[number] for number in numbers]
            self._found[id(elements)] = elements, maps
        return self._found[id(elements)][1]

    def channels(self, elements: NDArray[np.int64]) -> list[tuple[Made, int]]:
        """Of the first element of every channel of (channels, ...) elements."""
        heads = elements.reshape(len(elements), -1)[:, 0]
        found: list[tuple[Made, int]] = []
        numbers: list[int] = self._number(heads).tolist()
        firsts: list[int] = heads.tolist()
        for number, head in zip(numbers, firsts, strict=True):
            made = self.maps[number]
            found.append((made, (head - made.first) // prod(made.shape[1:])))
        return found

    def _number(self, elements: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.searchsorted(self._firsts, elements, side="right") - 1


def is_local(step: Step, network: CompressedNetwork) -> bool:
    """Whether every result channel takes one source channel, so that nothing need be broadcast.

    A depthwise convolution is broadcast all the same where its maps are spread over groups of PEs: windows of one group
    meet positions of others.
    """
    if step.kind in ("pool", "sum"):
        return True
    if step.kind == "recurrent":
        return False
    layer = network.layers[step.layer]
    return layer.convolution is not None and layer.shape[1] == 1 and layer.convolution.groups > 1


class Placer:
    """Families and components of a network's maps, and their places for any choice of groupings."""

    def __init__(self, network: CompressedNetwork, steps: Steps, config: ArrayConfig) -> None:
        self._network, self._steps, self._config = network, steps, config
        self.sources = Sources(steps)
        maps = self.sources.maps
        self._bases = np.concatenate([[0], np.cumsum([made.shape[0] for made in maps])])
        self._families = Sets(int(self._bases[-1]))
        self._components = Sets(len(maps))
        self._blocks = [1] * len(maps)  # how many neighbours must stay together, along both axes
        self._apart = [True] * len(maps)  # whether the map may be spread over groups
        self._loads: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []  # of steps: channels and their loads
        self._arranged: dict[tuple[int, Grouping], dict[int, Place]] = {}  # of components
        self._dealt: dict[tuple[int, int], NDArray[np.int64]] = {}  # lanes by component and number of lanes
        for step in steps.steps:
            self._read(step)
        for step in reversed(steps.steps):
            self._keep_windows(step)
        for step in steps.steps:
            self._check_windows(step)

    def _read(self, step: Step) -> None:
        """Join what a step joins; count the weights of what it makes."""
        number = step.made.number
        for term in step.terms:
            self._join(made.number for made in self.sources.maps_of(term.elements))
        if not is_local(step, self._network):
            self._loads.append(self._load(step, step.terms[0]))
            return
        self._join([number, *(made.number for term in step.terms for made in self.sources.maps_of(term.elements))])
        for term in step.terms:
            self._loads.append(self._load(step, term))
            channels = self.sources.channels(term.elements.reshape(len(term.elements), -1))
            copies = step.made.shape[0] // len(channels)
            for channel, (made, of) in enumerate(channels):
                for copy in range(copies):
                    mine = int(self._bases[number]) + channel * copies + copy
                    self._families.join(mine, int(self._bases[made.number]) + of)

    def _load(self, step: Step, term: Term) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Channels of a step's result, and about how many entries of each are issued."""
        made = step.made
        channels = np.arange(made.shape[0])
        if step.kind == "recurrent":
            return channels + int(self._bases[made.number]), self._recurrent_load(step, term)
        elements = term.elements if step.kind == "layer" else term.elements.reshape(made.shape[0], -1)
        shares = self._steps.activity[elements].reshape(len(elements), -1).mean(axis=1)
        if step.kind != "layer":
            taps = elements.shape[1] / prod(made.shape[1:]) if step.pool is None else prod(step.pool.kernel)
            issued = shares * taps
        else:
            layer = self._network.layers[step.layer]
            output, source = np.divmod(layer.positions, prod(layer.shape[1:]))
            if layer.convolution is not None:
                inputs = layer.shape[1]
                source = (
                    source // prod(layer.shape[2:]) + output // (len(channels) // layer.convolution.groups) * inputs
                )
            issued = np.bincount(output, shares[source], minlength=len(channels))
        return channels + int(self._bases[made.number]), np.asarray(issued * prod(made.shape[1:]), np.float64)

    def _recurrent_load(self, step: Step, term: Term) -> NDArray[np.float64]:
        """The same of units, all of whose gates lie in one PE; h is hardly ever zero."""
        layer, (_, steps, _) = self._network.layers[step.layer], term.elements.shape
        units = step.made.shape[0]
        shares = np.append(
            self._steps.activity[term.elements].reshape(len(term.elements), -1).mean(axis=1), np.ones(units)
        )
        output, source = np.divmod(layer.positions, layer.shape[1])
        return np.bincount(output % units, shares[source], minlength=units) * steps

    def _join(self, numbers: Iterable[int]) -> None:
        first, *others = numbers
        for other in others:
            self._components.join(first, other)

    def _keep_windows(self, step: Step) -> None:
        """Windows that lie in one group each are made of neighbours: blocks of the source grow with them."""
        if is_local(step, self._network):
            kernel = 1 if step.pool is None else step.pool.kernel[0]
            for term in step.terms:
                for made in self.sources.maps_of(term.elements):
                    self._blocks[made.number] = self._blocks[step.made.number] * kernel

    def _check_windows(self, step: Step) -> None:
        """Maps are spread over groups only if everything that is joined lies in one."""
        number = step.made.number
        read = [[made.number for made in self.sources.maps_of(term.elements)] for term in step.terms]
        apart = all(len({self._blocks[source] for source in sources}) == 1 for sources in read)
        if step.kind == "recurrent":
            apart = self._apart[number] = False
        elif step.kind != "layer":
            kernel = (1, 1) if step.pool is None else step.pool.kernel
            apart &= kernel[0] == kernel[1]
            apart &= all(self._blocks[source] == self._blocks[number] * kernel[0] for each in read for source in each)
            if step.pool is not None:
                whole = all(size % stride == 0 for size, stride in zip(self._size(step), step.pool.stride, strict=True))
                apart &= whole and kernel == step.pool.stride and not any(step.pool.padding)
            self._apart[number] &= apart
        for sources in read:
            for source in sources:
                self._apart[source] &= apart

    def _size(self, step: Step) -> tuple[int, int]:
        made = self.sources.maps_of(step.terms[0].elements)[0]
        return made.shape[1], made.shape[2]

    @cached_property
    def components(self) -> dict[int, list[Made]]:
        """Maps that must be spread alike, in the order of their first."""
        members: dict[int, list[Made]] = {}
        for made in self.sources.maps:
            members.setdefault(self._components.find(made.number), []).append(made)
        return members

    def places(self, groupings: Mapping[int, Grouping]) -> list[Place]:
        """The place of every map, by its number; one group where `groupings` does not name its component."""
        found: dict[int, Place] = {}
        for component, maps in self.components.items():
            groups = groupings.get(component, (1, 1))
            if (component, groups) not in self._arranged:
                self._arranged[component, groups] = self._arrange(maps, groups)
            found |= self._arranged[component, groups]
        return [found[made.number] for made in self.sources.maps]

    def groupings(self, maps: list[Made]) -> list[Grouping]:
        """Those that the maps of a component can have, one group being always possible."""
        if not all(self._apart[made.number] for made in maps):
            return [(1, 1)]
        return [
            groups
            for groups in GROUPINGS
            if groups == (1, 1)
            or (
                self._config.pes % prod(groups) == 0
                and all(
                    made.shape[1 + axis] % (count * self._blocks[made.number]) == 0
                    for made in maps
                    for axis, count in enumerate(groups)
                )
            )
        ]

    def _arrange(self, maps: list[Made], groups: Grouping) -> dict[int, Place]:
        lanes = self._config.pes // prod(groups)
        members: dict[int, list[int]] = {}
        for made in maps:
            for channel in range(int(self._bases[made.number]), int(self._bases[made.number + 1])):
                members.setdefault(self._families.find(channel), []).append(channel)
        families = list(members.values())
        lane_of = self._lanes(families, lanes)
        lane_of_channel = np.empty(int(self._bases[-1]), np.int64)
        for lane, channels in zip(lane_of.tolist(), families, strict=True):
            lane_of_channel[channels] = lane
        places: dict[int, Place] = {}
        for made in maps:
            lane = lane_of_channel[self._bases[made.number] : self._bases[made.number + 1]]
            local = np.zeros(lane.size, np.int64)
            for number in range(lanes):
                local[lane == number] = np.arange(np.count_nonzero(lane == number))
            block = self._blocks[made.number]
            rows, columns = (
                Axis(size, count, block if count > 1 else 1) for size, count in zip(made.shape[1:], groups, strict=True)
            )
            places[made.number] = Place(rows, columns, lanes, lane, local)
        return places

    def _lanes(self, families: list[list[int]], lanes: int) -> NDArray[np.int64]:
        """(families,) the lane of every family of channels of one component."""
        if self._config.row_dealing == "modulo":
            return np.arange(len(families), dtype=np.int64) % lanes
        key = families[0][0], lanes
        if key not in self._dealt:
            family_of = np.full(int(self._bases[-1]), -1, np.int64)
            for number, channels in enumerate(families):
                family_of[channels] = number
            loads = [
                np.bincount(family_of[channels], loads, minlength=len(families))
                for channels, loads in self._loads
                if family_of[channels[0]] >= 0
            ]
            self._dealt[key] = deal_families(np.array(loads, np.float64).reshape(-1, len(families)), lanes)
        return self._dealt[key]


def physical(made: Made, place: Place, pes: int, pitch: int, offset: int) -> NDArray[np.int64]:
    """(elements,) position of every element of a map, ``local row * pes + PE``, from its buffer's first row.

    `pitch` local rows from one position to the next, `offset` before the map's first local channel.
    """
    channel, row, column = np.unravel_index(elements_of(made) - made.first, made.shape)
    row, column = row.astype(np.int64), column.astype(np.int64)
    position = place.rows.local(row) * place.columns.local_size + place.columns.local(column)
    pe = place.pe(place.rows.group(row), place.columns.group(column), place.lane[channel])
    return (position * pitch + offset + place.local[channel]) * pes + pe
