"""`eie driver`: the C driver as source, with a network laid out for an array."""

from pathlib import Path
from typing import Annotated

import typer

from hw.register_header import register_header
from sim.provenance import made_by_line
from sim.terminal.fit_preset import fitted
from sim.terminal.options import Changes, ConfigFile, Json, Pes, PresetOrFit, array_config
from sim.terminal.output import Output
from sim.text import count
from sw.file.model_file import load
from sw.files import check_folder, make_folder, write_whole
from sw.host.c_network import C_DRIVER, network_header
from sw.image.build import build_image
from sw.network.chain import for_array
from sw.network.host_end import without_host_end

SOURCES = ("eie_driver.h", "eie_driver.c", "eie_serial.h", "eie_serial.c")


def driver_command(
    folder: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the C; made if missing.")],
    network: Annotated[
        Path | None, typer.Argument(metavar="[NET.eie]", help="A calibrated network, written as eie_network.h.")
    ] = None,
    preset: PresetOrFit = None,
    config: ConfigFile = None,
    pes: Pes = None,
    changes: Changes = None,
    as_json: Json = False,
) -> None:
    """Write the C driver, and a network as C."""
    array = array_config(preset, config, pes, changes, may_fit=network is not None)
    output = Output(as_json=as_json)
    check_folder(folder)
    texts = {"eie_registers.h": register_header()}
    texts |= {name: (C_DRIVER / name).read_text(encoding="utf-8") for name in SOURCES}
    remains: str | None = None
    if network is not None:
        kept, remains = without_host_end(load(network))
        array = fitted(preset, array, changes, kept, output)
        texts["eie_network.h"] = network_header(build_image(for_array(kept, array), array), remains)
    make_folder(folder)
    for name, text in texts.items():
        write_whole(folder / name, f"/* {made_by_line()} */\n{text}".encode())
    sizes = {name: (folder / name).stat().st_size for name in texts}
    output.table(str(folder), ["file", "bytes"], [[name, count(size)] for name, size in sizes.items()])
    if remains is not None:
        output.line(f"Left to the host: {remains}.")
    output.result({"folder": str(folder), "config": array.to_dict(), "files": sizes, "left_to_the_host": remains})
