"""One array through the FPGA flow: run it, write its report, show it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from model.config import ArrayConfig
from sim.fpga_board import Board
from sim.fpga_devices import Device
from sim.fpga_floorplan import draw_floorplan
from sim.fpga_place import PLACED, Placement, pack, place
from sim.fpga_synthesis import Cells, Synthesis, synthesise, write_sources
from sim.fpga_tools import ECPPACK, NEXTPNR_ECP5, YOSYS, check_tools, tool_versions
from sim.hardware_commands import to_toml
from sim.output import Output, Say, count, percent
from sw.files import make_folder, write_whole

FLOORPLAN = "floorplan.svg"
REPORT = "report.json"
ARRAY = "array.toml"


@dataclass(frozen=True, kw_only=True)
class FpgaRun:
    """What is asked of the flow.

    Parameters
    ----------
    config, device : what is built, and on what.
    board : the design is the board's, with its pins and its clock; None: the array in a harness of three pins.
    speed : speed grade.
    seed : of the placement.
    clock_mhz : what place and route aims for without a board.
    """

    config: ArrayConfig
    device: Device
    board: Board | None = None
    speed: int = 6
    seed: int = 1
    clock_mhz: float = 130.0


def run_flow(run: FpgaRun, folder: Path, say: Say) -> tuple[Synthesis, Placement]:
    """Verilog, synthesis, place and route, floor plan, report, and with a board the bitstream: all in `folder`.

    Raises EieError if a tool is missing or fails.
    """
    check_tools(YOSYS, NEXTPNR_ECP5, ECPPACK)
    make_folder(folder)
    say(f"writing Verilog for {run.config.pes} PEs")
    sources = write_sources(run.config, folder, run.board)
    write_whole(folder / ARRAY, to_toml(run.config).encode())
    say(f"synthesis for {run.device.name} (yosys)")
    synthesis = synthesise(folder, sources, say)
    say(f"place and route for {run.device.name}, speed grade {run.speed}, seed {run.seed} (nextpnr)")
    placement = place(folder, run.device, run.board, speed=run.speed, seed=run.seed, clock_mhz=run.clock_mhz, say=say)
    title = f"{run.config.name} on {run.device.name}: {run.config.pes} PEs, {placement.fmax_mhz:.1f} MHz"
    write_whole(folder / FLOORPLAN, draw_floorplan(folder / PLACED, title).encode())
    (folder / PLACED).unlink()  # up to hundreds of MB, of which the picture is the use
    if run.board is not None:
        say("packing the bitstream (ecppack)")
        pack(folder, say)
    return synthesis, placement


def payload(run: FpgaRun, synthesis: Synthesis, placement: Placement) -> dict[str, Any]:
    """The report: what was asked, with which tools, and every figure."""
    return {
        "device": run.device.name,
        "board": run.board.name if run.board else None,
        "speed_grade": run.speed,
        "seed": run.seed,
        "aimed_mhz": run.board.clock_mhz if run.board else run.clock_mhz,
        "tools": tool_versions(YOSYS, NEXTPNR_ECP5),
        "config": run.config.to_dict(),
        "fmax_mhz": round(placement.fmax_mhz, 2),
        "used": dict(placement.used),
        "available": dict(placement.available),
        "pe": asdict(synthesis.pe_total),
        "shared": asdict(synthesis.shared_total),
        "pe_units": {unit: asdict(cells) for unit, cells in synthesis.pe.items()},
        "array_units": {unit: asdict(cells) for unit, cells in synthesis.array.items()},
        "critical_path": [
            {"name": step.name, "ns": round(step.ns, 3), "routing_ns": round(step.routing_ns, 3)}
            for step in placement.critical_path
        ],
    }


def show(output: Output, run: FpgaRun, synthesis: Synthesis, placement: Placement, folder: Path) -> None:
    """The report as tables."""
    output.line(
        f"{run.config.name}: {run.config.pes} PEs on {run.device.name}, speed grade {run.speed}, seed {run.seed}: "
        f"fmax {placement.fmax_mhz:.1f} MHz.\n"
    )
    output.table(
        "use of the device, what is around the array included",
        ["cells", "used", "available", "share"],
        [
            [name, count(used), count(placement.available[name]), percent(used / placement.available[name])]
            for name, used in placement.used.items()
        ],
    )
    _units(output, "one PE by unit", synthesis.pe, synthesis.pe_total)
    _units(
        output,
        "what the PEs share, and what is around the array",
        synthesis.array,
        synthesis.shared_total,
        "array alone",
    )
    output.table(
        f"critical path: {placement.critical_path[-1].ns:.2f} ns from register to register",
        ["register or logic", "at ns", "of which wire"],
        [[step.name, f"{step.ns:.2f}", f"{step.routing_ns:.2f}"] for step in placement.critical_path],
    )
    output.line(f"Floor plan, report and logs: {folder}")


def _units(output: Output, title: str, units: Mapping[str, Cells], total: Cells, name: str = "total") -> None:
    def cells_of(cells: Cells) -> list[str]:
        return [count(value) for value in asdict(cells).values()]

    output.table(
        title,
        ["unit", "COMB", "FF", "DP16KD", "MULT18X18D", "LUT RAM bits"],
        [[unit, *cells_of(cells)] for unit, cells in sorted(units.items(), key=lambda item: -item[1].comb)],
        [name, *cells_of(total)],
    )
