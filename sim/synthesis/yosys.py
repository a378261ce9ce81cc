"""Synthesis with every unit kept as a module, so that each cell belongs to one, and what it says."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from hw.verilog import ARRAY_MODULE, PE_MODULE, module_names, write_verilog
from model.config import ArrayConfig
from model.errors import EieError
from sim.progress import Say
from sim.provenance import made_by
from sim.synthesis.boards import BOARD_TOP, CORE, Board, board_top
from sim.synthesis.family import Cells, Flow
from sim.synthesis.harness import HARNESS, harness
from sim.synthesis.tools import YOSYS, run_tool

# What is around the array: top modules, and what is counted as their own. The units of the serial top keep their names.
AROUND = {HARNESS: "harness", BOARD_TOP: "board", CORE: "serial"}
OUTSIDE = (*AROUND.values(), "link", "windowed")

NETLIST = "netlist.json"
STATISTICS = "statistics.json"
LOG = "yosys.log"


@dataclass(frozen=True)
class Synthesis:
    """What synthesis says.

    pe : cells of one PE by unit; "pe" is what lies between the units.
    array : cells outside the PEs by unit; "array" is what lies between the units; those of `OUTSIDE` are no
        part of the array.
    """

    pe: Mapping[str, Cells]
    array: Mapping[str, Cells]

    @property
    def pe_total(self) -> Cells:
        """One PE."""
        return sum(self.pe.values(), Cells())

    @property
    def shared_total(self) -> Cells:
        """What all PEs share, without what is around the array."""
        return sum((cells for unit, cells in self.array.items() if unit not in OUTSIDE), Cells())

    def total(self, pes: int) -> Cells:
        """An array of so many PEs, without what is around it."""
        return pes * self.pe_total + self.shared_total


def write_sources(config: ArrayConfig, folder: Path, board: Board | None = None) -> list[str]:
    """The design as Verilog in `folder`: the array in its harness, or with a board behind its serial line.

    Returns the names of the files to read, in order; the last is that of the top module.
    """
    if board is None:
        written = write_verilog(config, folder, made_by=made_by())
        name, text = HARNESS, harness(written.array.read_text(encoding="utf-8"), ARRAY_MODULE)
    else:
        written = write_verilog(config, folder, bus="serial", divisor=board.divisor, made_by=made_by())
        name, text = BOARD_TOP, board_top(board)
    (folder / f"{name}.v").write_text(text, encoding="utf-8")
    return [*written.file_list.read_text(encoding="utf-8").split(), f"{name}.v"]


def kept_modules(texts: Iterable[str]) -> list[str]:
    """The modules that stay modules: the array, the PE and their units (one dot in the name) that have a clock.

    Combinational units are counted with what is around them: yosys 0.70 stops at an assertion in ABC9 on the tree of
    leading-nonzero nodes alone.
    """
    return [
        name
        for text in texts
        for name in module_names(text)
        if name.count(".") <= 1 and name not in (HARNESS, BOARD_TOP) and "clk" in _port_list(text, name)
    ]


def _port_list(text: str, module: str) -> list[str]:
    found = re.search(rf"^module \\?{re.escape(module)} ?\((.*?)\);", text, re.MULTILINE | re.DOTALL)
    return [] if found is None else [port.strip() for port in found[1].split(",")]


def synthesise(folder: Path, sources: list[str], flow: Flow, say: Say = lambda _: None) -> Synthesis:
    """Run yosys on the sources of `write_sources` in `folder`.

    It leaves `netlist.json`, `statistics.json` and `yosys.log` there.
    """
    kept = kept_modules((folder / name).read_text(encoding="utf-8") for name in sources)
    top = sources[-1].removesuffix(".v")
    script = [
        f"read_verilog {' '.join(sources)}",
        f"hierarchy -top {top}",
        f"setattr -mod -set keep_hierarchy 1 {' '.join(kept)}",
        *(command.format(top=top) for command in flow.synthesis),
        f"write_json {NETLIST}",
        f"tee -q -o {STATISTICS} stat -json",
    ]
    (folder / "synthesis.ys").write_text("\n".join([*script, ""]), encoding="utf-8")
    run_tool(YOSYS, ["-q", "-l", LOG, "synthesis.ys"], folder, LOG, say)
    return read_statistics(folder / STATISTICS, flow)


def read_statistics(path: Path, flow: Flow) -> Synthesis:
    """`stat -json` of a netlist with its units kept."""
    try:
        modules = cast(dict[str, Any], json.loads(path.read_text(encoding="utf-8"))["modules"])
        counts = {
            name.removeprefix("\\"): Counter[str](module["num_cells_by_type"]) for name, module in modules.items()
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EieError(f"wanted yosys statistics in {path}, got {error!r}") from error
    pe: dict[str, Cells] = {}
    array: dict[str, Cells] = {}
    for name, count in counts.items():
        module, _, unit = name.partition(".")
        if module == PE_MODULE:
            pe[unit or "pe"] = flow.cells(count)
        elif module == ARRAY_MODULE:
            array[unit or "array"] = flow.cells(count)
        elif module in AROUND:
            array[unit or AROUND[module]] = flow.cells(count)
    return Synthesis(pe, array)
