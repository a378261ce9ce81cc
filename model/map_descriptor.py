"""What the descriptor of a layer gains with `maps`: geometry of a map layer (contract/architecture.md, section 12)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

MAP_DESCRIPTOR_WORDS = 14
COORDINATE_BITS = 10  # of y, x, out_height, out_width
MAP_ROW_BITS = 16  # of an entry's local row, and of an address before it is compared with out_rows
STEP_Y_BITS = 5  # of the step along y in an entry's local row


class BitField(NamedTuple):
    """Where a field lies: descriptor word, lowest bit, width."""

    word: int
    low: int
    width: int


MAP_FIELDS: dict[str, BitField] = {
    "destination": BitField(1, 16, 16),
    "local": BitField(3, 10, 1),
    "maximum": BitField(3, 11, 1),
    "positive": BitField(3, 12, 1),
    "flat": BitField(3, 13, 1),
    "columns": BitField(4, 0, 24),
    "class_columns": BitField(5, 0, 24),
    "in_channels": BitField(6, 0, 16),
    "in_width": BitField(6, 16, 16),
    "column_step": BitField(7, 0, 16),
    "row_step": BitField(7, 16, 16),
    "classes_y": BitField(8, 0, 5),
    "classes_x": BitField(8, 8, 5),
    "advance_y": BitField(8, 16, 5),
    "advance_x": BitField(8, 24, 5),
    "start_y": BitField(9, 0, COORDINATE_BITS),
    "start_x": BitField(9, 16, COORDINATE_BITS),
    "out_channels": BitField(10, 0, 16),
    "destination_step": BitField(10, 16, 16),
    "out_height": BitField(11, 0, COORDINATE_BITS),
    "out_width": BitField(11, 16, COORDINATE_BITS),
    "row_pitch": BitField(12, 0, 16),
    "channel_bits": BitField(12, 16, 3),
    "column_bits": BitField(12, 20, 3),
    "limit": BitField(13, 0, 15),
}


@dataclass(frozen=True, kw_only=True)
class MapDescriptor:
    """The fields of `MAP_FIELDS`, as they stand in the descriptor; counts are of local rows, positions or columns.

    Parameters
    ----------
    destination : local row of the first output. destination_step : local rows from one output position to the next.
    local : every PE works on its own activations. maximum : the larger one instead of the sum.
    positive : activations below 0 count as 0. flat : an entry's row is the local channel, no taps.
    columns : of the layer, in every PE. class_columns : of one row of classes.
    in_channels, in_width : local channels of a source position, positions read of a source row.
    column_step, row_step : local rows from one source position, row of positions, to the next.
    classes_y, classes_x : residues of a source position that have columns of their own.
    advance_y, advance_x : output positions by which the coordinate grows after the last class.
    start_y, start_x : coordinate of the first source position.
    out_channels, out_height, out_width : local channels and positions of the output.
    row_pitch : accumulators from one row of output positions to the next.
    channel_bits, column_bits : of the local channel and the step along x in an entry's row.
    limit : outputs are at most this; 0 means no limit.
    """

    destination: int
    destination_step: int
    local: bool = False
    maximum: bool = False
    positive: bool = False
    flat: bool = False
    columns: int
    class_columns: int
    in_channels: int
    in_width: int
    column_step: int
    row_step: int
    classes_y: int = 1
    classes_x: int = 1
    advance_y: int = 1
    advance_x: int = 1
    start_y: int = 0
    start_x: int = 0
    out_channels: int
    out_height: int
    out_width: int
    row_pitch: int
    channel_bits: int = 0
    column_bits: int = 0
    limit: int = 0

    def __post_init__(self) -> None:
        for name, field in MAP_FIELDS.items():
            value = int(getattr(self, name))
            if not 0 <= value < 1 << field.width:
                raise ValueError(f"{name} of {field.width} bits wanted, got {value}")

    def merge(self, words: Sequence[int]) -> list[int]:
        """The MAP_DESCRIPTOR_WORDS words: `words`, those of `model.layouts.Descriptor`, and these fields."""
        merged = [*words, *[0] * (MAP_DESCRIPTOR_WORDS - len(words))]
        for name, field in MAP_FIELDS.items():
            merged[field.word] |= int(getattr(self, name)) << field.low
        return merged

    @classmethod
    def unpack(cls, words: Sequence[int]) -> "MapDescriptor":
        """The inverse of `merge`."""

        def value(name: str) -> int:
            field = MAP_FIELDS[name]
            return words[field.word] >> field.low & (1 << field.width) - 1

        flags = {name: bool(value(name)) for name, field in MAP_FIELDS.items() if field.width == 1}
        numbers = {name: value(name) for name, field in MAP_FIELDS.items() if field.width > 1}
        return cls(**numbers, **flags)
