"""Where maps lie in the activation memory: buffers of maps that are read together, and rows for every buffer.

A layer has read its source before its first output is written, so what is read for the last time may be overlaid by
what is made of it. Buffers are placed by size, the largest first, each at the lowest rows that are free while it is
needed; the network's input lies at row 0.
"""

from dataclasses import dataclass

from model.errors import EieError
from sw.image.maps.placement import Place, Sets, Sources
from sw.image.maps.steps import Made, Steps


@dataclass(eq=False)
class Buffer:
    """Maps whose local channels stand side by side at every position.

    Parameters
    ----------
    maps : in this order.
    offsets : before each map's first local channel.
    pitch : local rows from one position to the next.
    rows : local rows of the whole.
    written, read : number of the first step that writes it, -1 for the input, and of the last that reads it.
    row : first local row.
    """

    maps: list[Made]
    offsets: dict[int, int]
    pitch: int
    rows: int
    written: int
    read: int
    row: int = 0


def joined_maps(steps: Steps, sources: Sources) -> list[list[Made]]:
    """The maps of every buffer: those that some step reads as one value, or that the output is made of."""
    sets = Sets(len(sources.maps))
    assert steps.output is not None
    for elements in [*(term.elements for step in steps.steps for term in step.terms), steps.output.elements]:
        first, *others = sources.maps_of(elements)
        for other in others:
            sets.join(first.number, other.number)
    groups: dict[int, list[Made]] = {}
    for made in sources.maps:
        groups.setdefault(sets.find(made.number), []).append(made)
    return list(groups.values())


def place_buffers(steps: Steps, sources: Sources, places: list[Place]) -> list[Buffer]:
    """The buffer of every map, by its number, with its rows; EieError for maps that cannot be joined."""
    assert steps.output is not None
    last_read = [-1] * len(sources.maps)
    for number, step in enumerate(steps.steps):
        for term in step.terms:
            for made in sources.maps_of(term.elements):
                last_read[made.number] = number
    for made in sources.maps_of(steps.output.elements):
        last_read[made.number] = len(steps.steps)
    buffers: list[Buffer] = []
    for maps in joined_maps(steps, sources):
        first = places[maps[0].number]
        if any((places[made.number].rows, places[made.number].columns) != (first.rows, first.columns) for made in maps):
            raise EieError(f"values that are joined must have as many rows and columns, got {[m.shape for m in maps]}")
        offsets: dict[int, int] = {}
        pitch = 0
        for made in maps:
            offsets[made.number] = pitch
            pitch += places[made.number].local_channels
        written = min(made.number - 1 for made in maps)
        read = max(max(last_read[made.number] for made in maps), written)
        buffers.append(Buffer(maps, offsets, pitch, pitch * first.positions, written, read))
    _first_fit(buffers)
    by_map = {made.number: buffer for buffer in buffers for made in buffer.maps}
    return [by_map[made.number] for made in sources.maps]


def _first_fit(buffers: list[Buffer]) -> None:
    placed: list[Buffer] = []
    for buffer in sorted(buffers, key=lambda buffer: (buffer.written >= 0, -buffer.rows)):
        others = sorted((other for other in placed if _meet(buffer, other)), key=lambda other: other.row)
        for other in others:
            if buffer.row + buffer.rows <= other.row:
                break
            buffer.row = max(buffer.row, other.row + other.rows)
        placed.append(buffer)


def _meet(one: Buffer, other: Buffer) -> bool:
    """Whether both are needed at some time; what is read last by a step gives way to what the step makes."""
    return one.written < max(other.read, other.written + 1) and other.written < max(one.read, one.written + 1)
