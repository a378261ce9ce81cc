"""`eie verify`: the RTL in a Verilog simulator against the model."""

from pathlib import Path
from typing import Annotated

import typer

from model.errors import SimulatorError
from sim.rtl.simulators import SimulatorName
from sim.rtl.verify import verify
from sim.simulation.prepare import with_inputs
from sim.terminal.fit_preset import fitted
from sim.terminal.options import FIT, Changes, ConfigFile, Inputs, Json, Pes, PresetOrFit, array_config
from sim.terminal.output import Output
from sim.text import count
from sw.file.model_file import load
from sw.network.chain import for_array


def verify_command(
    network: Annotated[Path, typer.Argument(metavar="NET.eie", help="A compressed network.")],
    inputs_file: Inputs,
    simulator: Annotated[SimulatorName, typer.Option("--sim", help="The Verilog simulator.")] = "verilator",
    preset: PresetOrFit = None,
    config: ConfigFile = None,
    pes: Pes = None,
    changes: Changes = None,
    as_json: Json = False,
) -> None:
    """Compare the RTL with the model: values, cycles, every counter.

    Exits 0 if all are equal, 1 on any difference or if the RTL gives no answer.
    """
    output = Output(as_json=as_json)
    array = array_config(preset, config, pes, changes, may_fit=True)
    stored = load(network)
    if preset != FIT:
        for_array(stored, array)  # what the array lacks is said before a calibration takes its time
    compressed, inputs, _ = with_inputs(network, stored, inputs_file, output, array.activation_bits)
    array = fitted(preset, array, changes, compressed, output)
    try:
        found = verify(compressed, inputs, array, simulator, output)
    except SimulatorError as error:
        output.note(f"error: the RTL gave no answer: {error}")
        raise typer.Exit(1) from error
    output.table(
        f"{array.name}, {array.pes} PEs: RTL on {simulator} against the model, {len(inputs)} inputs",
        ["quantity", "compared", "result"],
        [[item.quantity, count(item.compared), item.difference or "equal"] for item in found.comparisons],
    )
    output.line(
        f"{count(sum(found.rtl_cycles))} RTL cycles from start to done; "
        f"{count(found.simulated_cycles)} clock cycles simulated, loading included"
    )
    output.result(
        {
            "network": str(network),
            "config": array.to_dict(),
            "simulator": simulator,
            "inputs": len(inputs),
            "equal": found.equal,
            "comparisons": [
                {"quantity": item.quantity, "compared": item.compared, "difference": item.difference}
                for item in found.comparisons
            ],
            "rtl_cycles": found.rtl_cycles,
            "model_cycles": found.model_cycles,
            "seconds": found.seconds,
        }
    )
    if not found.equal:
        raise typer.Exit(1)
