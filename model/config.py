"""The configuration of one array: every size and organisation switch, validated once."""

import json
import math
import tomllib
import zlib
from dataclasses import MISSING, asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

RowDealing = Literal["modulo", "balanced", "searched"]


class ConfigError(ValueError):
    """A configuration that cannot be built; the message says what was wanted and what came."""


@dataclass(frozen=True, kw_only=True)
class ArrayConfig:
    """Sizes and organisation of an array of processing elements (PEs).

    Memory depths are per PE and hold all layers of the network at once, except the activation and
    accumulator memories, whose depth bounds a single layer.

    Parameters
    ----------
    name : label printed in reports.
    pes : number of processing elements, 1 to 256.
    queue_depth : slots of the activation queue, 1 to 256.
    code_bits : bits of a weight code (codebook index), 1 to 8.
    index_bits : bits of a zero run (relative index), 1 to 8.
    row_bits : width of a sparse-matrix memory row; holds ``row_bits // (code_bits + index_bits)`` entries, >= 2.
    sparse_matrix_depth : rows of the sparse-matrix memory.
    pointer_depth : column pointers, both banks together (even); a layer of c columns takes c + 1.
    activation_depth : local activations per role (source, destination), also the number of accumulators.
    constant_depth : 16-bit words for codebooks (``layers << code_bits``) and biases (one per local row).
    accumulator_bits : accumulator width, 32 to 48.
    stream_bits : width of the host streams: 32, 64 or 128.
    layers : entries of the layer table, 1 to 64.
    max_code_length : longest Huffman code the compiler makes, in bits, <= 16; a decoder takes a cycle per bit.
    broadcasts_per_cycle : activations broadcast per cycle, 1 (the paper) or 2; 2 needs a second copy of the pointers
        and an even queue_depth >= 4.
    skip_empty_slices : an empty column slice is dropped when its pointers are read; in the paper it takes a queue slot
        and a cycle.
    row_dealing : "modulo" puts row i in PE i mod N (the paper); "balanced" deals rows by weight count;
        "searched" then swaps rows as the schedule says, for layers whose inputs are all active (seconds a layer).
    parity : a parity bit per sparse-matrix row and per pointer, checked at every read.
    pe_counters : build the per-PE counters.
    maps : run convolutions, pooling and residual sums as layers (architecture.md, section 12); activation_depth
        then counts the activations of all layers, and it and pointer_depth must be powers of two.
    accumulator_depth : with maps, accumulators per PE; without, 0, and there are activation_depth of them.
    clock_mhz : clock used to turn cycles into time; no effect on the machine.
    """

    name: str = "custom"
    pes: int
    queue_depth: int = 8
    code_bits: int = 4
    index_bits: int = 4
    row_bits: int = 64
    sparse_matrix_depth: int
    pointer_depth: int
    activation_depth: int
    constant_depth: int
    accumulator_bits: int = 32
    stream_bits: int = 64
    layers: int = 8
    max_code_length: int = 8
    broadcasts_per_cycle: int = 1
    skip_empty_slices: bool = False
    row_dealing: RowDealing = "modulo"
    parity: bool = False
    pe_counters: bool = True
    maps: bool = False
    accumulator_depth: int = 0
    clock_mhz: float = 800.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value: object = getattr(self, field.name)
            if field.type is int and type(value) is not int:
                raise ConfigError(f"{field.name} must be an integer, got {_shown(value)}")
        if type(self.name) is not str:
            raise ConfigError(f"name must be a string, got {_shown(self.name)}")
        for switch in ("skip_empty_slices", "parity", "pe_counters", "maps"):
            if type(getattr(self, switch)) is not bool:
                raise ConfigError(f"{switch} must be true or false, got {_shown(getattr(self, switch))}")
        if type(self.clock_mhz) not in (int, float) or not 1e-3 <= self.clock_mhz <= 1e6:
            raise ConfigError(f"clock_mhz must be a number between 0.001 and 1000000, got {_shown(self.clock_mhz)}")
        if self.row_dealing not in get_args(RowDealing):
            known = ", ".join(get_args(RowDealing))
            raise ConfigError(f"row_dealing must be one of {known}, got {_shown(self.row_dealing)}")
        self._in_range("pes", 1, 256)
        self._in_range("queue_depth", 1, 256)
        self._in_range("code_bits", 1, 8)
        self._in_range("index_bits", 1, 8)
        self._in_range("row_bits", 2 * self.entry_bits, 1024)
        self._in_range("sparse_matrix_depth", 2, 1 << 20)
        self._in_range("pointer_depth", 4, 1 << 20)
        if self.pointer_depth % 2:
            raise ConfigError(f"pointer_depth must be even (two banks), got {self.pointer_depth}")
        self._in_range("activation_depth", 2, 1 << 15)
        self._in_range("layers", 1, 64)
        self._in_range("constant_depth", (self.layers << self.code_bits) + 1, 1 << 20)
        self._in_range("accumulator_bits", 32, 48)
        if self.stream_bits not in (32, 64, 128):
            raise ConfigError(f"stream_bits must be 32, 64 or 128, got {_shown(self.stream_bits)}")
        shortest = max(self.index_bits + 1, self.code_bits)
        self._in_range("max_code_length", shortest, 16)
        self._in_range("broadcasts_per_cycle", 1, 2)
        if self.broadcasts_per_cycle == 2 and (self.queue_depth < 4 or self.queue_depth % 2):
            raise ConfigError(f"queue_depth must be even and >= 4 for two broadcasts per cycle, got {self.queue_depth}")
        if self.maps:
            self._in_range("accumulator_depth", 2, 1 << 15)
            for name, depth in (("activation_depth", self.activation_depth), ("pointer_depth", self.pointer_depth)):
                if depth.bit_count() != 1:
                    raise ConfigError(f"{name} must be a power of two with maps, got {depth}")
        elif self.accumulator_depth:
            raise ConfigError(f"accumulator_depth must be 0 without maps, got {self.accumulator_depth}")

    def _in_range(self, name: str, low: int, high: int) -> None:
        value: int = getattr(self, name)
        if not low <= value <= high:
            raise ConfigError(f"{name} must be between {low} and {high}, got {_shown(value)}")

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
        """CRC-32 of every field that an image or a driver depends on, in register CONFIG_HASH."""
        without = ("name", "row_dealing", "max_code_length", "clock_mhz")
        if not self.maps:
            without = (*without, "maps", "accumulator_depth")
        fields_of_machine = {name: value for name, value in self.to_dict().items() if name not in without}
        return zlib.crc32("".join(f"{name}={value}\n" for name, value in fields_of_machine.items()).encode())

    @property
    def bias_base(self) -> int:
        """First bias word of the constant memory, after the codebooks of all layers."""
        return self.layers << self.code_bits

    def with_(self, /, **changes: Any) -> "ArrayConfig":
        """A copy with some fields changed, validated again; unknown names raise ConfigError."""
        _check_names(changes)
        return replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values, in declaration order."""
        return asdict(self)


def _shown(value: object) -> str:
    """A value in a sentence. Python makes no text of an integer of thousands of digits, which a file holds as hex."""
    try:
        return repr(value)
    except ValueError:
        return "a value too long to print"


def _check_names(values: dict[str, Any]) -> None:
    known = [field.name for field in fields(ArrayConfig)]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ConfigError(f"unknown configuration field {unknown[0]!r}; known: {', '.join(known)}")


def ecp5_array(pes: int) -> ArrayConfig:
    """An array for Lattice ECP5-85F: memories that hold LeNet-300-100 on so many PEs, no PE counters.

    Per PE: 32 KB of entries for one PE, 16 KB up to 7, else 8 KB; 2,048 column pointers; activations for layers of
    784 and more. `clock_mhz` is what place and route reached with 16 PEs at speed grade 6 (docs/fpga.md).
    """
    return ArrayConfig(
        name=f"ecp5_{pes}",
        pes=pes,
        sparse_matrix_depth=4096 if pes == 1 else 2048 if pes < 8 else 1024,
        pointer_depth=2048,
        activation_depth=max(64, 1024 >> (pes.bit_length() - 1)),
        constant_depth=1024 if pes < 4 else 512,
        stream_bits=32,
        layers=8,
        pe_counters=False,
        clock_mhz=80.0,
    )


PRESETS: dict[str, ArrayConfig] = {
    config.name: config
    for config in (
        # The paper's organisation: 128 KB of entries, 16,384 pointers, 2 KB of activations per PE.
        ArrayConfig(
            name="eie64",
            pes=64,
            sparse_matrix_depth=16384,
            pointer_depth=16384,
            activation_depth=512,
            constant_depth=1024,
            layers=16,
        ),
        # The best organisation built so far: next to no padding (6-bit runs), a deeper queue that empty slices never
        # enter, rows dealt by weight count.
        ArrayConfig(
            name="balanced64",
            pes=64,
            queue_depth=64,
            index_bits=6,
            sparse_matrix_depth=16384,
            pointer_depth=16384,
            activation_depth=512,
            constant_depth=1024,
            layers=16,
            skip_empty_slices=True,
            row_dealing="balanced",
        ),
        # Small enough to compare every register with the model in every cycle.
        ArrayConfig(
            name="tiny4",
            pes=4,
            queue_depth=4,
            row_bits=32,
            sparse_matrix_depth=256,
            pointer_depth=256,
            activation_depth=32,
            constant_depth=128,
            stream_bits=32,
            layers=4,
        ),
        *map(ecp5_array, (1, 4, 16)),
    )
}


def load_config(name_or_path: str | Path) -> ArrayConfig:
    """The preset of that name, or the configuration in a TOML file.

    A file holds the fields at top level; ``preset = "eie64"`` starts from a preset and the other keys change it.
    Raises ConfigError with one sentence for anything unknown, missing or out of range.
    """
    if str(name_or_path) in PRESETS:
        return PRESETS[str(name_or_path)]
    path = Path(name_or_path)
    if path.suffix != ".toml":
        raise ConfigError(f"no preset {str(name_or_path)!r}; presets: {', '.join(PRESETS)}, or a .toml file")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read configuration {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    preset = table.pop("preset", None)
    values: dict[str, Any] = {"name": path.stem, **table}
    try:
        _check_names(table)
        if preset is None:
            missing = [
                field.name for field in fields(ArrayConfig) if field.default is MISSING and field.name not in table
            ]
            if missing:
                raise ConfigError(f"missing configuration field {missing[0]!r} (or name a preset)")
            return ArrayConfig(**values)
        if not isinstance(preset, str) or preset not in PRESETS:
            raise ConfigError(f"no preset {_shown(preset)}; presets: {', '.join(PRESETS)}")
        return PRESETS[preset].with_(**values)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def to_toml(config: ArrayConfig) -> str:
    """The configuration as a file that `load_config` reads back."""
    return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in config.to_dict().items())
