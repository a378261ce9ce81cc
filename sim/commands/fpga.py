"""`eie fpga`: an array on an FPGA with open tools, what fits on one, and whether synthesis infers what it should."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from model.config import ArrayConfig, ConfigError, ecp5_array
from model.errors import EieError
from sim.provenance import made_by
from sim.synthesis.boards import Board
from sim.synthesis.families import BOARDS, FAMILIES, FLOWS, board_named, device_named
from sim.synthesis.family import Cells, Flow
from sim.synthesis.flow import REPORT, FpgaRun, payload, run_flow
from sim.synthesis.inference import infer
from sim.synthesis.memories import pe_multipliers
from sim.synthesis.place import ROUTERS, Placement
from sim.synthesis.tools import YOSYS, tool_versions
from sim.synthesis.yosys import Synthesis
from sim.terminal.fpga_fit import fit_report
from sim.terminal.options import Changes, ConfigFile, Json, Pes, Preset, array_config
from sim.terminal.output import Output
from sim.text import count, percent
from sw.files import check_folder, write_whole


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
        float, typer.Option("--aim", metavar="MHZ", help="Clock that place and route aims for [a board: its own].")
    ] = 130.0,
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
    as_json: Json = False,
) -> None:
    """Synthesise, place and route an array on an FPGA. Clock, area by unit, critical path, floor plan, bitstream."""
    output = Output(as_json=as_json)
    if inputs_file is not None and fit is None:
        raise EieError("--input counts cycles for --fit NET.eie, which was not given")
    if fit is not None and check_inference:
        raise EieError("--fit and --check-inference are two questions; wanted one of them")
    board = None if board_name is None else board_named(board_name)
    flow, device = device_named(device_name or (board.device if board else "ecp5-85k"))
    speed = flow.speeds[0] if speed is None else speed
    _check(flow, device.name, board, speed, clock_mhz, seed)
    if router is not None and router not in ROUTERS:
        raise EieError(f"--router must be {' or '.join(ROUTERS)}, got {router}")
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
        speed=speed,
        seed=seed,
        router=router,
        clock_mhz=clock_mhz,
    )
    with output.steps(f"{array.name}: {array.pes} PEs on {device.name}") as say:
        synthesis, placement = run_flow(run, folder, say)
    report = {"made_by": made_by(), **payload(run, synthesis, placement)}
    write_whole(folder / REPORT, (json.dumps(report, indent=2) + "\n").encode())
    show(output, run, synthesis, placement, folder)
    output.result(report)


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


def _check(flow: Flow, device: str, board: Board | None, speed: int, clock_mhz: float, seed: int) -> None:
    if board is not None and device != board.device:
        raise EieError(f"board {board.name} has the device {board.device}, got --device {device}")
    if speed not in flow.speeds:
        raise EieError(f"--speed must be {', '.join(map(str, flow.speeds))}, got {speed}")
    if not 1 <= clock_mhz <= 1000:
        raise EieError(f"--aim must be between 1 and 1000 MHz, got {clock_mhz}")
    if seed < 1:
        raise EieError(f"--seed must be 1 or more, got {seed}")


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
    _units(output, run.flow, "one PE by unit", synthesis.pe, synthesis.pe_total)
    _units(
        output,
        run.flow,
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
