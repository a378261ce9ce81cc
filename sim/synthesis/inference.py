"""Whether every family's synthesis makes block memories and a multiplier of the plain Verilog, without a primitive."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from hw.memory_shapes import pe_memory_shapes
from hw.verilog import ARRAY_MODULE, PE_MODULE, write_verilog
from model.config import ArrayConfig
from model.errors import EieError
from sim.progress import Say
from sim.provenance import made_by
from sim.synthesis.families import FAMILIES
from sim.synthesis.families.ecp5 import block_rams
from sim.synthesis.memories import pe_multipliers
from sim.synthesis.tools import YOSYS, run_tool
from sw.files import make_folder

SCRIPT, LOG = "inference.ys", "inference.log"


@dataclass(frozen=True, kw_only=True)
class Inferred:
    """What one family's synthesis made of a PE: block memories, multipliers, and whether that is enough."""

    family: str
    memories: int
    multipliers: int
    enough: bool


def infer(config: ArrayConfig, folder: Path, say: Say = lambda _: None) -> tuple[int, list[Inferred]]:
    """Synthesise one PE for every family; how many of its memories must become block memories, and what each made.

    EieError if the Verilog instantiates a module that it does not define (a vendor's primitive), or yosys fails.
    """
    make_folder(folder)
    sources = write_verilog(config, folder, made_by=made_by()).file_list.read_text(encoding="utf-8").split()
    wanted = sum(block_rams(depth, width) > 0 for depth, width in pe_memory_shapes(config))
    script = [
        f"read_verilog {' '.join(sources)}",
        f"hierarchy -check -top {ARRAY_MODULE}",
        f"hierarchy -top {PE_MODULE}",
    ]
    for number, family in enumerate(FAMILIES):
        command, _, rest = family.inference.command.partition(" ")
        script += [
            "design -push-copy",
            f"{command} -top {PE_MODULE} {rest}",
            f"tee -q -o family_{number}.json stat -json",
            "design -pop",
        ]
    (folder / SCRIPT).write_text("\n".join([*script, ""]), encoding="utf-8")
    run_tool(YOSYS, ["-q", "-l", LOG, SCRIPT], folder, LOG, say)
    found: list[Inferred] = []
    for number, family in enumerate(FAMILIES):
        cells = _cells(folder / f"family_{number}.json")
        memories = sum(times for cell, times in cells.items() if cell.startswith(family.inference.memories))
        multipliers = sum(times for cell, times in cells.items() if cell.startswith(family.inference.multipliers))
        enough = memories >= wanted and multipliers >= pe_multipliers(config)
        found.append(Inferred(family=family.name, memories=memories, multipliers=multipliers, enough=enough))
    return wanted, found


def _cells(path: Path) -> dict[str, int]:
    try:
        report = cast(dict[str, Any], json.loads(path.read_text(encoding="utf-8")))
        return report["design"]["num_cells_by_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EieError(f"wanted yosys statistics in {path}, got {error!r}") from error
