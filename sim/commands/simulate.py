"""`eie simulate`: cycles, efficiency and outputs of a compressed network on an array."""

from pathlib import Path
from typing import Annotated

import typer

from sim.energy.technology import load_technology
from sim.npy import write_array
from sim.simulation.prepare import load_with_inputs
from sim.simulation.simulate import simulate
from sim.terminal.energy_table import show_energy
from sim.terminal.fit_preset import fitted
from sim.terminal.host_parts import PLAIN, host_parts_payload, show_host_parts
from sim.terminal.options import Changes, ConfigFile, Inputs, Json, Pes, PresetOrFit, TechnologyFile, array_config
from sim.terminal.output import Output
from sim.terminal.precision_table import precision_payload, show_precision
from sim.terminal.range_warnings import warn_of_ranges
from sim.terminal.run_tables import show_each_vector, show_run
from sw.files import check_target
from sw.network.precision import measure_precision


def simulate_command(
    network: Annotated[Path, typer.Argument(metavar="NET.eie", help="A compressed network.")],
    inputs_file: Inputs,
    preset: PresetOrFit = None,
    config: ConfigFile = None,
    pes: Pes = None,
    changes: Changes = None,
    outputs_file: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="Y.npy", help="Write the outputs, (inputs, outputs) float32."),
    ] = None,
    technology_file: TechnologyFile = None,
    as_json: Json = False,
) -> None:
    """Simulate a compressed network, cycle for cycle, on an array."""
    output = Output(as_json=as_json)
    array = array_config(preset, config, pes, changes, may_fit=True)
    technology = load_technology(technology_file)
    if outputs_file is not None:
        check_target(outputs_file, network, inputs_file, config, technology_file)
    compressed, inputs, calibrated_here = load_with_inputs(network, inputs_file, output, array.activation_bits)
    array = fitted(preset, array, changes, compressed, output)
    with output.bar(f"simulating {len(inputs)} inputs on {array.pes} PEs", len(inputs)) as advance:
        run = simulate(compressed, inputs, array, technology=technology, advance=advance)
    if outputs_file is not None:
        write_array(outputs_file, run.outputs)
    warn_of_ranges(output, run.ranges)
    show_run(output, run, compressed)
    show_host_parts(output, compressed.graph, f"They run {PLAIN}; their time and energy are not counted.")
    title = f"{array.name}, {array.pes} PEs, mean of {len(inputs)} inputs"
    show_energy(output, title, run.layers, total=run.total, remarks={"": run.total.energy_remarks})
    if run.by_host:
        show_each_vector(output, run)
    widths = array.accumulator_bits, array.activation_bits
    precision = measure_precision(compressed, inputs, *widths)
    show_precision(output, precision, len(inputs), *widths)
    output.result(
        {
            "network": str(network),
            "config": array.to_dict(),
            "inputs": len(inputs),
            "calibrated_on_inputs": calibrated_here,
            **run.ranges.payload,
            "technology": technology.name,
            "energy_remarks": run.total.energy_remarks,
            "layers": [
                {"name": name, **layer.payload()}
                | ({"each_vector": layer.each_vector.payload()} if run.by_host else {})
                for name, layer in run.layers.items()
            ],
            "total": run.total.payload(),
            "microseconds": run.total.microseconds,
            "load_cycles": run.load_cycles,
            "passes": [vars(each) for each in run.passes],
            "cuts": [vars(each) for each in run.cuts],
            "cycles_with_reloading": run.total.cycles + run.reload_cycles,
            "sequenced_by_host": run.by_host,
            "precision": precision_payload(precision),
            **host_parts_payload(compressed.graph),
        }
    )
