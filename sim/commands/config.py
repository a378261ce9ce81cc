"""`eie config`: what an array is, shown or written as TOML."""

from pathlib import Path
from typing import Annotated

import typer

from model.config import to_toml
from sim.provenance import made_by_line
from sim.terminal.options import Changes, ConfigFile, Json, Pes, Preset, array_config
from sim.terminal.output import Output
from sw.files import check_target, write_whole


def config_command(
    preset: Preset = None,
    config: ConfigFile = None,
    pes: Pes = None,
    changes: Changes = None,
    path: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE.toml", help="Write the array to this file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show an array's configuration, or write it as TOML with -o."""
    array = array_config(preset, config, pes, changes)
    output = Output(as_json=as_json)
    if path is not None:
        check_target(path, config)
        write_whole(path, f"# {made_by_line()}\n{to_toml(array)}".encode())
    output.table(array.name, ["field", "value"], [[name, str(value)] for name, value in array.to_dict().items()])
    output.result(array.to_dict(), bare=True)  # what --config takes, were it TOML, and nothing else
