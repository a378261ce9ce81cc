"""`eie verify`: the RTL in a Verilog simulator against the model."""

from pathlib import Path
from typing import Annotated

import typer

from model.errors import EieError, SimulatorError
from sim.npy import read_inputs
from sim.rtl.simulators import SimulatorName, available_simulators
from sim.simulation.image_run import run_image
from sim.simulation.prepare import calibration_note, lay_out
from sim.terminal.options import Changes, ConfigFile, Inputs, Json, Pes, Preset, array_config
from sim.terminal.output import Output
from sim.text import count
from sw.file.model_file import load
from sw.network.chain import for_array


def verify_command(
    network: Annotated[Path, typer.Argument(metavar="NET.eie", help="A compressed network.")],
    inputs_file: Inputs,
    simulator: Annotated[SimulatorName, typer.Option("--sim", help="The Verilog simulator.")] = "verilator",
    preset: Preset = None,
    config: ConfigFile = None,
    pes: Pes = None,
    changes: Changes = None,
    as_json: Json = False,
) -> None:
    """Compare the RTL with the model: values, cycles, every counter.

    Exits 0 if all are equal, 1 on any difference or if the RTL gives no answer.
    """
    output = Output(as_json=as_json)
    array = array_config(preset, config, pes, changes)
    compressed = for_array(load(network), array)
    inputs = read_inputs(inputs_file, *compressed.input_shape)
    missing = available_simulators()[simulator]
    if missing:
        raise EieError(missing)
    from sim.rtl.cosim import run_rtl  # needs cocotb, which not every installation has
    from sim.rtl.verification import all_equal, compare

    with output.steps(f"laying out for {array.pes} PEs") as say:
        image, calibrated_here = lay_out(compressed, inputs, array)
        say(f"running {len(inputs)} inputs on the model")
        simulation = run_image(image, inputs.reshape(len(inputs), -1))
        try:
            rtl = run_rtl(image, simulation.activations, simulator, progress=say)
        except SimulatorError as error:
            output.note(f"error: the RTL gave no answer: {error}")
            raise typer.Exit(1) from error
    if calibrated_here:
        output.note(calibration_note(network, inputs))
    comparisons = compare(simulation, rtl)
    equal = all_equal(comparisons)
    output.table(
        f"{array.name}, {array.pes} PEs: RTL on {simulator} against the model, {len(inputs)} inputs",
        ["quantity", "compared", "result"],
        [[item.quantity, count(item.compared), item.difference or "equal"] for item in comparisons],
    )
    output.line(
        f"{count(sum(rtl.cycles))} RTL cycles from start to done; "
        f"{count(rtl.simulated_cycles)} clock cycles simulated, loading included"
    )
    output.result(
        {
            "network": str(network),
            "config": array.to_dict(),
            "simulator": simulator,
            "inputs": len(inputs),
            "equal": equal,
            "comparisons": [
                {"quantity": item.quantity, "compared": item.compared, "difference": item.difference}
                for item in comparisons
            ],
            "rtl_cycles": rtl.cycles,
            "model_cycles": [run.cycles for run in simulation.runs],
            "seconds": rtl.seconds,
        }
    )
    if not equal:
        raise typer.Exit(1)
