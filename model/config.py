"""Configurations by name: the presets, and files."""

import json
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from model.array_config import ArrayConfig, RowDealing, check_names
from model.config_fields import shown
from model.errors import ConfigError

__all__ = ["PRESETS", "ArrayConfig", "ConfigError", "RowDealing", "ecp5_array", "load_config", "preset", "to_toml"]


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
        # Whole networks on an ECP5-85F: a keyword spotter of 22,016 weights with 8-bit codes, maps of 25 x 5 x 64. The
        # clock is that of ecp5_16 until this one has been placed.
        ArrayConfig(
            name="mcu16",
            pes=16,
            queue_depth=16,
            code_bits=8,
            index_bits=5,
            row_bits=39,
            sparse_matrix_depth=1024,
            pointer_depth=2048,
            activation_depth=1024,
            constant_depth=4096,
            stream_bits=32,
            layers=15,
            max_code_length=16,
            skip_empty_slices=True,
            row_dealing="balanced",
            pe_counters=False,
            maps=True,
            accumulator_depth=512,
            clock_mhz=80.0,
        ),
        # Twice the PEs, and memories for networks of 210,000 weights with maps of 48 x 48 x 32.
        ArrayConfig(
            name="mcu32",
            pes=32,
            queue_depth=16,
            broadcasts_per_cycle=2,
            code_bits=8,
            index_bits=5,
            row_bits=39,
            sparse_matrix_depth=4096,
            pointer_depth=4096,
            activation_depth=4096,
            constant_depth=8192,
            stream_bits=64,
            layers=31,
            max_code_length=16,
            skip_empty_slices=True,
            row_dealing="balanced",
            pe_counters=False,
            maps=True,
            accumulator_depth=4096,
            clock_mhz=80.0,
        ),
    )
}


def preset(name: str) -> ArrayConfig:
    """A known array; ConfigError for a name that is none."""
    if name not in PRESETS:
        raise ConfigError(f"no preset {shown(name)}; presets: {', '.join(PRESETS)}")
    return PRESETS[name]


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
    base = table.pop("preset", None)
    values: dict[str, Any] = {"name": path.stem, **table}
    try:
        check_names(table)
        if base is None:
            missing = [
                field.name for field in fields(ArrayConfig) if field.default is MISSING and field.name not in table
            ]
            if missing:
                raise ConfigError(f"missing configuration field {missing[0]!r} (or name a preset)")
            return ArrayConfig(**values)
        if not isinstance(base, str):
            raise ConfigError(f"no preset {shown(base)}; presets: {', '.join(PRESETS)}")
        return preset(base).with_(**values)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def to_toml(config: ArrayConfig) -> str:
    """The configuration as a file that `load_config` reads back."""
    return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in config.to_dict().items())
