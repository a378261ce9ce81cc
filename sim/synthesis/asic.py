"""Area and critical path of an array's logic in standard cells: yosys with SRAMs as black boxes, ABC, OpenSTA."""

import gzip
import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from hw.verilog import ARRAY_MODULE, PE_MODULE, write_verilog
from model.config import ArrayConfig
from model.errors import EieError
from sim.progress import Say
from sim.provenance import made_by
from sim.synthesis.tools import YOSYS, check_tools, run_tool
from sim.synthesis.yosys import kept_modules
from sw.files import check_source, make_folder, reason

SCRIPT, LOG = "asic.ys", "asic.log"
LIBRARY = "cells.lib"
MEMORIES = "sram.txt"
NETLIST = "eie_pe_cells.v"
STA_SCRIPT, STA_LOG = "sta.tcl", "sta.log"
STATISTICS = "stats.txt"  # ABC's own name for what `stime -d` writes

# One kind of SRAM for yosys's memory_libmap: a synchronous read port and a write port, one bit wide and as deep as
# needed, so that no logic is added around it; a read of the word being written gives the old one, as the array's
# contract says.
SRAM = """ram block $__SRAM_ {
\tabits 20;
\twidth 1;
\tcost 1;
\tinit none;
\tport sr "R" {
\t\tclock posedge;
\t\tclken;
\t}
\tport sw "W" {
\t\tclock posedge;
\t\twrtrans "R" old;
\t}
}
"""

# Mapping as yosys does it with a delay target; then buffers and gate sizes for the target, in ps.
MAP = "strash\nifraig\nscorr\ndc2\ndch -f\nmap -B 0.9\ntopo\n"
SIZE = "buffer -c\ntopo\nupsize -c -D {target}\ndnsize -c -D {target}\n"

# Silicon has no initial values: those of memories would forbid SRAMs, those of registers ordinary flip-flops. yosys
# also takes minutes to unroll the loop of a deep memory.
_MEMORY_INIT = re.compile(
    r"^  integer (\S+)_index;\n  initial begin\n    for \(\1_index.*\n  end\n"
    r"|^  initial begin\n(    \S+\[\d+\] = \d+'[dh]0+;\n)+  end\n",
    re.MULTILINE,
)

_MEMORY = re.compile(r"^  reg (\[(\d+):0\]) \S+ (\[(\d+):0\]);$", re.MULTILINE)
REGISTER_FILE_BITS = 1024  # up to here a memory is registers (the activation queue, as in EIE), above an SRAM

# What yosys appends to a name of the design: a cell of the library and a pin.
_MADE = re.compile(r"_[A-Z]+\d*_X\d+_.*$")


@dataclass(frozen=True)
class Area:
    """um2 of a part's cells, flip-flops included; of the flip-flops alone; bits of its black-box SRAM columns."""

    um2: float
    register_um2: float
    sram_columns: int


@dataclass(frozen=True, kw_only=True)
class Asic:
    """What the flow says.

    pe : units of one PE, each mapped by itself; "pe" is what lies between them.
    array : units that the PEs share.
    flat : one PE without unit boundaries.
    abc_ns : the longest combinational path of that PE, gates sized, from any register, SRAM or port to the next.
    sta_ns : the longest path from register to register, clock-to-output and setup included; None without OpenSTA.
    sta_path : the design's own names along it.
    """

    pe: Mapping[str, Area]
    array: Mapping[str, Area]
    flat: Area
    abc_ns: float
    sta_ns: float | None
    sta_path: tuple[str, ...]


def run_asic(
    config: ArrayConfig, liberty: Path, folder: Path, *, target_ps: float, with_sta: bool, say: Say = lambda _: None
) -> Asic:
    """Map the array to the cells of a Liberty file (plain or .gz); everything is left in `folder`.

    `target_ps` is the path that gates are sized for. EieError for a file that is no Liberty library, a missing or a
    failing tool.
    """
    check_tools(YOSYS)
    if with_sta and shutil.which("sta") is None:
        raise EieError("--sta needs OpenSTA's program sta, which was not found (Debian: apt-get install opensta)")
    library = read_liberty(liberty)
    make_folder(folder)
    (folder / LIBRARY).write_bytes(library)
    (folder / MEMORIES).write_text(SRAM, encoding="utf-8")
    size = SIZE.format(target=f"{target_ps:g}")
    (folder / "map.abc").write_text(MAP + size, encoding="utf-8")
    (folder / "time.abc").write_text(f"{MAP}{size}stime -d\n", encoding="utf-8")
    (folder / STATISTICS).unlink(missing_ok=True)
    sources = write_verilog(config, folder, made_by=made_by()).file_list.read_text(encoding="utf-8").split()
    for source in sources:
        text = (folder / source).read_text(encoding="utf-8")
        (folder / source).write_text(silicon_memories(text), encoding="utf-8")
    (folder / SCRIPT).write_text(_script(folder, sources), encoding="utf-8")
    say("synthesis and mapping, by unit and of a whole PE (yosys, ABC)")
    run_tool(YOSYS, ["-q", "-l", LOG, SCRIPT], folder, LOG, say)
    units = read_areas(folder / "units.json")
    sta_ns, sta_path = None, ()
    if with_sta:
        say("static timing (OpenSTA)")
        sta_ns, sta_path = _static_timing(folder)
    return Asic(
        pe=_of(units, PE_MODULE, "pe"),
        array=_of(units, ARRAY_MODULE, "array"),
        flat=read_areas(folder / "flat.json")[PE_MODULE],
        abc_ns=read_abc_ns(folder / STATISTICS),
        sta_ns=sta_ns,
        sta_path=sta_path,
    )


def read_liberty(path: Path) -> bytes:
    """The text of a Liberty file, unpacked if it is gzip; EieError for anything else."""
    check_source(path)
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (OSError, EOFError) as error:
        raise EieError(f"cannot read {path}: {reason(error)}") from error
    if b"library" not in data[: 1 << 16] or b"cell" not in data:
        raise EieError(f"{path} is not a Liberty file: wanted a library of cells")
    return data


def silicon_memories(verilog: str) -> str:
    """Verilog of `hw.verilog` without memories' initial values, small memories marked as registers, others as SRAM."""

    def declared(memory: re.Match[str]) -> str:
        bits = (int(memory[2]) + 1) * (int(memory[4]) + 1)
        style = "logic" if bits <= REGISTER_FILE_BITS else "block"
        return f'  (* ram_style = "{style}" *)\n{memory[0]}'

    return _MEMORY.sub(declared, _MEMORY_INIT.sub("", verilog))


def _script(folder: Path, sources: list[str]) -> str:
    """yosys: the array with its units kept, then one PE without boundaries."""
    kept = kept_modules((folder / name).read_text(encoding="utf-8") for name in sources)
    begin = [
        f"read_verilog {' '.join(sources)}",
        "proc",
        "setattr -unset init */w:*",
    ]

    def mapped(top: str, abc: str) -> list[str]:
        return [
            f"synth -top {top} -flatten -run begin:fine",
            f"memory_libmap -lib {MEMORIES}",
            f"synth -top {top} -run fine:check",
            f"dfflibmap -liberty {LIBRARY}",
            f"abc -liberty {LIBRARY} -script {abc}",
            "opt_clean",
        ]

    lines = [
        *begin,
        "design -save start",
        f"setattr -mod -set keep_hierarchy 1 {' '.join(kept)}",
        *mapped(ARRAY_MODULE, "map.abc"),
        f"tee -q -o units.json stat -json -liberty {LIBRARY}",
        "design -load start",
        *mapped(PE_MODULE, "time.abc"),
        f"tee -q -o flat.json stat -json -liberty {LIBRARY}",
        "autoname",
        "splitnets -ports",
        "opt_clean -purge",
        f"write_verilog -noattr -noexpr -nohex -nodec {NETLIST}",
    ]
    return "\n".join([*lines, ""])


def read_areas(path: Path) -> dict[str, Area]:
    """Every module of `stat -json -liberty`, its own cells only: yosys counts those of modules inside it too."""
    try:
        modules = cast(dict[str, Any], json.loads(path.read_text(encoding="utf-8"))["modules"])
        found = {name.removeprefix("\\"): module for name, module in modules.items()}
        areas: dict[str, Area] = {}
        for name, module in found.items():
            cells: dict[str, int] = module["num_cells_by_type"]
            inside = [(times, found[cell]) for cell, times in cells.items() if cell in found]
            um2, register_um2 = (
                module[kind] - sum(times * each[kind] for times, each in inside) for kind in ("area", "sequential_area")
            )
            areas[name] = Area(um2, register_um2, cells.get("$__SRAM_", 0))
        return areas
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EieError(f"wanted yosys statistics with areas in {path}, got {error!r}") from error


def _of(areas: Mapping[str, Area], module: str, rest: str) -> dict[str, Area]:
    return {name.partition(".")[2] or rest: area for name, area in areas.items() if name.partition(".")[0] == module}


def read_abc_ns(path: Path) -> float:
    """The longest of the delays that ABC's `stime -d` wrote: lines that end with nodes, area and delay in ps."""
    try:
        delays = [float(line.split()[-1]) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return max(delays) / 1000
    except (OSError, ValueError) as error:
        raise EieError(f"wanted ABC's timing statistics in {path}, got {error!r}") from error


def _static_timing(folder: Path) -> tuple[float, tuple[str, ...]]:
    """OpenSTA on the mapped PE: the longest path between registers in ns, and the names along it."""
    script = [
        f"read_liberty {LIBRARY}",
        f"read_verilog {NETLIST}",
        f"link_design {PE_MODULE}",
        "create_clock -name clk -period 1 [get_ports clk]",
        "report_checks -path_delay max -from [all_registers -clock_pins] -to [all_registers -data_pins] -digits 4",
        "exit",
    ]
    (folder / STA_SCRIPT).write_text("\n".join([*script, ""]), encoding="utf-8")
    done = subprocess.run(
        ["sta", "-no_splash", "-exit", STA_SCRIPT],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    (folder / STA_LOG).write_text(done.stdout + done.stderr, encoding="utf-8")
    return read_timing(done.stdout, folder / STA_LOG)


def read_timing(report: str, log: Path) -> tuple[float, tuple[str, ...]]:
    """Longest path in ns, setup included, and the design's names along it: OpenSTA's `report_checks`, clock of 1 ns."""
    slack: float | None = None
    pins: list[str] = []
    for line in report.splitlines():
        words = line.split()
        if words[2:3] in (["^"], ["v"]):
            name = _MADE.sub("", words[3].rpartition("/")[0])
            if name not in pins[-1:]:
                pins.append(name)
        elif words[1:2] == ["slack"]:
            slack = float(words[0])
    if slack is None:
        raise EieError(f"OpenSTA reported no path between registers (log: {log})")
    return 1.0 - slack, tuple(pins)
