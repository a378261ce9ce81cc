"""Options that several commands share, and the array configuration they describe."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from model.config import PRESETS, ArrayConfig, load_config
from model.errors import ConfigError
from sim.fields import field_value, split_field
from sim.text import as_text

DEFAULT_PRESET = "eie64"
FIT = "fit"  # made for the network, see `sim.terminal.fit_preset`
FITTED_COMMANDS = "simulate, verify, run, report, trace, queue, driver and baseline"
LARGEST_CONFIG = 1 << 14  # bytes; the time of the parser grows with the square of a key's parts


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]
Inputs = Annotated[
    Path, typer.Option("--input", metavar="X.npy", help="Inputs, (inputs, features), real numbers of any type.")
]
Preset = Annotated[
    str | None, typer.Option("--preset", help=f"A known array: {', '.join(PRESETS)} [default: {DEFAULT_PRESET}].")
]
PresetOrFit = Annotated[
    str | None,
    typer.Option(
        "--preset",
        help=f"A known array: {', '.join(PRESETS)}; or {FIT}: {DEFAULT_PRESET} with memories just large enough for the "
        f"network [default: {DEFAULT_PRESET}].",
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE.toml", help="An array described in a file, as `eie config -o` writes it."),
]
Pes = Annotated[
    int | None, typer.Option("--pes", help="Processing elements, 1 to 256, instead of the array's own number.")
]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="FIELD=VALUE", help="Change a field of the array, see `eie config`; may be repeated."
    ),
]
ActivationBits = Annotated[
    int | None,
    typer.Option("--activation-bits", help="Of the arrays that it is for, 8 or 16 [default: 16, or the file's]."),
]

TechnologyFile = Annotated[
    Path | None,
    typer.Option("--technology", metavar="FILE.toml", help="Energy of each event, see `eie energy` [default: 45 nm]."),
]


def check_activation_bits(bits: int | None) -> None:
    """ConfigError for another number than arrays have."""
    if bits not in (None, 8, 16):
        raise ConfigError(f"--activation-bits must be 8 or 16, got {bits}")


def known_preset(name: object) -> str:
    """The preset of that name, or the default."""
    return str(name) if name in PRESETS else DEFAULT_PRESET


def as_options(preset: str, fields: Mapping[str, Any]) -> str:
    """The options that describe an array of these fields, which may be text: a preset, and what differs from it."""
    usual = {name: as_text(value) for name, value in PRESETS[preset].to_dict().items()}
    texts = {name: as_text(value) for name, value in fields.items()}
    changes = [f"--set {shlex.quote(f'{name}={text}')}" for name, text in texts.items() if text != usual[name]]
    return " ".join([f"--preset {preset}", *changes])


def array_config(
    preset: str | None, file: Path | None, pes: int | None, changes: list[str] | None, may_fit: bool = False
) -> ArrayConfig:
    """The array that --preset or --config, --pes and --set describe; raises ConfigError with one sentence.

    `may_fit` takes --preset fit for the default, of which `sim.terminal.fit_preset` makes the array later.
    """
    if preset is not None and file is not None:
        raise ConfigError("--preset and --config describe the whole array both; wanted one of them")
    if preset == FIT:
        if not may_fit:
            raise ConfigError(f"--preset {FIT} is for {FITTED_COMMANDS} of a network")
        preset = DEFAULT_PRESET
    if preset is not None and preset not in PRESETS:
        raise ConfigError(f"no preset {preset!r}; presets: {', '.join([*PRESETS, *([FIT] if may_fit else [])])}")
    if file is not None and file.suffix != ".toml":
        raise ConfigError(f"--config wants a .toml file, got {str(file)!r}")
    if file is not None and file.is_file() and file.stat().st_size > LARGEST_CONFIG:
        raise ConfigError(f"{file} must have at most {LARGEST_CONFIG} bytes, it has {file.stat().st_size}")
    config = load_config(file if file is not None else preset or DEFAULT_PRESET)
    fields: dict[str, Any] = {}
    for change in changes or []:
        name, text = split_field("--set", change, "VALUE")
        fields[name] = field_value(text)
    unknown = sorted(set(fields) - set(config.to_dict()))
    if unknown:
        raise ConfigError(f"--set: no field {unknown[0]!r}; fields: {', '.join(config.to_dict())}")
    config = config.with_(**fields)
    if pes is not None and fields.get("pes", pes) != pes:
        raise ConfigError(f"--pes {pes} and --set pes={config.pes} differ")
    return config if pes is None else config.with_(pes=pes)
