"""`eie fpga`: an array on an FPGA with open tools, what fits on one, and whether synthesis infers what it should."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from model.config import ArrayConfig, ConfigError, ecp5_array
from model.errors import EieError
from sim.optional import imported
from sim.provenance import made_by
from sim.synthesis.families import BOARDS, FAMILIES, FLOWS, board_named, device_named
from sim.synthesis.family import Cells, Device, Flow
from sim.synthesis.flow import FLOORPLAN, REPORT, FpgaRun, payload, run_flow, use
from sim.synthesis.inference import infer
from sim.synthesis.memories import pe_multipliers
from sim.synthesis.place import ROUTERS, Placement
from sim.synthesis.tools import YOSYS, tool_versions
from sim.synthesis.yosys import Synthesis
from sim.terminal.fpga_fit import fit_report
from sim.terminal.options import Changes, ConfigFile, Json, Pes, Preset, array_config
from sim.terminal.output import Output
from sim.text import count, percent
from sw.extras import pip_install
from sw.files import check_folder, check_target, read_whole, write_whole

AIM = 130.0


def fpga_command(
    device_name: Annotated[
        str | None, typer.Option("--device", help=f"One of {', '.join(FLOWS)} [default: the board's, or ecp5-85k].")
    ] = None,
    board_name: Annotated[
        str | None, typer.Option("--board", help=f"A bitstream with a serial link for it: {', '.join(BOARDS)}.")
    ] = None,
    pes: Pes = None,
    preset: Preset = None,
    config: ConfigFile = None,
    changes: Changes = None,
    speed: Annotated[
        int | None,
        typer.Option("--speed", help="Speed grade [default: the device's slowest].", show_default=False),
    ] = None,
    clock_mhz: Annotated[
        float | None,
        typer.Option(
            "--aim",
            metavar="MHZ",
            help=f"Clock that place and route aims for [default: {AIM:g}; a board: its own].",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the placement, 1 or more.")] = 1,
    router: Annotated[
        str | None,
        typer.Option("--router", help=f"nextpnr's: {', '.join(ROUTERS)} [default: nextpnr's own].", show_default=False),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Folder for everything [default: below build/fpga]."),
    ] = None,
    fit: Annotated[
        Path | None,
        typer.Option("--fit", metavar="NET.eie", help="Only say which arrays for it fit; -o writes the fastest."),
    ] = None,
    inputs_file: Annotated[
        Path | None, typer.Option("--input", metavar="X.npy", help="With --fit: inputs whose cycles are counted.")
    ] = None,
    check_inference: Annotated[
        bool,
        typer.Option(
            "--check-inference",
            help=f"Only check that {len(FAMILIES)} families' synthesis finds memories and multiplier.",
        ),
    ] = False,
    page: Annotated[
        Path | None, typer.Option("--html", metavar="FILE.html", help="Show the result as a page too.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Synthesise, place and route an array on an FPGA. Clock, area by unit, critical path, floor plan, bitstream.

    Of Xilinx 7 the synthesis only: no clock.
    """
    output = Output(as_json=as_json)
    if inputs_file is not None and fit is None:
        raise EieError("--input counts cycles for --fit NET.eie, which was not given")
    if fit is not None and check_inference:
        raise EieError("--fit and --check-inference are two questions; wanted one of them")
    _check_page(page, config, fit is not None or check_inference)
    board = None if board_name is None else board_named(board_name)
    flow, device = device_named(device_name or (board.device if board else "ecp5-85k"))
    if board is not None and device.name != board.device:
        raise EieError(f"board {board.name} has the device {board.device}, got --device {device.name}")
    if seed < 1:
        raise EieError(f"--seed must be 1 or more, got {seed}")
    _check_place_and_route(flow, device, speed, clock_mhz, router)
    if fit is not None:
        base = fpga_array(preset, config, None, changes)
        fit_report(output, fit, inputs_file, (flow, device), base, pes, seed, folder)
        return
    array = fpga_array(preset, config, pes, changes)
    if board is not None:
        array = array.with_(clock_mhz=board.clock_mhz)
    folder = folder or Path("build/fpga") / ("inference" if check_inference else f"{device.name}-{array.pes}")
    check_folder(folder)
    if check_inference:
        inference_report(output, array, folder)
        return
    run = FpgaRun(
        config=array,
        flow=flow,
        device=device,
        board=board,
        speed=speed or (flow.place_and_route.speeds[0] if flow.place_and_route else None),
        seed=seed,
        router=router,
        clock_mhz=AIM if clock_mhz is None else clock_mhz,
    )
    with output.steps(f"{array.name}: {array.pes} PEs on {device.name}") as say:
        synthesis, placement = run_flow(run, folder, say)
    report = {"made_by": made_by(), **payload(run, synthesis, placement)}
    write_whole(folder / REPORT, (json.dumps(report, indent=2) + "\n").encode())
    show(output, run, synthesis, placement, folder)
    if page is not None:
        _write_page(output, page, report, folder / FLOORPLAN)
    output.result(report)


def _check_page(page: Path | None, config: Path | None, is_question: bool) -> None:
    if page is None:
        return
    if is_question:
        raise EieError("--html is for an array that is synthesised, not for --fit and --check-inference")
    if imported("bokeh") is None:
        raise EieError(f"--html needs bokeh: {pip_install('report')}")
    check_target(page, config)


def _write_page(output: Output, page: Path, report: Mapping[str, Any], floorplan: Path) -> None:
    # Bokeh takes a second to import.
    from sim.report.fpga_page import fpga_page
    from sim.report.origin import Provenance

    picture = read_whole(floorplan) if report["fmax_mhz"] is not None else None
    write_whole(page, fpga_page(report, picture, Provenance.here()).encode())
    output.line(f"{page}: open it in a browser; it needs no network.")


def fpga_array(preset: str | None, file: Path | None, pes: int | None, changes: list[str] | None) -> ArrayConfig:
    """The array that the options describe; without --preset and --config `ecp5_array` of so many PEs, else 1."""
    if preset is not None or file is not None:
        return array_config(preset, file, pes, changes)
    if pes is not None and not 1 <= pes <= 256:
        raise ConfigError(f"pes must be between 1 and 256, got {pes}")
    # What array_config changes is the whole array of a preset, so every field of this one is a change.
    base = ecp5_array(pes or 1)
    given = [f"{name}={json.dumps(value)}" for name, value in base.to_dict().items()]
    return array_config(None, None, None, [*given, *(changes or [])])


def _check_place_and_route(
    flow: Flow, device: Device, speed: int | None, clock_mhz: float | None, router: str | None
) -> None:
    route = flow.place_and_route
    if route is None:
        for name, value in (("--speed", speed), ("--aim", clock_mhz), ("--router", router)):
            if value is not None:
                raise EieError(f"{name} is of place and route, and no open tool here places and routes {device.name}")
        return
    if speed is not None and speed not in route.speeds:
        raise EieError(f"--speed must be {', '.join(map(str, route.speeds))}, got {speed}")
    if clock_mhz is not None and not 1 <= clock_mhz <= 1000:
        raise EieError(f"--aim must be between 1 and 1000 MHz, got {clock_mhz}")
    if router is not None and router not in ROUTERS:
        raise EieError(f"--router must be {' or '.join(ROUTERS)}, got {router}")


def show(output: Output, run: FpgaRun, synthesis: Synthesis, placement: Placement | None, folder: Path) -> None:
    """The report as tables."""
    if placement is None:
        how, around = "synthesised; no open tool here places and routes it: no clock was measured", "array alone"
        used, available = use(run.flow, synthesis.total(run.config.pes)), use(run.flow, run.device)
    else:
        how = f"speed grade {run.speed}, seed {run.seed}: fmax {placement.fmax_mhz:.1f} MHz"
        around, used, available = "what is around the array included", placement.used, placement.available
    output.line(f"{run.config.name}: {run.config.pes} PEs on {run.device.name}, {how}.\n")
    output.table(
        f"use of the device, {around}",
        ["cells", "used", "available", "share"],
        [
            [name, count(cells), count(available[name]), percent(cells / available[name])]
            for name, cells in used.items()
        ],
    )
    _units(output, run.flow, "one PE by unit", synthesis.pe, synthesis.pe_total)
    _units(
        output,
        run.flow,
        "what the PEs share, and what is around the array",
        synthesis.array,
        synthesis.shared_total,
        "array alone",
    )
    if placement is None:
        output.line(f"Report, netlist and logs: {folder}")
        return
    output.table(
        f"critical path: {placement.critical_path[-1].ns:.2f} ns from register to register",
        ["register or logic", "at ns", "of which wire"],
        [[step.name, f"{step.ns:.2f}", f"{step.routing_ns:.2f}"] for step in placement.critical_path],
    )
    output.line(f"Floor plan, report and logs: {folder}")


def _units(
    output: Output, flow: Flow, title: str, units: Mapping[str, Cells], total: Cells, name: str = "total"
) -> None:
    def cells_of(cells: Cells) -> list[str]:
        return [count(value) for value in asdict(cells).values()]

    output.table(
        title,
        ["unit", *flow.headings],
        [[unit, *cells_of(cells)] for unit, cells in sorted(units.items(), key=lambda item: -item[1].comb)],
        [name, *cells_of(total)],
    )


def inference_report(output: Output, config: ArrayConfig, folder: Path) -> None:
    """Print what each family makes of a PE; EieError if one of them makes too little."""
    with output.steps(f"{config.name}: synthesis for {len(FAMILIES)} families") as say:
        wanted, found = infer(config, folder, say)
    multipliers = f"{pe_multipliers(config)} multipliers are" if config.maps else "one multiplier is"
    output.table(
        f"one PE of {config.name}: {wanted} memories are large enough for block memory, {multipliers} wanted",
        ["family", "block memories", "multipliers", ""],
        [
            [each.family, count(each.memories), count(each.multipliers), "" if each.enough else "too few"]
            for each in found
        ],
    )
    output.line("No module is instantiated that the Verilog does not define: there is no vendor primitive.")
    output.result(
        {
            "config": config.to_dict(),
            "tools": tool_versions(YOSYS),
            "memories_wanted": wanted,
            "families": [vars(each) for each in found],
        }
    )
    missing = [each.family for each in found if not each.enough]
    if missing:
        raise EieError(
            f"wanted {wanted} block memories and {multipliers.rsplit(' ', 1)[0]} for every family, "
            f"got too few for {missing[0]}"
        )
