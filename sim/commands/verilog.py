"""`eie verilog`: an array's Verilog."""

from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from hw.verilog import DEFAULT_DIVISOR, IP_BUSES, Bus, write_verilog
from model.errors import EieError
from sim.provenance import made_by
from sim.terminal.options import Changes, ConfigFile, Json, Pes, Preset, array_config
from sim.terminal.output import Output
from sim.text import count
from sw.files import check_folder


def verilog_command(
    folder: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the Verilog; made if missing.")
    ],
    bus: Annotated[
        Bus, typer.Option("--bus", help="What is around the array: its own ports, AXI4, AXI4-Lite alone, a UART.")
    ] = "plain",
    divisor: Annotated[
        int | None,
        typer.Option(
            "--divisor",
            min=4,
            max=1 << 20,
            help=f"With --bus serial: clock cycles per bit of the UART [default: {DEFAULT_DIVISOR}].",
        ),
    ] = None,
    ip: Annotated[
        bool,
        typer.Option("--ip", help="With --bus axi or axi-lite: IP-XACT component.xml, Tcl of a Zynq block design too."),
    ] = False,
    preset: Preset = None,
    config: ConfigFile = None,
    pes: Pes = None,
    changes: Changes = None,
    as_json: Json = False,
) -> None:
    """Write an array as Verilog. A file list, a C register header and a manifest go with it."""
    array = array_config(preset, config, pes, changes)
    output = Output(as_json=as_json)
    if divisor is not None and bus != "serial":
        raise EieError(f"--divisor is for --bus serial, got --bus {bus}")
    if ip and bus not in IP_BUSES:
        raise EieError(f"--ip is for --bus {' or '.join(IP_BUSES)}, got --bus {bus}")
    check_folder(folder)
    with output.steps(f"writing Verilog for {array.pes} PEs"):
        written = write_verilog(array, folder, bus=bus, divisor=divisor or DEFAULT_DIVISOR, ip=ip, made_by=made_by())
    paths: set[Path | None] = {getattr(written, field.name) for field in fields(written)}
    files = {path.name: path.stat().st_size for path in sorted(path for path in paths if path)}
    output.table(
        f"{folder}: {array.name}, {array.pes} PEs",
        ["file", "bytes"],
        [[name, count(size)] for name, size in files.items()],
    )
    output.result({"folder": str(folder), "bus": bus, "config": array.to_dict(), "files": files})
