"""What fits on a device, as a table; the array that runs the network fastest."""

import math
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig, to_toml
from model.errors import EieError
from sim.provenance import made_by_line
from sim.simulation.prepare import load_with_inputs
from sim.synthesis.family import Device, Flow
from sim.synthesis.fit import SIZES, Fit, fits
from sim.synthesis.flow import ARRAY
from sim.terminal.output import Output
from sim.text import count
from sw.files import check_folder, make_folder, write_whole
from sw.network.chain import for_array

RANDOM_INPUTS = 16
RANDOM_DENSITY = 0.2  # nonzero values of an input, about that of MNIST's images


def fit_report(
    output: Output,
    path: Path,
    inputs_file: Path | None,
    target: tuple[Flow, Device],
    base: ArrayConfig,
    pes: int | None,
    seed: int,
    folder: Path | None,
) -> None:
    """Print every size of array for the network in `path`, and the fastest that fits; write that into the folder.

    Without inputs the cycles are those of random ones. Raises EieError if no array, or not the one with `pes`, fits.
    """
    flow, device = target
    if folder is not None:
        check_folder(folder)
    chosen = inputs_file or partial(_random_inputs, seed=seed)
    calibrated, inputs, _ = load_with_inputs(path, chosen, output, base.activation_bits)
    network = for_array(calibrated, base)
    sizes = SIZES if pes is None else (pes,)
    with output.bar(f"{path.name} on {device.name}", len(sizes)) as advance:
        found = list(fits(network, inputs, base, flow, device, sizes, advance=advance))
    fitting = [fit for fit in found if not fit.misfits]
    if not fitting:
        closest = min(found, key=lambda fit: fit.block_rams or math.inf)
        raise EieError(f"{path.name} does not fit on {device.name}: {'; '.join(closest.misfits)}")
    best = max(fitting, key=lambda fit: fit.rank)
    _table(output, f"{path.name} on {device.name}", flow, found, best)
    for fit in found:
        for misfit in fit.misfits:
            output.line(f"{misfit}.")
    whose = "random inputs, a fifth of them nonzero" if inputs_file is None else f"inputs of {inputs_file.name}"
    output.line(
        f"{_fastest(best, device)} (mean of {len(inputs)} {whose}; loading of the next input not counted). "
        f"Memories: sparse matrix {best.config.sparse_matrix_depth} rows, pointers {best.config.pointer_depth}, "
        f"activations {best.config.activation_depth}, constants {best.config.constant_depth}."
    )
    if best.clock_mhz is None:
        output.line(
            f"No clock was measured: no open tool here places and routes {device.name}, so sizes are ranked by cycles, "
            f"as if all reached one clock. The configuration keeps the clock_mhz asked for, {best.config.clock_mhz:g}."
        )
    written = None if folder is None else folder / ARRAY
    if folder is None or written is None:
        output.line("-o DIR writes its configuration.")
    else:
        make_folder(folder)
        write_whole(written, f"# {made_by_line()}\n{to_toml(best.config)}".encode())
        output.line(f"{written} is its configuration: eie fpga --device {device.name} --config {written}")
    if base.activation_bits != 16:
        estimated = "Lookup tables" if best.clock_mhz is None else "Lookup tables and clock"
        output.line(f"{estimated} are those of arrays with 16-bit activations, which were measured.")
    output.result(
        {
            "network": str(path),
            "device": device.name,
            "inputs": len(inputs),
            "seed": seed if inputs_file is None else None,
            "fastest": best.config.pes,
            "ranked_by": "cycles" if best.clock_mhz is None else "inputs_per_second",
            "config": best.config.to_dict(),
            "written": None if written is None else str(written),
            "sizes": [_payload(fit) for fit in found],
        }
    )


def _table(output: Output, title: str, flow: Flow, found: list[Fit], best: Fit) -> None:
    """A row for each size; clock and inputs per second only where a clock was measured."""
    comb, _, block_ram, multiplier, *_ = flow.headings
    clocked = best.clock_mhz is not None

    def row(fit: Fit) -> list[str]:
        cells = [
            str(fit.config.pes),
            count(fit.block_rams) if fit.block_rams else "-",
            count(fit.multipliers),
            count(fit.comb),
            *([f"{fit.clock_mhz:.0f}"] if fit.clock_mhz is not None else []),
            count(round(fit.cycles)) if fit.cycles else "-",
        ]
        verdict = ("fastest" if clocked else "fewest cycles") if fit is best else "" if fit.cycles else "does not fit"
        return [*cells, *([count(round(fit.per_second)) if fit.cycles else "-"] if clocked else []), verdict]

    clock, rate = (["MHz, estimated"], ["inputs/s"]) if clocked else ([], [])
    headings = ["PEs", block_ram, multiplier, f"{comb}, estimated", *clock, "cycles", *rate, ""]
    output.table(title, headings, [row(fit) for fit in found])


def _fastest(best: Fit, device: Device) -> str:
    if best.clock_mhz is None:
        return f"Fewest cycles on {device.name}: {best.config.pes} PEs, {best.cycles:,.0f} cycles an input"
    return f"Fastest: {best.config.pes} PEs, {best.per_second:,.0f} inputs/s at an estimated {best.clock_mhz:.0f} MHz"


def _payload(fit: Fit) -> dict[str, object]:
    return {
        "config": fit.config.to_dict(),
        "block_rams": fit.block_rams or None,
        "multipliers": fit.multipliers,
        "comb_estimated": fit.comb,
        "clock_mhz_estimated": fit.clock_mhz,
        "cycles": fit.cycles or None,
        "inputs_per_second": fit.per_second or None,
        "misfits": list(fit.misfits),
    }


def _random_inputs(shape: tuple[int, ...], seed: int) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    values = random.random((RANDOM_INPUTS, *shape), dtype=np.float32)
    return np.where(random.random(values.shape) < RANDOM_DENSITY, values, np.float32(0))
