"""Layouts that only an array with `maps` has; docs/contract/architecture.md, section 12."""

from amaranth.lib import data

from model.config import ArrayConfig
from model.map_descriptor import COORDINATE_BITS, MAP_FIELDS, MAP_ROW_BITS

STEP_X_BITS = (1 << MAP_FIELDS["column_bits"].width) - 1  # the most bits of a step along x


def place_layout() -> data.StructLayout:
    """The coordinate that a broadcast carries: the output position that its entries are steps away from."""
    return data.StructLayout({"y": COORDINATE_BITS, "x": COORDINATE_BITS})


def geometry_layout(config: ArrayConfig) -> data.StructLayout:
    """What a PE knows of a layer's maps. The fields are those of `MapDescriptor`, but `limit` is at least 1, at
    most the largest activation.

    `channel_mask`, `step_mask` : ones at the bits of an entry's row that the local channel takes, and at those of the
    step along x above them; with `flat` all, and none.
    """
    field = {name: MAP_FIELDS[name].width for name in MAP_FIELDS}
    return data.StructLayout(
        {
            **dict.fromkeys(("local", "maximum", "positive", "flat"), 1),
            "out_channels": config.accumulators.bit_length(),
            **{name: field[name] for name in ("out_height", "out_width", "row_pitch")},
            **{name: field[name] for name in ("channel_bits", "column_bits")},
            "limit": config.activation_bits - 1,
            "channel_mask": MAP_ROW_BITS,
            "step_mask": STEP_X_BITS,
        }
    )


def scan_layout(config: ArrayConfig) -> data.StructLayout:
    """What the control unit knows of a layer's maps besides; `last_x` is the number of x less one."""
    rows = (config.activation_depth - 1).bit_length()
    columns = (config.pointer_depth - 1).bit_length()
    field = {name: MAP_FIELDS[name].width for name in MAP_FIELDS}
    return data.StructLayout(
        {
            **dict.fromkeys(("destination", "destination_step", "column_step", "row_step"), rows),
            **dict.fromkeys(("last_channel", "last_column"), rows),
            "class_columns": columns,
            "last_class_y": field["classes_y"],
            "last_class_x": field["classes_x"],
            **{name: field[name] for name in ("advance_y", "advance_x", "start_y", "start_x")},
            "last_out_channel": config.accumulators.bit_length(),
        }
    )
