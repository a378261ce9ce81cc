"""`eie verify`: the RTL in a Verilog simulator against the model."""

from pathlib import Path
from typing import Annotated

import typer

from model.errors import EieError, SimulatorError
from model.image import NetworkImage
from sim.rtl.simulators import SimulatorName
from sim.rtl.verify import verify
from sim.simulation.prepare import load_with_inputs
from sim.synthesis.netlist import check_netlist, netlist_text, netlists
from sim.terminal.fit_preset import fitted
from sim.terminal.host_parts import PLAIN, host_parts_payload, show_host_parts
from sim.terminal.options import Changes, ConfigFile, Inputs, Json, Pes, PresetOrFit, array_config
from sim.terminal.output import Output
from sim.terminal.range_warnings import warn_of_ranges
from sim.terminal.verify_tables import show_verification, verification_payload
from sw.image.lower import lower


def verify_command(
    network: Annotated[Path, typer.Argument(metavar="NET.eie", help="A compressed network.")],
    inputs_file: Inputs,
    simulator: Annotated[SimulatorName, typer.Option("--sim", help="The Verilog simulator.")] = "verilator",
    vectors: Annotated[
        int | None,
        typer.Option(
            "--vectors",
            metavar="N",
            help="Of a network that runs layer by layer: at most so many vectors of each layer, spread evenly "
            "[default: all].",
        ),
    ] = None,
    netlist: Annotated[
        str | None,
        typer.Option(
            "--netlist",
            help=f"In the place of the RTL the cells that synthesis makes of it for a family: {', '.join(netlists())}.",
        ),
    ] = None,
    preset: PresetOrFit = None,
    config: ConfigFile = None,
    pes: Pes = None,
    changes: Changes = None,
    as_json: Json = False,
) -> None:
    """Compare the RTL with the model: values, cycles, every counter.

    A network that the array does not run by itself is compared layer by layer, on the vectors that each layer is
    handed; what the host does between is not in RTL. Exits 0 if all are equal, 1 on any difference or if the RTL gives
    no answer.
    """
    output = Output(as_json=as_json)
    if netlist is not None:
        check_netlist(netlist)
    array = array_config(preset, config, pes, changes, may_fit=True)
    if vectors is not None and vectors < 1:
        raise EieError(f"--vectors must be 1 or more, got {vectors}")
    compressed, inputs, _ = load_with_inputs(network, inputs_file, output, array.activation_bits)
    array = fitted(preset, array, changes, compressed, output)
    if vectors is not None and isinstance(lower(compressed, array), NetworkImage):
        raise EieError("the array runs this network by itself: wanted no --vectors, which are those of single layers")
    texts = None
    if netlist is not None:
        with output.steps(f"{array.name}: {array.pes} PEs as cells of {netlist}") as say:
            texts = netlist_text(array, netlist, say)
    try:
        found = verify(compressed, inputs, array, simulator, output, vectors, texts)
    except SimulatorError as error:
        output.note(f"error: the RTL gave no answer: {error}")
        raise typer.Exit(1) from error
    warn_of_ranges(output, found.ranges)
    show_verification(output, found)
    if netlist is not None:
        output.line(f"In the place of the RTL: the cells of {netlist} that synthesis made of it, before placement.")
    show_host_parts(output, compressed.graph, f"They run {PLAIN}. They are not in RTL: both sides take what they make.")
    output.result(
        {
            "network": str(network),
            "config": array.to_dict(),
            "simulator": simulator,
            "netlist": netlist,
            "inputs": len(inputs),
            **verification_payload(found),
            **host_parts_payload(compressed.graph),
            **found.ranges.payload,
        }
    )
    if not found.equal:
        raise typer.Exit(1)
