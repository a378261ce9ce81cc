"""Ports between the array and a processing element, as named layouts."""

from amaranth.hdl import unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from model.config import ArrayConfig
from model.layouts import (
    ACTIVATION_BITS,
    COUNTER_BITS,
    DELTA_BITS,
    LIMIT_BITS,
    SHIFT_BITS,
    DebugField,
    pe_debug_fields,
    symbol_index_bits,
)
from model.registers import PeCounter


def bits(values: int) -> int:
    """Width of a number in 0 .. values-1, at least 1."""
    return max(1, (values - 1).bit_length())


def table_layout(config: ArrayConfig) -> data.StructLayout:
    """The Huffman tables of the layer being loaded, shared by all decoders; index [alphabet][length - 1]."""
    lengths = config.max_code_length
    return data.StructLayout(
        {
            "limits": data.ArrayLayout(data.ArrayLayout(LIMIT_BITS, lengths), 2),
            "deltas": data.ArrayLayout(data.ArrayLayout(DELTA_BITS, lengths), 2),
            "end_index": symbol_index_bits(config),
        }
    )


def write_layout(address_bits: int, data_bits: int) -> data.StructLayout:
    """One memory write: address and data are valid while `valid` is one."""
    return data.StructLayout({"valid": 1, "address": address_bits, "data": data_bits})


def broadcast_layout(config: ArrayConfig) -> data.StructLayout:
    """A nonzero activation on its way to all queues: `pointer` is the pointer address of its column."""
    return data.StructLayout({"valid": 1, "activation": ACTIVATION_BITS, "pointer": bits(config.pointer_depth)})


def write_back_layout(config: ArrayConfig) -> data.StructLayout:
    """A write-back operation: the local row and the constant-memory address of its bias."""
    return data.StructLayout({"valid": 1, "row": bits(config.activation_depth), "address": bits(config.constant_depth)})


def layer_layout(config: ArrayConfig) -> data.StructLayout:
    """What a PE knows of the layer being run."""
    return data.StructLayout(
        {"layer": bits(config.layers), "bank": 1, "bias_scale": 16, "shift": SHIFT_BITS, "relu": 1}
    )


def debug_layout(fields: list[DebugField]) -> data.StructLayout:
    """Debug fields of `model.layouts` as a struct, the first in the least significant bits."""
    return data.StructLayout({field.name: field.width for field in fields})


class ProcessingElementSignature(wiring.Signature):
    """Everything that enters and leaves a PE. The directions are the PE's.

    Loading: `tables`, `symbol_write`, `constant_write`, `activation_write` (row of bank 0), `load` (LOAD packet
    accepted), `begin_codes` with `columns`, `word` (code stream), `stream_ended` (loader in WAIT); out: `decoder_busy`,
    `decoder_error`.

    Running: `start` (accepted start strobe), `begin_layer` (PREFETCH_0), `layer`, `computing` (BROADCAST or DRAIN),
    `read` (activation memory read enable) with `read_row`, `take`, `clear` (this PE's activation is broadcast now),
    `broadcast`, `write_back`; out: `pending`, `current`, `full` (queue_count + p_valid + broadcast.valid >=
    queue_depth), `queue_empty` (queue_count = 0 and no p_valid), `overflow`, `counter` (the selected one, same cycle).
    """

    def __init__(self, config: ArrayConfig):
        symbol_bits = max(config.code_bits, config.index_bits)
        super().__init__(
            {
                "tables": In(table_layout(config)),
                "symbol_write": In(write_layout(1 + symbol_index_bits(config), symbol_bits)),
                "constant_write": In(write_layout(bits(config.constant_depth), 16)),
                "activation_write": In(write_layout(bits(config.activation_depth), ACTIVATION_BITS)),
                "load": In(1),
                "begin_codes": In(1),
                "columns": In(bits(config.pointer_depth + 1)),
                "word": In(stream.Signature(config.stream_bits)),
                "stream_ended": In(1),
                "decoder_busy": Out(1),
                "decoder_error": Out(1),
                "start": In(1),
                "begin_layer": In(1),
                "layer": In(layer_layout(config)),
                "computing": In(1),
                "read": In(1),
                "read_row": In(bits(config.activation_depth)),
                "take": In(1),
                "clear": In(1),
                "broadcast": In(broadcast_layout(config)),
                "write_back": In(write_back_layout(config)),
                "pending": Out(1),
                "current": Out(ACTIVATION_BITS),
                "full": Out(1),
                "queue_empty": Out(1),
                "overflow": Out(1),
                "counter_select": In(unsigned(bits(len(PeCounter)))),
                "counter": Out(COUNTER_BITS),
                "debug": Out(debug_layout(pe_debug_fields(config))),
            }
        )
