"""Where maps lie in the activation memory: buffers of maps that are read together, and rows for every buffer.

A layer has read its source before its first output is written, so what is read for the last time may be overlaid by
what is made of it. What is made or read in bands of rows gives way band by band.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from model.errors import EieError
from sw.image.maps.buffers import Buffer, Span, place_rows
from sw.image.maps.part import widened
from sw.image.maps.placement import Place, Sets, Sources
from sw.image.maps.step import Made, Steps
from sw.image.maps.windows import source_rows, windows_of
from sw.network.compressed import CompressedNetwork
from sw.network.graph import Gru


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


def place_buffers(
    steps: Steps, sources: Sources, places: Sequence[Place], depth: int, network: CompressedNetwork
) -> Memory:
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
    for buffer in buffers:
        buffer.spans = _spans(buffer, steps, sources, places[buffer.maps[0].number], network)
    place_rows([*buffers, *scratch.values()], depth)
    for result, buffer in ends:
        result.row = buffer.row + buffer.rows - buffer.lead
    in_place = {result.maps[0].number for result, _ in ends}
    return Memory([by_map[made.number] for made in sources.maps], scratch, in_place)


def _spans(
    buffer: Buffer, steps: Steps, sources: Sources, place: Place, network: CompressedNetwork
) -> tuple[Span, ...]:
    """Parts of a buffer by when they are needed; one unless it is a single map that bands write or read."""
    whole = (Span(0, buffer.rows, buffer.written, buffer.read),)
    made = buffer.maps[0]
    banded = any(
        step.rows is not None
        and (step.made is made or any(made in sources.maps_of(term.elements) for term in step.terms))
        for step in steps.steps
    )
    if not banded or len(buffer.maps) > 1 or buffer.lead or place.rows.groups > 1:
        return whole
    height = made.shape[1]
    written, read = [buffer.written] * height, [-2] * height
    for number, step in enumerate(steps.steps):
        if step.made.number == made.number:
            first, end = step.rows_made
            for row in range(first, end):
                written[row] = number if read[row] == -2 else written[row]
                read[row] = max(read[row], number)
        for term in step.terms:
            if made not in sources.maps_of(term.elements):
                continue
            low, high = widened(place, source_rows(step, windows_of(step, network)[0], made))
            read[low:high] = [number] * (high - low)
    if buffer.read == len(steps.steps):
        read = [buffer.read] * height
    line = buffer.rows // height
    spans: list[Span] = []
    for row in range(height):
        needed = written[row], max(read[row], written[row])
        if spans and spans[-1][2:] == needed:
            spans[-1] = spans[-1]._replace(end=(row + 1) * line)
        else:
            spans.append(Span(row * line, (row + 1) * line, *needed))
    return tuple(spans)
