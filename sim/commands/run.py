"""`eie run`: inputs through an array, wherever it is, by the host driver."""

import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from model.errors import SimulatorError
from model.registers import PeCounter
from sim.metrics.figure import number
from sim.npy import write_array
from sim.rtl.places import DEFAULT_BAUD, PLACES, open_place
from sim.simulation.prepare import load_with_inputs
from sim.simulation.ranges import Ranges
from sim.terminal.fit_preset import fitted
from sim.terminal.options import Changes, ConfigFile, Inputs, Json, Pes, PresetOrFit, array_config
from sim.terminal.output import Output
from sim.terminal.range_warnings import warn_of_ranges
from sim.text import count, mean
from sw.files import check_target
from sw.host.driver import Accelerator
from sw.host.network_run import run_network
from sw.image.lower import lower


def run_command(
    network: Annotated[Path, typer.Argument(metavar="NET.eie", help="A compressed network.")],
    inputs_file: Inputs,
    place: Annotated[
        str, typer.Option("--on", metavar="PLACE", help=f"Where the array is: {PLACES} (BAUD: {DEFAULT_BAUD}).")
    ] = "model",
    preset: PresetOrFit = None,
    config: ConfigFile = None,
    pes: Pes = None,
    changes: Changes = None,
    path: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="Y.npy", help="Write the outputs to this file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run inputs on an array by the host driver.

    Exits 1 if a simulator gives no answer.
    """
    output = Output(as_json=as_json)
    array = array_config(preset, config, pes, changes, may_fit=True)
    if path is not None:
        check_target(path, network, inputs_file, config)
    compressed, inputs, _ = load_with_inputs(network, inputs_file, output, array.activation_bits)
    array = fitted(preset, array, changes, compressed, output)
    lowered = lower(compressed, array)
    try:
        with output.steps(f"opening {place}") as say:
            transport = open_place(place, array, say)
        with Accelerator(transport, array, stop_at_overflow=False) as accelerator:
            began = time.perf_counter()
            with output.bar("loading and running", len(inputs)) as advance:
                run = run_network(accelerator, lowered, inputs, advance)
            seconds = time.perf_counter() - began
    except SimulatorError as error:
        output.note(f"error: the RTL gave no answer: {error}")
        raise typer.Exit(1) from error
    ranges = Ranges.of(run.saturated, run.overflow, array)
    warn_of_ranges(output, ranges)
    values = run.outputs.astype(np.float32)
    if path is not None:
        write_array(path, values)
    cycles = [counters.cycles for counters in run.counted]
    entries = [int(counters.pes[PeCounter.ENTRIES].sum()) for counters in run.counted if counters.pes is not None]
    rows = [
        ["inputs", count(len(inputs))],
        ["starts per input", count(len(cycles) // len(inputs))],
        ["cycles per input", mean(run.cycles_per_input)],
        [f"microseconds per input at {array.clock_mhz:g} MHz", number(run.cycles_per_input / array.clock_mhz, 1)],
        ["entries per input", mean(float(np.mean(entries))) if entries else "not counted"],
        ["seconds that this took", mean(seconds)],
    ]
    output.table(f"{network} on {place}: {array.name}, {array.pes} PEs", ["figure", "value"], rows)
    output.result(
        {
            "network": str(network),
            "place": place,
            "config": array.to_dict(),
            "inputs": len(inputs),
            "outputs": values.tolist(),
            "cycles": cycles,
            "cycles_per_input": run.cycles_per_input,
            "entries": entries or None,
            "seconds": seconds,
            **ranges.payload,
        }
    )
