"""Place and route for ECP5 with nextpnr, and what it reports: clock, use of the device, critical path."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from model.errors import EieError
from sim.progress import Say
from sim.synthesis.boards import Board, constraints
from sim.synthesis.devices import Device
from sim.synthesis.tools import ECPPACK, NEXTPNR_ECP5, run_tool
from sim.synthesis.yosys import NETLIST

REPORT = "nextpnr.json"
PLACED = "placed.json"
LOG = "nextpnr.log"
PACK_LOG = "ecppack.log"
PIN_FILE = "pins.lpf"
CONFIG_FILE = "eie.config"
BITSTREAM = "eie.bit"
RESOURCES = ("TRELLIS_COMB", "TRELLIS_FF", "TRELLIS_RAMW", "DP16KD", "MULT18X18D")

# What yosys appends to a name of the design when it names the cells and nets that it made from it: the part of a memory
# that became a cell, a cell type with a pin, a dollar.
_MADE = re.compile(
    r"(\.\d+\.\d+(_.*)?|_(LUT4|CCU2C|PFUMX|L6MUX21|TRELLIS_FF|TRELLIS_DPR16X4|DP16KD|MULT18X18D)_.*|\$\D.*)$"
)

# Where the array is: in the harness, and in the design of a board.
_ARRAY = re.compile(r"^(serial\.windowed\.)?array\.")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One cell of the critical path.

    name : the design's own name of the register, or of the signal that the logic was made from.
    ns : when the signal has left it.
    routing_ns : of which the wire behind it takes so much.
    """

    name: str
    ns: float
    routing_ns: float


@dataclass(frozen=True, kw_only=True)
class Placement:
    """What place and route says.

    fmax_mhz : the highest clock at the speed grade, worst case.
    used, available : cells of the device by type.
    critical_path : from register to register.
    """

    fmax_mhz: float
    used: Mapping[str, int]
    available: Mapping[str, int]
    critical_path: tuple[Step, ...]


def place(
    folder: Path,
    device: Device,
    board: Board | None,
    *,
    speed: int,
    seed: int,
    clock_mhz: float,
    say: Say = lambda _: None,
) -> Placement:
    """Run nextpnr-ecp5 on `netlist.json`; `clock_mhz` is what it aims for. With a board the pins and the clock are its.

    EieError if that clock is not reached.
    """
    arguments = [
        *(device.flag, "--speed", str(speed), "--seed", str(seed), "--freq", f"{clock_mhz:g}"),
        *("--package", board.package if board else device.package),
        *("--json", NETLIST, "--report", REPORT, "--write", PLACED, "--textcfg", CONFIG_FILE),
        *("--timing-allow-fail", "--lpf-allow-unconstrained", "-q", "-l", LOG),
    ]
    if board is not None:
        (folder / PIN_FILE).write_text(constraints(board), encoding="utf-8")
        arguments += ["--lpf", PIN_FILE]
    run_tool(NEXTPNR_ECP5, arguments, folder, LOG, say)
    placement = read_report(folder / REPORT)
    if board is not None and placement.fmax_mhz < board.clock_mhz:
        raise EieError(
            f"board {board.name} has a clock of {board.clock_mhz:g} MHz, the placed design only reaches "
            f"{placement.fmax_mhz:.1f} MHz; wanted another --seed or fewer PEs"
        )
    return placement


def pack(folder: Path, say: Say = lambda _: None) -> Path:
    """Run ecppack on what `place` left; the bitstream."""
    run_tool(ECPPACK, ["--compress", CONFIG_FILE, BITSTREAM], folder, PACK_LOG, say)
    return folder / BITSTREAM


def read_report(path: Path) -> Placement:
    """nextpnr's --report for a design with one clock."""
    try:
        report = cast(dict[str, Any], json.loads(path.read_text(encoding="utf-8")))
        (fmax,) = report["fmax"].values()
        use = {name: report["utilization"][name] for name in RESOURCES}
        paths = [
            each for each in report["critical_paths"] if all(each[end].startswith("posedge") for end in ("from", "to"))
        ]
        return Placement(
            fmax_mhz=fmax["achieved"],
            used={name: each["used"] for name, each in use.items()},
            available={name: each["available"] for name, each in use.items()},
            critical_path=_steps(paths[0]["path"]),
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise EieError(f"wanted a report of nextpnr-ecp5 with one clock in {path}, got {error!r}") from error


def _steps(path: list[dict[str, Any]]) -> tuple[Step, ...]:
    """Cells in order, those with the same name together (a carry chain is one adder)."""
    steps: list[Step] = []
    now = 0.0
    for segment in path:
        now += segment["delay"]
        routing = segment["delay"] if segment["type"] == "routing" else 0.0
        name = own_name(segment["from"]["cell"])
        if steps and name in (steps[-1].name, ""):
            before = steps.pop()
            name, routing = before.name, routing + before.routing_ns
        steps.append(Step(name=name, ns=now, routing_ns=routing))
    last = own_name(path[-1]["to"]["cell"])
    if steps[-1].name != last:
        steps.append(Step(name=last, ns=now, routing_ns=0.0))
    return tuple(steps)


def own_name(cell: str) -> str:
    """The design's name in the name that the tools gave a cell; empty for one that nextpnr added.

    Logic that has no name in the design goes by its unit's.
    """
    if cell.startswith("$"):
        return ""
    unit, _, name = _MADE.sub("", _ARRAY.sub("", cell)).rpartition(".")
    return unit if "$" in name else f"{unit}.{name}".lstrip(".")
