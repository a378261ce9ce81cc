"""Place and route with nextpnr, and what it reports: clock, use of the device, critical path."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from model.errors import EieError
from sim.progress import Say
from sim.synthesis.boards import Board
from sim.synthesis.family import PIN_FILE, Device, PlaceAndRoute
from sim.synthesis.tools import run_tool
from sim.synthesis.yosys import NETLIST

REPORT = "nextpnr.json"
PLACED = "placed.json"
LOG = "nextpnr.log"
PACK_LOG = "pack.log"
BITSTREAM = "eie.bit"

# nextpnr's routers. The second negotiates over all nets at once, which may get on where a full device stops the first.
ROUTERS = ("router1", "router2")

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
    route: PlaceAndRoute,
    device: Device,
    board: Board | None,
    *,
    speed: int,
    seed: int,
    clock_mhz: float,
    router: str | None = None,
    say: Say = lambda _: None,
) -> Placement:
    """Run nextpnr on `netlist.json`; `clock_mhz` is what it aims for. With a board the pins and the clock are its.

    `router` is one of `ROUTERS`; without it nextpnr takes the family's own.

    EieError if that clock is not reached.
    """
    if board is not None:
        (folder / PIN_FILE).write_text(route.pins(board), encoding="utf-8")
    arguments = [
        *("--seed", str(seed), "--freq", f"{clock_mhz:g}", *route.place(device, board, speed)),
        *(("--router", router) if router else ()),
        *("--json", NETLIST, "--report", REPORT, "--write", PLACED, "--timing-allow-fail", "-q", "-l", LOG),
    ]
    run_tool(route.nextpnr, arguments, folder, LOG, say)
    placement = read_report(folder / REPORT, route)
    if board is not None and placement.fmax_mhz < board.clock_mhz:
        raise EieError(
            f"board {board.name} has a clock of {board.clock_mhz:g} MHz, the placed design only reaches "
            f"{placement.fmax_mhz:.1f} MHz; wanted another --seed or fewer PEs"
        )
    return placement


def pack(folder: Path, route: PlaceAndRoute, device: Device, say: Say = lambda _: None) -> Path:
    """Run the family's packer on what `place` left; the bitstream."""
    run_tool(route.packer, route.pack(device, BITSTREAM), folder, PACK_LOG, say)
    return folder / BITSTREAM


def read_report(path: Path, route: PlaceAndRoute) -> Placement:
    """nextpnr's --report for a design with one clock."""
    try:
        report = cast(dict[str, Any], json.loads(path.read_text(encoding="utf-8")))
        (fmax,) = report["fmax"].values()
        use = {name: report["utilization"][name] for name in route.resources}
        paths = [
            each for each in report["critical_paths"] if all(each[end].startswith("posedge") for end in ("from", "to"))
        ]
        return Placement(
            fmax_mhz=fmax["achieved"],
            used={name: each["used"] for name, each in use.items()},
            available={name: each["available"] for name, each in use.items()},
            critical_path=_steps(paths[0]["path"], route),
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise EieError(f"wanted a report of nextpnr with one clock in {path}, got {error!r}") from error


def _steps(path: list[dict[str, Any]], route: PlaceAndRoute) -> tuple[Step, ...]:
    """Cells in order, those with the same name together (a carry chain is one adder)."""
    steps: list[Step] = []
    now = 0.0
    for segment in path:
        now += segment["delay"]
        routing = segment["delay"] if segment["type"] == "routing" else 0.0
        name = own_name(segment["from"]["cell"], route)
        if steps and name in (steps[-1].name, ""):
            before = steps.pop()
            name, routing = before.name, routing + before.routing_ns
        steps.append(Step(name=name, ns=now, routing_ns=routing))
    last = own_name(path[-1]["to"]["cell"], route)
    if steps[-1].name != last:
        steps.append(Step(name=last, ns=now, routing_ns=0.0))
    return tuple(steps)


def own_name(cell: str, route: PlaceAndRoute) -> str:
    """The design's name in the name that the tools gave a cell; empty for one that nextpnr added.

    Logic that has no name in the design goes by its unit's.
    """
    if cell.startswith("$"):
        return ""
    unit, _, name = _made(route.made).sub("", _ARRAY.sub("", cell)).rpartition(".")
    return unit if "$" in name else f"{unit}.{name}".lstrip(".")


@cache
def _made(types: tuple[str, ...]) -> re.Pattern[str]:
    """What yosys appends to a name of the design when it names the cells and nets that it made from it.

    The part of a memory that became a cell, a cell type with a pin, a dollar.
    """
    return re.compile(rf"(\.\d+\.\d+(_.*)?|_({'|'.join(types)})_.*|\$\D.*)$")
