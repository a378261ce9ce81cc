"""Bit layouts and state encodings shared by hardware, software and model; docs/architecture.md explains them."""

from dataclasses import dataclass
from enum import IntEnum

from model.config import ArrayConfig
from model.registers import PeCounter


class Opcode(IntEnum):
    """Packet header, bits 7:0; bits 31:8 are a count."""

    LOAD = 1  # forget the network, expect layers
    LAYER = 2  # one layer: descriptor, tables, codebook, biases, codes
    INPUT = 3  # count local rows of activations for the first layer


class LoaderState(IntEnum):
    HEADER = 0
    DESCRIPTOR = 1
    CHECK = 2
    LIMITS = 3
    END_INDEX = 4
    SYMBOLS = 5
    CODEBOOK = 6
    BIASES = 7
    BEGIN = 8
    CODES = 9
    WAIT = 10
    INPUT = 11
    ERROR = 12


class ControlState(IntEnum):
    IDLE = 0
    PREFETCH_0 = 1
    PREFETCH_1 = 2
    BROADCAST = 3
    DRAIN = 4
    WRITE_BACK = 5
    FLUSH = 6
    UNLOAD_0 = 7
    UNLOAD_1 = 8
    UNLOAD = 9
    CLEAR = 10  # the state after reset


RUNNING_STATES = range(ControlState.PREFETCH_0, ControlState.FLUSH + 1)
FLUSH_CYCLES = 9  # from the last write-back operation entering a PE to its activation being readable

DESCRIPTOR_WORDS = 4
LIMIT_BITS = 17  # a limit is at most 1 << max_code_length
DELTA_BITS = 9  # canonical index arithmetic is modulo 1 << DELTA_BITS
SHIFT_BITS = 6
BIAS_SCALE_BITS = 16
ACTIVATION_BITS = 16
COUNTER_BITS = 32

RUN_ALPHABET = 0
CODE_ALPHABET = 1


@dataclass(frozen=True, kw_only=True)
class Descriptor:
    """What a LAYER packet says of its layer, before the tables; see `pack` for the words."""

    in_rows: int
    out_rows: int
    columns: int
    stream_words: int
    shift: int
    relu: bool
    bias_scale: int

    def pack(self) -> list[int]:
        """The DESCRIPTOR_WORDS words, each in the low 32 bits of a stream word."""
        return [
            self.in_rows | self.out_rows << 16,
            self.columns,
            self.stream_words,
            self.shift | int(self.relu) << 8 | self.bias_scale << 16,
        ]

    @classmethod
    def unpack(cls, words: list[int]) -> "Descriptor":
        """The inverse of `pack`."""
        return cls(
            in_rows=words[0] & 0xFFFF,
            out_rows=words[0] >> 16 & 0xFFFF,
            columns=words[1] & 0xFFFFFFFF,
            stream_words=words[2] & 0xFFFFFFFF,
            shift=words[3] & 0x3F,
            relu=bool(words[3] >> 8 & 1),
            bias_scale=words[3] >> 16 & 0xFFFF,
        )


def header(opcode: Opcode, count: int = 0) -> int:
    """A packet header word."""
    return int(opcode) | count << 8


def pack_limit(limit: int, delta: int) -> int:
    """One word of the LIMITS section: limit in bits 16:0, delta modulo 512 in bits 25:17."""
    return limit | (delta & (1 << DELTA_BITS) - 1) << LIMIT_BITS


@dataclass(frozen=True)
class DebugField:
    """One field of the debug port: compared every cycle, or only while the field named `valid` is one."""

    name: str
    width: int
    valid: str | None = None


def _bits(values: int) -> int:
    """Bits that number `values` things, at least one."""
    return max(1, (values - 1).bit_length())


def symbol_index_bits(config: ArrayConfig) -> int:
    """Bits of a canonical index in either alphabet."""
    return max(config.index_bits + 1, config.code_bits)


PIPELINE_STAGES = ("m", "s", "d", "w", "x", "r", "c", "k", "o")


def pe_debug_fields(config: ArrayConfig) -> list[DebugField]:
    """Architectural state of one PE, least significant field first (docs/architecture.md, Processing element)."""
    rows = _bits(config.activation_depth)
    fields = [
        DebugField("decoder_running", 1),
        DebugField("decoder_high_valid", 1),
        DebugField("decoder_low_valid", 1),
        DebugField("decoder_position", _bits(config.stream_bits)),
        DebugField("decoder_alphabet", 1),
        DebugField("decoder_row", config.row_address_bits),
        DebugField("decoder_slot", config.slot_bits),
        DebugField("decoder_pointer", config.pointer_depth.bit_length()),
        DebugField("decoder_error", 1),
        DebugField("pending", 1),
        DebugField("current", ACTIVATION_BITS),
        DebugField("p_valid", 1),
        DebugField("queue_count", config.queue_depth.bit_length()),
        DebugField("issue_started", 1),
        DebugField("issue_row", config.row_address_bits, "issue_started"),
        DebugField("issue_slot", config.slot_bits, "issue_started"),
        *(DebugField(f"{stage}_valid", 1) for stage in PIPELINE_STAGES),
        DebugField("k_row", rows, "k_valid"),
        DebugField("k_sum", config.accumulator_bits, "k_valid"),
        DebugField("o_row", rows, "o_valid"),
        DebugField("o_value", ACTIVATION_BITS, "o_valid"),
        DebugField("overflow", 1),
    ]
    if config.pe_counters:
        fields += [DebugField(counter.name.lower(), COUNTER_BITS) for counter in PeCounter]
    return fields


def array_debug_fields(config: ArrayConfig) -> list[DebugField]:
    """Architectural state of loader and central control unit, least significant field first; the PEs follow."""
    rows = _bits(config.activation_depth)
    return [
        DebugField("loader_state", 4),
        DebugField("loader_error", 4),
        DebugField("loaded_layers", config.layers.bit_length()),
        DebugField("control_state", 4),
        DebugField("layer", _bits(config.layers)),
        DebugField("row", rows),
        DebugField("bank", 1),
        DebugField("broadcast_valid", 1),
        DebugField("broadcast_activation", ACTIVATION_BITS, "broadcast_valid"),
        DebugField("broadcast_pointer", _bits(config.pointer_depth), "broadcast_valid"),
        DebugField("done", 1),
        DebugField("cycles", COUNTER_BITS),
        DebugField("broadcasts", COUNTER_BITS),
        DebugField("stalls", COUNTER_BITS),
    ]
