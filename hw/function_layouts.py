"""Layouts that only an array with `functions` has; docs/contract/architecture.md, section 13."""

from amaranth.lib import data

from model.config import ArrayConfig
from model.function_descriptor import BLOCK_FIELDS, BLOCKS, FUNCTION_FIELDS

ENDING_FIELDS = ("function", "is_tanh", "product", "product_shift")


def ending_layout(config: ArrayConfig) -> data.StructLayout:
    """What becomes of a write-back's output behind stage O; `row` is where it goes, which only the debug port needs."""
    ending = {name: BLOCK_FIELDS[0][name].width for name in ENDING_FIELDS}
    return data.StructLayout({**ending, "row": (config.activation_depth - 1).bit_length()})


def block_layout(config: ArrayConfig) -> data.StructLayout:
    """A block of a layer's write-back: the fields of `Block`, local rows modulo activation_depth."""
    rows = (config.activation_depth - 1).bit_length()
    cut: dict[str, int] = dict.fromkeys(("block_destination", "second"), rows)
    return data.StructLayout({name: cut.get(name, field.width) for name, field in BLOCK_FIELDS[0].items()})


def functions_layout(config: ArrayConfig) -> data.StructLayout:
    """The fields of `FunctionDescriptor`; `last_block_row` is block_rows less one, steps modulo activation_depth."""
    rows = (config.activation_depth - 1).bit_length()
    field = {name: FUNCTION_FIELDS[name].width for name in FUNCTION_FIELDS}
    return data.StructLayout(
        {
            **{name: field[name] for name in ("loop_count", "loop_back", "moves", "blocked")},
            **dict.fromkeys(("source_step", "result_step"), rows),
            "last_block_row": field["block_rows"],
            "blocks": data.ArrayLayout(block_layout(config), BLOCKS),
        }
    )
