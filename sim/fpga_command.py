"""`eie fpga`: an array on an FPGA with open tools, what fits on one, and whether synthesis infers what it should."""

import json
from pathlib import Path
from typing import Annotated

import typer

from model.config import ArrayConfig, ConfigError, ecp5_array
from sim.fpga_board import BOARDS, Board, board_named
from sim.fpga_devices import DEVICES, SPEEDS, device_named
from sim.fpga_fit_report import fit_report
from sim.fpga_inference import inference_report
from sim.fpga_report import REPORT, FpgaRun, payload, run_flow, show
from sim.options import Changes, ConfigFile, Json, Pes, Preset, array_config
from sim.output import Output
from sw.errors import EieError
from sw.files import check_folder, write_whole


def fpga_command(
    device_name: Annotated[
        str | None, typer.Option("--device", help=f"One of {', '.join(DEVICES)} [default: the board's, or ecp5-85k].")
    ] = None,
    board_name: Annotated[
        str | None, typer.Option("--board", help=f"A bitstream with a serial link for it: {', '.join(BOARDS)}.")
    ] = None,
    pes: Pes = None,
    preset: Preset = None,
    config: ConfigFile = None,
    changes: Changes = None,
    speed: Annotated[int, typer.Option("--speed", help="Speed grade, 6 (slowest) to 8.")] = 6,
    clock_mhz: Annotated[
        float, typer.Option("--aim", metavar="MHZ", help="Clock that place and route aims for [a board: its own].")
    ] = 130.0,
    seed: Annotated[int, typer.Option("--seed", help="Of the placement, 1 or more.")] = 1,
    folder: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Folder for everything [default: below build/fpga]."),
    ] = None,
    fit: Annotated[
        Path | None,
        typer.Option("--fit", metavar="NET.eie", help="Only say which arrays for this network fit, and the fastest."),
    ] = None,
    inputs_file: Annotated[
        Path | None, typer.Option("--input", metavar="X.npy", help="With --fit: inputs whose cycles are counted.")
    ] = None,
    check_inference: Annotated[
        bool,
        typer.Option(
            "--check-inference", help="Only check that four vendors' synthesis finds memories and multiplier."
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
    device = device_named(device_name or (board.device if board else "ecp5-85k"))
    _check(device.name, board, speed, clock_mhz, seed)
    if fit is not None:
        fit_report(output, fit, inputs_file, device, fpga_array(preset, config, None, changes), pes, seed)
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
        device=device,
        board=board,
        speed=speed,
        seed=seed,
        clock_mhz=clock_mhz,
    )
    with output.steps(f"{array.name}: {array.pes} PEs on {device.name}") as say:
        synthesis, placement = run_flow(run, folder, say)
    report = payload(run, synthesis, placement)
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


def _check(device: str, board: Board | None, speed: int, clock_mhz: float, seed: int) -> None:
    if board is not None and device != board.device:
        raise EieError(f"board {board.name} has the device {board.device}, got --device {device}")
    if speed not in SPEEDS:
        raise EieError(f"--speed must be {', '.join(map(str, SPEEDS))}, got {speed}")
    if not 1 <= clock_mhz <= 1000:
        raise EieError(f"--aim must be between 1 and 1000 MHz, got {clock_mhz}")
    if seed < 1:
        raise EieError(f"--seed must be 1 or more, got {seed}")
