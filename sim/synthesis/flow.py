"""One array through the FPGA flow: run it, write its report, show it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from model.config import ArrayConfig, to_toml
from sim.progress import Say
from sim.provenance import made_by_line
from sim.synthesis.boards import Board
from sim.synthesis.family import Cells, Device, Flow, PlaceAndRoute
from sim.synthesis.floorplan import draw_floorplan
from sim.synthesis.place import PLACED, Placement, pack, place
from sim.synthesis.tools import YOSYS, check_tools, tool_versions
from sim.synthesis.yosys import Synthesis, synthesise, write_sources
from sw.files import make_folder, write_whole

FLOORPLAN = "floorplan.svg"
REPORT = "report.json"
ARRAY = "array.toml"


@dataclass(frozen=True, kw_only=True)
class FpgaRun:
    """What is asked of the flow.

    Parameters
    ----------
    config, flow, device : what is built, how, and on what.
    board : the design is the board's, with its pins and its clock; None: the array in a harness of three pins.
    speed : speed grade, one of the flow's; None: its slowest, or no place and route.
    seed : of the placement.
    router : nextpnr's, one of `place.ROUTERS`; None: its own choice.
    clock_mhz : what place and route aims for without a board.
    """

    config: ArrayConfig
    flow: Flow
    device: Device
    speed: int | None = None
    board: Board | None = None
    seed: int = 1
    router: str | None = None
    clock_mhz: float = 130.0


def run_flow(run: FpgaRun, folder: Path, say: Say) -> tuple[Synthesis, Placement | None]:
    """Verilog, synthesis, place and route, floor plan, report, and with a board the bitstream: all in `folder`.

    No placement of a family that open tools only synthesise. Raises EieError if a tool is missing or fails.
    """
    route = run.flow.place_and_route
    check_tools(YOSYS, *((route.nextpnr, route.packer) if route else ()))
    make_folder(folder)
    say(f"writing Verilog for {run.config.pes} PEs")
    sources = write_sources(run.config, folder, run.board)
    write_whole(folder / ARRAY, f"# {made_by_line()}\n{to_toml(run.config)}".encode())
    say(f"synthesis for {run.device.name} (yosys)")
    synthesis = synthesise(folder, sources, run.flow, say)
    return synthesis, None if route is None else _place(run, route, folder, say)


def _place(run: FpgaRun, route: PlaceAndRoute, folder: Path, say: Say) -> Placement:
    say(f"place and route for {run.device.name}, speed grade {run.speed}, seed {run.seed} (nextpnr)")
    placement = place(
        folder,
        route,
        run.device,
        run.board,
        speed=run.speed or route.speeds[0],
        seed=run.seed,
        router=run.router,
        clock_mhz=run.clock_mhz,
        say=say,
    )
    title = f"{run.config.name} on {run.device.name}: {run.config.pes} PEs, {placement.fmax_mhz:.1f} MHz"
    write_whole(folder / FLOORPLAN, draw_floorplan(folder / PLACED, title, made_by_line()).encode())
    (folder / PLACED).unlink()  # up to hundreds of MB, of which the picture is the use
    if run.board is not None:
        say(f"packing the bitstream ({route.packer.script})")
        pack(folder, route, run.device, say)
    return placement


def payload(run: FpgaRun, synthesis: Synthesis, placement: Placement | None) -> dict[str, Any]:
    """The report: what was asked, with which tools, and every figure; null for what only place and route can say."""
    route = run.flow.place_and_route
    total = synthesis.total(run.config.pes)
    return {
        "device": run.device.name,
        "board": run.board.name if run.board else None,
        "speed_grade": run.speed if placement else None,
        "seed": run.seed if placement else None,
        "router": run.router,
        "aimed_mhz": None if placement is None else run.board.clock_mhz if run.board else run.clock_mhz,
        "tools": tool_versions(YOSYS, *((route.nextpnr,) if route else ())),
        "config": run.config.to_dict(),
        "fmax_mhz": round(placement.fmax_mhz, 2) if placement else None,
        "used": dict(placement.used if placement else use(run.flow, total)),
        "available": dict(placement.available if placement else use(run.flow, run.device)),
        "pe": asdict(synthesis.pe_total),
        "shared": asdict(synthesis.shared_total),
        "pe_units": {unit: asdict(cells) for unit, cells in synthesis.pe.items()},
        "array_units": {unit: asdict(cells) for unit, cells in synthesis.array.items()},
        "critical_path": [
            {"name": step.name, "ns": round(step.ns, 3), "routing_ns": round(step.routing_ns, 3)}
            for step in (placement.critical_path if placement else ())
        ],
    }


def use(flow: Flow, cells: Cells | Device) -> dict[str, int]:
    """Lookup tables, flip-flops, block RAMs and multipliers of a netlist or of a device, by the family's names."""
    counts = (cells.comb, cells.ff, cells.block_rams, cells.multipliers)
    return dict(zip(flow.headings, counts, strict=False))  # the last heading is that of bits in lookup tables
