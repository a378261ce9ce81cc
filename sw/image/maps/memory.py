"""Where maps lie in the activation memory: buffers of maps that are read together, and rows for every buffer.

A layer has read its source before its first output is written, so what is read for the last time may be overlaid by
what is made of it; what is made in parts reads until the last. Buffers are placed by size, the largest first, each at
the lowest rows that are free while it is needed; the network's input lies at row 0.
"""

from dataclasses import dataclass

from model.errors import EieError
from sw.image.maps.placement import Place, Sets, Sources
from sw.image.maps.step import Made, Steps
from sw.network.graph import Gru


@dataclass(eq=False)
class Buffer:
    """Maps whose local channels stand side by side at every position.

    Parameters
    ----------
    maps : in this order.
    offsets : before each map's first local channel.
    pitch : local rows from one position to the next.
    rows : local rows of the whole.
    written, read : number of the first step that writes it, -1 for the input, and of the last that reads or writes it.
    row : first local row.
    lead : rows in front of the first position: h of an LSTM or a GRU before its first step.
    """

    maps: list[Made]
    offsets: dict[int, int]
    pitch: int
    rows: int
    written: int
    read: int
    row: int = 0
    lead: int = 0

    @property
    def first(self) -> int:
        """Local row of the first position."""
        return self.row + self.lead


@dataclass(frozen=True)
class Memory:
    """`buffers` are those of every map by its number, `scratch` those of recurrent steps by theirs.

    `in_place` are the numbers of maps that lie where their step leaves them: at the end of what it reads.
    """

    buffers: list[Buffer]
    scratch: dict[int, Buffer]
    in_place: set[int]

    @property
    def rows(self) -> int:
        """Local rows of everything."""
        return max(buffer.row + buffer.rows for buffer in [*self.buffers, *self.scratch.values()])


def unit_rows(place: Place) -> int:
    """Local rows of a block of units, two at least: what a block makes is stored before it is needed."""
    return max(2, place.local_channels)


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


def place_buffers(steps: Steps, sources: Sources, places: list[Place], depth: int) -> Memory:
    """Buffers with their rows, `depth` of which there are; EieError for maps that cannot be joined."""
    assert steps.output is not None
    last_read, first_written = [-1] * len(sources.maps), [-1] * len(sources.maps)
    for number, step in reversed(list(enumerate(steps.steps))):
        first_written[step.made.number] = number
    for number, step in enumerate(steps.steps):
        last_read[step.made.number] = number  # which may be written by several
        for term in step.terms:
            for made in sources.maps_of(term.elements):
                last_read[made.number] = number
    for made in sources.maps_of(steps.output.elements):
        last_read[made.number] = len(steps.steps)
    buffers: list[Buffer] = []
    scratch: dict[int, Buffer] = {}
    ends: list[tuple[Buffer, Buffer]] = []
    recurrent = {step.made.number: step for step in steps.steps if step.kind == "recurrent"}
    read_by = {sources.maps_of(step.terms[0].elements)[0].number: number for number, step in recurrent.items()}
    for maps in joined_maps(steps, sources):
        first = places[maps[0].number]
        if any((places[made.number].rows, places[made.number].columns) != (first.rows, first.columns) for made in maps):
            raise EieError(f"values that are joined must have as many rows and columns, got {[m.shape for m in maps]}")
        offsets: dict[int, int] = {}
        pitch = 0
        for made in maps:
            offsets[made.number] = pitch
            pitch += places[made.number].local_channels
        # What a recurrent step makes may not take the place of what it goes on to read.
        written = min(first_written[made.number] - (made.number in recurrent) for made in maps)
        read = max(max(last_read[made.number] for made in maps), written)
        buffers.append(Buffer(maps, offsets, pitch, pitch * first.positions, written, read))
    by_map = {made.number: buffer for buffer in buffers for made in buffer.maps}
    for source, number in read_by.items():
        buffer, step, rows = by_map[source], recurrent[number], unit_rows(places[number])
        buffer.lead = rows
        buffer.rows += rows
        blocks = 7 if isinstance(step.recurrent, Gru) else 5
        begun = first_written[number]
        scratch[number] = Buffer([], {}, 0, blocks * rows, begun - 1, begun)
        result = by_map[number]
        if step.recurrent is not None and not step.recurrent.sequence and len(result.maps) == 1:
            buffers.remove(result)
            buffer.read = max(buffer.read, result.read)
            ends.append((result, buffer))
    _place([*buffers, *scratch.values()], depth)
    for result, buffer in ends:
        result.row = buffer.row + buffer.rows - buffer.lead
    in_place = {result.maps[0].number for result, _ in ends}
    return Memory([by_map[made.number] for made in sources.maps], scratch, in_place)


def _place(buffers: list[Buffer], depth: int) -> None:
    """At the lowest rows; where these go beyond `depth`, at the highest, if that will do: holes are others then."""
    _first_fit(buffers)
    if max(buffer.row + buffer.rows for buffer in buffers) <= depth:
        return
    lowest = [buffer.row for buffer in buffers]
    if not _last_fit(buffers, depth):
        for buffer, row in zip(buffers, lowest, strict=True):
            buffer.row = row


def _last_fit(buffers: list[Buffer], depth: int) -> bool:
    """Whether all have found rows, the input from 0 on."""
    placed: list[Buffer] = []
    for buffer in sorted(buffers, key=lambda buffer: (not _holds_input(buffer), -buffer.rows)):
        buffer.row = 0 if _holds_input(buffer) else depth - buffer.rows
        for other in sorted((other for other in placed if _meet(buffer, other)), key=lambda other: -other.row):
            if buffer.row < other.row + other.rows:
                buffer.row = min(buffer.row, other.row - buffer.rows)
        if buffer.row < 0:
            return False
        placed.append(buffer)
    return True


def _first_fit(buffers: list[Buffer]) -> None:
    placed: list[Buffer] = []
    for buffer in sorted(buffers, key=lambda buffer: (not _holds_input(buffer), -buffer.rows)):
        others = sorted((other for other in placed if _meet(buffer, other)), key=lambda other: other.row)
        for other in others:
            if buffer.row + buffer.rows <= other.row:
                break
            buffer.row = max(buffer.row, other.row + other.rows)
        placed.append(buffer)


def _holds_input(buffer: Buffer) -> bool:
    return any(made.number == 0 for made in buffer.maps)


def _meet(one: Buffer, other: Buffer) -> bool:
    """Whether both are needed at some time; what is read last by a step gives way to what the step makes."""
    return one.written < max(other.read, other.written + 1) and other.written < max(one.read, one.written + 1)
