"""What a step reads of a buffer, and what the fields of a descriptor can say of that."""

from collections.abc import Sequence

import numpy as np

from model.errors import EieError
from model.map_descriptor import MAP_FIELDS, STEP_Y_BITS
from sw.image.maps.axis import Meetings
from sw.image.maps.buffers import Buffer
from sw.image.maps.part import Part
from sw.image.maps.placement import Place, Sources
from sw.image.maps.step import Made, Step, Term, elements_of

BETWEEN = "what it takes must lie side by side, other values that are joined lie between"
MOST_COORDINATE = (1 << MAP_FIELDS["start_y"].width) - 1
MOST_CHANNEL_BITS = (1 << MAP_FIELDS["channel_bits"].width) - 1


def channels_read(sources: Sources, step: Step, term: Term) -> list[tuple[Made, int]]:
    """The map and channel of every source channel; EieError if one is not read as it was made."""
    channels = sources.channels(term.elements)
    for number, (made, of) in enumerate(channels):
        whole = elements_of(made).reshape(made.shape)[of].reshape(-1)
        if not np.array_equal(term.elements[number].reshape(-1), whole):
            raise EieError(f"{step.name}: an array reads maps as they were made, not parts of them or reordered")
    return channels


def span_read(sources: Sources, places: Sequence[Place], step: Step, term: Term, buffer: Buffer) -> tuple[int, int]:
    """The first local channel that is read of a buffer's positions, and how many."""
    read = [made.number for made in sources.maps_of(term.elements)]
    numbers = [made.number for made in buffer.maps]
    first, last = numbers.index(read[0]), numbers.index(read[-1])
    if numbers[first : last + 1] != read:
        raise EieError(f"{step.name}: {BETWEEN}")
    begin = buffer.offsets[read[0]]
    end = buffer.offsets[read[-1]] + places[read[-1]].local_channels
    return begin, end - begin


def whole_buffer(sources: Sources, buffers: Sequence[Buffer], step: Step, term: Term) -> Buffer:
    """What a fully connected layer reads."""
    read = sources.maps_of(term.elements)
    buffer = buffers[read[0].number]
    if len(read) != len(buffer.maps):
        raise EieError(f"{step.name}: {BETWEEN}")
    return buffer


def check_steps(step: Step, along: Sequence[Meetings], part: Part, channel_bits: int, column_bits: int) -> None:
    """EieError for what a descriptor's fields do not hold."""
    most_rows, most_columns = (1 << STEP_Y_BITS) - 1, (1 << (1 << MAP_FIELDS["column_bits"].width) - 1) - 1
    if along[0].furthest > most_rows or along[1].furthest > most_columns:
        raise EieError(
            f"{step.name}: a window of an array reaches {most_rows} rows and {most_columns} columns of its result, "
            f"got {along[0].furthest} and {along[1].furthest}"
        )
    if channel_bits > MOST_CHANNEL_BITS:
        raise EieError(
            f"{step.name}: a PE holds at most {1 << MOST_CHANNEL_BITS} channels of a map that windows make, got "
            f"{part.channels}; it takes more PEs"
        )
    largest = max(part.height, part.place.columns.local_size, along[0].start, along[1].start)
    if largest > MOST_COORDINATE:
        raise EieError(f"{step.name}: a map must have at most {MOST_COORDINATE} rows and columns, got {largest}")
