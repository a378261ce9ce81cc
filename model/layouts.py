"""Bit layouts and state encodings shared by hardware, software and model; contract/architecture.md explains them."""

from dataclasses import dataclass
from enum import IntEnum

from model.config import ArrayConfig
from model.function_descriptor import FUNCTION_DESCRIPTOR_WORDS, ITERATION_BITS
from model.map_descriptor import COORDINATE_BITS, MAP_DESCRIPTOR_WORDS
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
    TREE = 3
    CODEBOOK = 4
    BIASES = 5
    BEGIN = 6
    CODES = 7
    WAIT = 8
    INPUT = 9
    ERROR = 10


class ControlState(IntEnum):
    IDLE = 0
    PREFETCH_0 = 1
    PREFETCH_1 = 2
    PREFETCH_2 = 3
    PREFETCH_3 = 4
    BROADCAST = 5
    DRAIN = 6
    WRITE_BACK = 7
    FLUSH = 8
    UNLOAD_0 = 9
    UNLOAD_1 = 10
    UNLOAD_2 = 11
    UNLOAD = 12
    CLEAR = 13  # the state after reset


RUNNING_STATES = tuple(range(ControlState.PREFETCH_0, ControlState.FLUSH + 1))
UNLOADING_STATES = tuple(range(ControlState.UNLOAD_0, ControlState.UNLOAD + 1))
FLUSH_CYCLES = 9  # from the last write-back operation entering a PE to its activation being readable
MAP_FLUSH_CYCLES = 14  # the same with what `maps` adds: the address stages, stage N
FUNCTION_STAGES = 6  # behind stage O, with `functions`; the last of them is in the place of N

DESCRIPTOR_WORDS = 4
CHECK_CYCLES = 4  # of loader state CHECK
TREE_KIND_BITS = 2
SHIFT_BITS = 6
BIAS_SCALE_BITS = 16
VALUE_BITS = 16  # of an activation, a bias or a codebook value in a stream word
COUNTER_BITS = 32


class TreeKind(IntEnum):
    """What follows a bit of a Huffman code, bits 1:0 of a tree word; the value is above them."""

    NONE = 0  # no such code
    NODE = 1  # value: the next node of the same tree
    SYMBOL = 2  # value: the zero run or the weight code
    END = 3  # the end of a column; in the tree of zero runs only


RUN_ALPHABET = 0
CODE_ALPHABET = 1


@dataclass(frozen=True, kw_only=True)
class Descriptor:
    """What a LAYER packet says of its layer, before the tables; see `pack` for the words."""

    in_rows: int
    out_rows: int
    first_row: int
    stream_words: int
    shift: int
    relu: bool
    keep: bool
    bias_scale: int

    def pack(self) -> list[int]:
        """The DESCRIPTOR_WORDS words, each in the low 32 bits of a stream word."""
        return [
            self.in_rows | self.out_rows << 16,
            self.first_row,
            self.stream_words,
            self.shift | int(self.relu) << 8 | int(self.keep) << 9 | self.bias_scale << 16,
        ]

    @classmethod
    def unpack(cls, words: list[int]) -> "Descriptor":
        """The inverse of `pack`."""
        return cls(
            in_rows=words[0] & 0xFFFF,
            out_rows=words[0] >> 16 & 0xFFFF,
            first_row=words[1] & 0xFFFF,
            stream_words=words[2] & 0xFFFFFFFF,
            shift=words[3] & 0x3F,
            relu=bool(words[3] >> 8 & 1),
            keep=bool(words[3] >> 9 & 1),
            bias_scale=words[3] >> 16 & 0xFFFF,
        )


def flush_cycles(config: ArrayConfig) -> int:
    """Cycles of FLUSH: stages M to O of the last operation, with `functions` to Z."""
    return (MAP_FLUSH_CYCLES if config.maps else FLUSH_CYCLES) + (FUNCTION_STAGES - 1 if config.functions else 0)


def descriptor_words(config: ArrayConfig) -> int:
    """Words of the DESCRIPTOR section."""
    if config.functions:
        return FUNCTION_DESCRIPTOR_WORDS
    return MAP_DESCRIPTOR_WORDS if config.maps else DESCRIPTOR_WORDS


def patience_bits(config: ArrayConfig) -> int:
    """Bits of the counter that gives up queues which do not move: it takes longer than any that are as they should be.

    Each of queue_depth slices has at most as many entries as a pointer has values.
    """
    return config.pointer_bits + (config.queue_depth + 2).bit_length()


def header(opcode: Opcode, count: int = 0) -> int:
    """A packet header word."""
    return int(opcode) | count << 8


def tree_word(kind: TreeKind, value: int = 0) -> int:
    """One word of the TREE section."""
    return int(kind) | value << TREE_KIND_BITS


def tree_address(config: ArrayConfig, alphabet: int, node: int, bit: int) -> int:
    """Where the word of a node's branch lies in the tree memory, and in the TREE section."""
    return (alphabet << config.node_bits | node) << 1 | bit


@dataclass(frozen=True)
class DebugField:
    """One field of the debug port: compared every cycle, or only while the field named `valid` is one."""

    name: str
    width: int
    valid: str | None = None


def _bits(values: int) -> int:
    """Bits that number `values` things, at least one."""
    return max(1, (values - 1).bit_length())


PIPELINE_STAGES = ("m", "s", "d", "w", "x", "r", "c", "k", "o")
MAP_PIPELINE_STAGES = ("m", "s", "d", "w", "e", "t", "v", "u", "x", "r", "c", "k", "o")


def pipeline_stages(config: ArrayConfig) -> tuple[str, ...]:
    """The stages after issue, in order."""
    return MAP_PIPELINE_STAGES if config.maps else PIPELINE_STAGES


def _coordinates(register: str, valid: str) -> list[DebugField]:
    """Output coordinate that a register carries."""
    return [DebugField(f"{register}_{axis}", COORDINATE_BITS, valid) for axis in "yx"]


def pe_debug_fields(config: ArrayConfig) -> list[DebugField]:
    """Architectural state of one PE, least significant field first (contract/architecture.md, Processing element)."""
    own = [DebugField("own_valid", 1), DebugField("own_activation", config.activation_bits, "own_valid")]
    stored = [
        DebugField("z_valid", 1),
        DebugField("z_row", _bits(config.activation_depth), "z_valid"),
        DebugField("z_value", config.activation_bits, "z_valid"),
    ]
    fields = [
        DebugField("decoder_running", 1),
        DebugField("decoder_bits_left", config.stream_bits.bit_length()),
        DebugField("decoder_fresh", 1, "decoder_running"),
        DebugField("decoder_walked", 1),
        DebugField("decoder_alphabet", 1, "decoder_walked"),
        DebugField("decoder_row", config.row_address_bits),
        DebugField("decoder_slot", config.slot_bits),
        DebugField("decoder_pointer", config.pointer_depth.bit_length()),
        DebugField("error", 3),
        DebugField("pending", 1),
        DebugField("current", config.activation_bits),
        *(own if config.maps else []),
        *(DebugField(f"{stage}_valid_{lane}", 1) for stage in "pq" for lane in range(config.broadcasts_per_cycle)),
        DebugField("queue_count", config.queue_depth.bit_length()),
        DebugField("issue_valid", 1),
        DebugField("issue_empty", 1, "issue_valid"),
        DebugField("issue_row", config.row_address_bits, "issue_valid"),
        DebugField("issue_slot", config.slot_bits, "issue_valid"),
        *(_coordinates("issue", "issue_valid") if config.maps else []),
        *(DebugField(f"{stage}_valid", 1) for stage in pipeline_stages(config)),
        DebugField("k_row", _bits(config.accumulators), "k_valid"),
        DebugField("k_sum", config.accumulator_bits, "k_valid"),
        DebugField("o_row", _bits(config.activation_depth), "o_valid"),
        DebugField("o_value", config.activation_bits, "o_valid"),
        *(stored if config.functions else []),
        DebugField("overflow", 1),
    ]
    if config.pe_counters:
        fields += [DebugField(counter.name.lower(), COUNTER_BITS) for counter in PeCounter]
    return fields


def array_debug_fields(config: ArrayConfig) -> list[DebugField]:
    """Architectural state of loader and central control unit, least significant field first; the PEs follow."""
    rows = _bits(max(config.activation_depth, config.accumulators))
    loop = [
        DebugField("iteration", ITERATION_BITS),
        *(DebugField(f"{what}_offset", _bits(config.activation_depth)) for what in ("source", "result")),
    ]
    return [
        DebugField("loader_state", 4),
        DebugField("loader_error", 4),
        DebugField("error_pe", _bits(config.pes)),
        DebugField("sealed", 1),
        DebugField("loaded_layers", config.layers.bit_length()),
        DebugField("control_state", 4),
        DebugField("layer", _bits(config.layers)),
        DebugField("row", rows),
        DebugField("bank", 1),
        DebugField("hold", 1),
        *(loop if config.functions else []),
        *(
            field
            for lane in range(config.broadcasts_per_cycle)
            for field in (
                DebugField(f"select_valid_{lane}", 1),
                DebugField(f"select_pe_{lane}", _bits(config.pes), f"select_valid_{lane}"),
            )
        ),
        DebugField("select_base", _bits(config.pointer_depth), "select_valid_0"),
        *(_coordinates("select", "select_valid_0") if config.maps else []),
        DebugField("read", 1),
        DebugField("shift", 1),
        *(
            field
            for lane in range(config.broadcasts_per_cycle)
            for field in (
                DebugField(f"broadcast_valid_{lane}", 1),
                DebugField(f"broadcast_activation_{lane}", config.activation_bits, f"broadcast_valid_{lane}"),
                DebugField(f"broadcast_pointer_{lane}", _bits(config.pointer_depth), f"broadcast_valid_{lane}"),
            )
        ),
        *(_coordinates("broadcast", "broadcast_valid_0") if config.maps else []),
        DebugField("done", 1),
        DebugField("cycles", COUNTER_BITS),
        DebugField("broadcasts", COUNTER_BITS),
        DebugField("stalls", COUNTER_BITS),
        DebugField("interrupt", 1),
    ]
