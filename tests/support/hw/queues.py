"""What the stepped model shows of its queues, cycle by cycle."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from model.image import NetworkImage
from model.layouts import ControlState
from model.stepped.activation_queue import QueueItem
from model.stepped.array import SteppedArray
from tests.support.hw.stepped import Host
from tests.support.images.random_images import encode_input, encode_network

COMPUTING = (
    ControlState.PREFETCH_0,
    ControlState.PREFETCH_1,
    ControlState.PREFETCH_2,
    ControlState.PREFETCH_3,
    ControlState.BROADCAST,
    ControlState.DRAIN,
)


@dataclass
class Seen:
    """What the stepped model showed in every cycle of a layer up to the end of DRAIN; queues as (cycles, pes)."""

    counts: list[list[int]] = field(default_factory=list)
    full: list[list[bool]] = field(default_factory=list)
    issued: list[list[QueueItem | None]] = field(default_factory=list)
    in_flight: list[int] = field(default_factory=list)
    selected: list[int] = field(default_factory=list)


class Watcher:
    """Watches the queues of a stepped array, layer by layer."""

    def __init__(self, array: SteppedArray):
        self.array = array
        self.layers: list[Seen] = []

    def __call__(self, inputs, outputs) -> None:
        controller, pes = self.array.controller, self.array.pes
        if controller.state not in COMPUTING:
            return
        if controller.state == ControlState.PREFETCH_0:
            self.layers.append(Seen())
        seen, selected = self.layers[-1], controller.selection.valid_lanes
        broadcast = sum(lane is not None for lane in controller.broadcasts)
        reading = max(pe.pointer_memory.on_the_way for pe in pes)  # the same in all but in local mode
        seen.counts.append([pe.queue.count for pe in pes])
        seen.full.append([pe.is_full(selected) for pe in pes])
        seen.issued.append([pe.queue.issue for pe in pes])
        seen.in_flight.append(reading + broadcast + selected)
        seen.selected.append(selected)


def slices_of(issued: list[QueueItem | None]) -> list[tuple[int, int]]:
    """First and last cycle of every slice in one PE's issue register."""
    found, last = [], None
    for cycle, item in enumerate(issued):
        if item is not None:
            if item is not last:
                found.append([cycle, cycle])
            found[-1][1] = cycle
        last = item
    return [(first, end) for first, end in found]


def watch(image: NetworkImage, activations: NDArray[np.int16]) -> list[Seen]:
    """Run one input, in physical order, on the stepped model: every layer's queues."""
    array = SteppedArray(image.config)
    watcher = Watcher(array)
    host = Host(array, observe=watcher)
    host.load(encode_network(image))
    host.load(encode_input(image.config, activations))
    host.start()
    host.receive()
    return watcher.layers
