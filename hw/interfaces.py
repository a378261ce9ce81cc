"""Ports between the array and a processing element, as named layouts."""

from collections.abc import Iterable

from amaranth.hdl import unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Member, Out

from hw.function_layouts import ending_layout
from hw.map_layouts import geometry_layout, place_layout
from model.config import ArrayConfig
from model.layouts import (
    COUNTER_BITS,
    SHIFT_BITS,
    TREE_KIND_BITS,
    DebugField,
    pe_debug_fields,
)
from model.registers import PeCounter, PeError


def bits(values: int) -> int:
    """Width of a number in 0 .. values-1, at least 1."""
    return max(1, (values - 1).bit_length())


def tree_word_layout(config: ArrayConfig) -> data.StructLayout:
    """A word of the decoder's tree memory; kind is a `TreeKind`."""
    return data.StructLayout({"kind": TREE_KIND_BITS, "value": config.node_bits})


def write_layout(address_bits: int, data_bits: int) -> data.StructLayout:
    """One memory write: address and data are valid while `valid` is one."""
    return data.StructLayout({"valid": 1, "address": address_bits, "data": data_bits})


def largest_activation(config: ArrayConfig) -> int:
    """The largest number that an activation can be."""
    return (1 << config.activation_bits - 1) - 1


def input_bits(config: ArrayConfig) -> int:
    """An input on its way to a PE; with `maps` a bit on top says that it is not 0."""
    return config.activation_bits + config.maps


def broadcast_layout(config: ArrayConfig) -> data.StructLayout:
    """A nonzero activation on its way to all queues: `pointer` is the pointer address of its column.

    With `maps`, `even` is the address in the even bank that comes of it: one adder for all PEs.
    """
    even = {"even": bits(config.pointer_depth // 2)} if config.maps else {}
    pointer = bits(config.pointer_depth)
    return data.StructLayout({"valid": 1, "activation": config.activation_bits, "pointer": pointer, **even})


def fullness_bits(config: ArrayConfig) -> int:
    """For how many numbers of activations on their way a PE says whether its queue would be full.

    They are those selected in the cycle before and in this one, each at most `broadcasts_per_cycle`.
    """
    return 2 * config.broadcasts_per_cycle + 1


def write_back_layout(config: ArrayConfig) -> data.StructLayout:
    """A write-back operation: the accumulator and the constant-memory address of its bias.

    With `maps` no accumulator: the first has row 0, each that follows in the next cycle one more.
    """
    row = {} if config.maps else {"row": bits(config.accumulators)}
    return data.StructLayout({"valid": 1, **row, "address": bits(config.constant_depth)})


def layer_layout(config: ArrayConfig) -> data.StructLayout:
    """What a PE knows of the layer being run."""
    return data.StructLayout(
        {
            "layer": bits(config.layers),
            **({} if config.maps else {"bank": 1}),
            "out_rows": bits(config.accumulators + 1),
            "bias_scale": config.activation_bits,  # takes the place of an activation
            "shift": SHIFT_BITS,
            "relu": 1,
            **({"geometry": geometry_layout(config)} if config.maps else {}),
        }
    )


def debug_layout(fields: list[DebugField]) -> data.StructLayout:
    """Debug fields of `model.layouts` as a struct, the first in the least significant bits."""
    return data.StructLayout({field.name: field.width for field in fields})


# Ports that are driven alike for all PEs, in groups: by the loader, and the other two by the central control unit.
LOADING = ("load", "begin_codes", "columns")
SEQUENCING = ("start", "begin_layer", "layer", "computing", "read", "read_row", "shift", "take", "coming")
OPERATIONS = ("broadcast", "write_back")
MAPS = ("place", "clearing")  # only with `maps`, by the central control unit
FUNCTIONS = ("ending",)  # only with `functions`, by the central control unit


class ProcessingElementSignature(wiring.Signature):
    """Everything that enters and leaves a PE. The directions are the PE's.

    Loading: `tree_write`, `constant_write`, `activation_write` (row of bank 0), `load` (LOAD packet accepted a cycle
    ago), `begin_codes` with `columns`, `word` (code stream), `stream_ended` (loader in WAIT); out: `decoder_busy`.

    Running: `start` (accepted start without resume), `begin_layer` (PREFETCH_0), `layer`, `computing` (BROADCAST or
    DRAIN), `read` (activation memory read enable) with `read_row`, `shift`, `take`, `clear` (this PE's activation is
    selected now), `coming` (activations in the select register), `broadcast` (a lane per broadcast of a cycle),
    `write_back`; out: `pending`, `current`, `full` (bit s: with s activations more than those broadcast so far there is
    no room for another broadcasts_per_cycle), `queue_empty` (queue_count = 0 and none broadcast), `overflow`, `error`
    (the error register, a `PeError`), `counter` (the selected one, same cycle).

    With `maps` also `place` (coordinate of the broadcast register), `clearing` (state CLEAR: write-backs give no
    output); the address in `activation_write` is also that of the output in stage O, which never comes with an input.

    With `functions` also `ending` (what is to become of the output in stage O); the address in `activation_write` is
    then that of the output in stage Z.
    """

    def __init__(self, config: ArrayConfig):
        super().__init__(pe_ports(config))


def pe_ports(config: ArrayConfig) -> dict[str, Member]:
    """The ports of a PE by name, with the PE's directions."""
    maps = {"place": In(place_layout()), "clearing": In(1)}
    return {
        "tree_write": In(write_layout(bits(config.tree_words), TREE_KIND_BITS + config.node_bits)),
        "constant_write": In(write_layout(bits(config.constant_depth), 16)),
        "activation_write": In(write_layout(bits(config.activation_depth), input_bits(config))),
        "load": In(1),
        "begin_codes": In(1),
        "columns": In(bits(config.pointer_depth + 1)),
        "word": In(stream.Signature(config.stream_bits)),
        "stream_ended": In(1),
        "decoder_busy": Out(1),
        "start": In(1),
        "begin_layer": In(1),
        "layer": In(layer_layout(config)),
        "computing": In(1),
        "read": In(1),
        "read_row": In(bits(config.activation_depth)),
        "shift": In(1),
        "take": In(1),
        "clear": In(1),
        "coming": In(range(config.broadcasts_per_cycle + 1)),
        "broadcast": In(data.ArrayLayout(broadcast_layout(config), config.broadcasts_per_cycle)),
        "write_back": In(write_back_layout(config)),
        "pending": Out(1),
        "current": Out(config.activation_bits),
        "full": Out(fullness_bits(config)),
        "queue_empty": Out(1),
        "overflow": Out(1),
        "error": Out(PeError),
        "counter_select": In(unsigned(bits(len(PeCounter)))),
        "counter": Out(COUNTER_BITS),
        "debug": Out(debug_layout(pe_debug_fields(config))),
        **(maps if config.maps else {}),
        **({"ending": In(ending_layout(config))} if config.functions else {}),
    }


def driven_ports(config: ArrayConfig, names: Iterable[str]) -> dict[str, Member]:
    """Ports of a PE as their driver declares them."""
    ports = pe_ports(config)
    return {name: ports[name].flip() for name in names}


def driven_alike(names: Iterable[str], driver, driven) -> list:
    """Assignments that drive ports of one component by those of the same names of another."""
    return [getattr(driven, name).eq(getattr(driver, name)) for name in names]
