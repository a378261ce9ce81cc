"""The sizes and organisation of one array, every field declared once and validated once."""

import math
import zlib
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

from model.config_fields import (
    Bound,
    ConfigError,
    Influence,
    check_fields,
    choice,
    declaration,
    flag,
    influenced,
    one_of,
    real,
    text,
    whole,
)

RowDealing = Literal["modulo", "balanced", "searched"]


def _two_entries(config: "ArrayConfig") -> int:
    return 2 * config.entry_bits


def _codebooks_and_a_bias(config: "ArrayConfig") -> int:
    return config.bias_base + 1


def _shortest_longest_code(config: "ArrayConfig") -> int:
    return max(config.index_bits + 1, config.code_bits)


@dataclass(frozen=True, kw_only=True)
class ArrayConfig:
    """Sizes and organisation of an array of processing elements (PEs).

    Memory depths are per PE and hold all layers of the network at once, except the activation and
    accumulator memories, whose depth bounds a single layer. docs/contract/configuration.md is this list as a table.
    """

    name: str = text("label printed in reports", default="custom")
    pes: int = whole("number of processing elements", 1, 256, "image", "cycles", "area", "verilog")
    queue_depth: int = whole(
        "slots of the activation queue", 1, 256, "cycles", "area", "verilog", unit="slices", default=8
    )
    code_bits: int = whole(
        "weight code (codebook index)", 1, 8, "image", "cycles", "area", "verilog", unit="bits", default=4
    )
    index_bits: int = whole(
        "zero run (relative index)", 1, 8, "image", "cycles", "area", "verilog", unit="bits", default=4
    )
    row_bits: int = whole(
        "row of the sparse-matrix memory; holds row_bits // (code_bits + index_bits) entries",
        Bound("2 * (code_bits + index_bits)", _two_entries),
        1024,
        "cycles",
        "area",
        "verilog",
        unit="bits",
        default=64,
    )
    sparse_matrix_depth: int = whole("sparse-matrix memory", 2, 1 << 20, "area", "verilog", unit="rows")
    pointer_depth: int = whole(
        "pointer memory, both banks together; a layer of c columns takes c + 1",
        4,
        1 << 20,
        "area",
        "verilog",
        unit="pointers",
        even="two banks",
    )
    activation_depth: int = whole(
        "local activations per role (source, destination), also the number of accumulators",
        2,
        1 << 15,
        "area",
        "verilog",
        unit="local rows",
    )
    constant_depth: int = whole(
        "constant memory: codebooks (layers << code_bits words), then biases (one per local row)",
        Bound("(layers << code_bits) + 1", _codebooks_and_a_bias),
        1 << 20,
        "area",
        "verilog",
        unit="16-bit words",
    )
    accumulator_bits: int = whole("accumulator", 32, 48, "image", "area", "verilog", unit="bits", default=32)
    stream_bits: int = one_of(
        "word of the host streams", (32, 64, 128), "cycles", "area", "verilog", unit="bits", default=64
    )
    layers: int = whole("layer table", 1, 64, "area", "verilog", unit="layers", default=8)
    max_code_length: int = whole(
        "longest Huffman code the compiler makes; a decoder takes a cycle per bit",
        Bound("max(index_bits + 1, code_bits)", _shortest_longest_code),
        16,
        "cycles",
        unit="bits",
        default=8,
    )
    broadcasts_per_cycle: int = whole(
        "activations broadcast per cycle, 1 in the paper; 2 needs a second copy of the pointers and an even "
        "queue_depth >= 4",
        1,
        2,
        "cycles",
        "area",
        "verilog",
        unit="activations",
        default=1,
    )
    skip_empty_slices: bool = flag(
        "an empty column slice is dropped when its pointers are read; in the paper it takes a queue slot and a cycle",
        "cycles",
        "area",
        "verilog",
        default=False,
    )
    row_dealing: RowDealing = choice(
        "modulo puts row i in PE i mod N (the paper); balanced deals rows by weight count; searched then swaps rows as "
        "the schedule says, for layers whose inputs are all active (seconds a layer)",
        get_args(RowDealing),
        "image",
        default="modulo",
    )
    parity: bool = flag(
        "a parity bit per sparse-matrix row and per pointer, checked at every read", "area", "verilog", default=False
    )
    pe_counters: bool = flag("build the per-PE counters", "area", "verilog", default=True)
    maps: bool = flag(
        "run convolutions, pooling and residual sums as layers (architecture.md, section 12); activation_depth "
        "then counts the activations of all layers, and it and pointer_depth must be powers of two",
        "image",
        "cycles",
        "area",
        "verilog",
        default=False,
        later=True,
    )
    accumulator_depth: int = whole(
        "with maps, accumulators per PE; without, 0, and there are activation_depth of them",
        0,
        1 << 15,
        "area",
        "verilog",
        unit="local rows",
        default=0,
        later=True,
    )
    functions: bool = flag(
        "with maps, sigmoid, tanh and element products at write-back, and loops over layers: LSTM and GRU sequences in "
        "one start (architecture.md, section 13)",
        "image",
        "cycles",
        "area",
        "verilog",
        default=False,
        later=True,
    )
    activation_bits: int = one_of(
        "activation; weights and biases have 16 (architecture.md, section 1)",
        (8, 16),
        "image",
        "area",
        "verilog",
        unit="bits",
        default=16,
        later=True,
    )
    clock_mhz: float = real(
        "clock used to turn cycles into time; no effect on the machine", 1e-3, 1e6, unit="MHz", default=800.0
    )

    def __post_init__(self) -> None:
        check_fields(self)
        if self.broadcasts_per_cycle == 2 and (self.queue_depth < 4 or self.queue_depth % 2):
            raise ConfigError(f"queue_depth must be even and >= 4 for two broadcasts per cycle, got {self.queue_depth}")
        if self.functions and self.activation_bits != 16:
            raise ConfigError(
                "functions takes activation_bits of 16, since its table of sigmoid and tanh has 16-bit arguments, got "
                f"{self.activation_bits}"
            )
        if self.maps:
            if self.accumulator_depth < 2:
                raise ConfigError(f"accumulator_depth must be between 2 and 32768, got {self.accumulator_depth}")
            for name, depth in (("activation_depth", self.activation_depth), ("pointer_depth", self.pointer_depth)):
                if depth.bit_count() != 1:
                    raise ConfigError(f"{name} must be a power of two with maps, got {depth}")
        elif self.functions:
            raise ConfigError("functions must be false without maps, got true")
        elif self.accumulator_depth:
            raise ConfigError(f"accumulator_depth must be 0 without maps, got {self.accumulator_depth}")

    @property
    def entry_bits(self) -> int:
        """Bits of one stored entry: weight code and zero run."""
        return self.code_bits + self.index_bits

    @property
    def entries_per_row(self) -> int:
        """Entries in one row of the sparse-matrix memory."""
        return self.row_bits // self.entry_bits

    @property
    def slot_bits(self) -> int:
        """Bits of a slot number inside a row."""
        return (self.entries_per_row - 1).bit_length()

    @property
    def row_address_bits(self) -> int:
        """Bits of a sparse-matrix row number; the one-past-the-end row is representable."""
        return self.sparse_matrix_depth.bit_length()

    @property
    def pointer_bits(self) -> int:
        """Bits of a column pointer, ``row << slot_bits | slot``."""
        return self.row_address_bits + self.slot_bits

    @property
    def max_run(self) -> int:
        """Largest zero run of one entry; a filler has this run and advances ``max_run + 1`` rows."""
        return (1 << self.index_bits) - 1

    @property
    def run_symbols(self) -> int:
        """Size of the zero-run alphabet: every run and the end-of-column symbol (the last one)."""
        return (1 << self.index_bits) + 1

    @property
    def end_symbol(self) -> int:
        """The end-of-column symbol of the zero-run alphabet."""
        return 1 << self.index_bits

    @property
    def code_symbols(self) -> int:
        """Size of the weight-code alphabet."""
        return 1 << self.code_bits

    @property
    def lanes(self) -> int:
        """Activations (or biases, or outputs) carried by one stream word."""
        return math.gcd(self.pes, self.stream_bits // 16)

    @property
    def groups(self) -> int:
        """Stream words that carry one local row of all PEs."""
        return self.pes // self.lanes

    @property
    def accumulators(self) -> int:
        """Accumulators per PE, the most local rows that a layer can have."""
        return self.accumulator_depth if self.maps else self.activation_depth

    @property
    def node_bits(self) -> int:
        """Bits of a node number, and of a symbol, in the decoder's trees."""
        return max(self.code_bits, self.index_bits)

    @property
    def tree_words(self) -> int:
        """Words of the decoder's tree memory: two trees, 2**node_bits nodes each, two branches per node."""
        return 4 << self.node_bits

    @property
    def fingerprint(self) -> int:
        """CRC-32 of every field that the machine depends on, and so its images and drivers, in register CONFIG_HASH."""
        default = {item.name: item.default for item in fields(self) if declaration(item).later}
        of_machine = self.fields_for("verilog").items()
        told = [f"{name}={value}\n" for name, value in of_machine if name not in default or value != default[name]]
        return zlib.crc32("".join(told).encode())

    @property
    def bias_base(self) -> int:
        """First bias word of the constant memory, after the codebooks of all layers."""
        return self.layers << self.code_bits

    def with_(self, /, **changes: Any) -> "ArrayConfig":
        """A copy with some fields changed, validated again; unknown names raise ConfigError."""
        check_names(changes)
        return replace(self, **changes)

    def fields_for(self, *influences: Influence) -> dict[str, Any]:
        """The fields that change one of these things, as plain values, in declaration order."""
        names = influenced(ArrayConfig, *influences)
        return {name: value for name, value in self.to_dict().items() if name in names}

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values, in declaration order."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


def check_names(values: dict[str, Any]) -> None:
    """ConfigError for the first name, in alphabetical order, that is none of a field."""
    known = [field.name for field in fields(ArrayConfig)]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ConfigError(f"unknown configuration field {unknown[0]!r}; known: {', '.join(known)}")
