"""`eie simulate`: cycles, efficiency and outputs of a compressed network on an array."""

from pathlib import Path
from typing import Annotated

import typer

from sim.arrays import read_inputs, write_array
from sim.energy import EnergyModel, simulation_events, total_events
from sim.energy_command import energy_payload, show_energy
from sim.options import Changes, ConfigFile, Inputs, Json, Pes, Preset, TechnologyFile, array_config
from sim.output import Output, count, mean, percent
from sim.simulation import Simulation, count_saturated, lay_out, layer_figures, simulate, total_figures
from sim.technology import load_technology
from sw.chain import as_chain
from sw.files import check_target
from sw.model_file import load

COLUMNS = ["layer", "compute", "drain", "write-back", "cycles", "stalls", "entries", "fillers", "useful", "balance"]


def simulate_command(
    network: Annotated[Path, typer.Argument(metavar="NET.eie", help="A compressed network.")],
    inputs_file: Inputs,
    preset: Preset = None,
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
    array = array_config(preset, config, pes, changes)
    technology = load_technology(technology_file)
    if outputs_file is not None:
        check_target(outputs_file, network, inputs_file, config, technology_file)
    compressed = as_chain(load(network))
    inputs = read_inputs(inputs_file, compressed.in_features)
    with output.steps(f"laying out for {array.pes} PEs"):
        image, calibrated_here = lay_out(compressed, inputs, array)
    if calibrated_here:
        output.note(f"{network} has no calibration: binary points are chosen from these {len(inputs)} inputs")
    with output.bar(f"simulating {len(inputs)} inputs", len(inputs)) as advance:
        simulation = simulate(image, inputs, advance)
    if outputs_file is not None:
        write_array(outputs_file, simulation.outputs)
    saturated = count_saturated(image, inputs)
    if saturated:
        output.note(f"warning: {saturated} of {len(inputs)} inputs were saturated to 16 bits; calibrate on such inputs")
    overflows = int(simulation.overflow.sum())
    if overflows:
        output.note(
            f"warning: an accumulator overflowed for {overflows} of {len(inputs)} inputs; calibrate on such inputs"
        )
    show_simulation(output, simulation)
    model = EnergyModel.of_array(array, technology)
    events = simulation_events(simulation)
    energies = {name: model.energy(counted) for name, counted in events.items()}
    total = model.energy(total_events(list(events.values())))
    title = f"{array.name}, {array.pes} PEs, mean of {len(inputs)} inputs"
    show_energy(output, title, technology, energies, total=total, remarks={"": model.remarks})
    output.result(
        {
            "network": str(network),
            "config": array.to_dict(),
            "inputs": len(inputs),
            "calibrated_on_inputs": calibrated_here,
            "overflows": overflows,
            "saturated_inputs": saturated,
            "technology": technology.name,
            "energy_remarks": model.remarks,
            "layers": [
                {"name": name, **values, "energy": energy_payload(energies[name])}
                for name, values in layer_figures(simulation).items()
            ],
            "total": {**total_figures(simulation), "energy": energy_payload(total)},
            "microseconds": simulation.microseconds,
            "load_cycles": simulation.load_cycles,
        }
    )


def show_simulation(output: Output, simulation: Simulation) -> None:
    """The table of cycles per layer and in total, and the time they take."""
    config = simulation.image.config
    output.table(
        f"{config.name}, {config.pes} PEs: cycles, mean of {simulation.inputs} inputs",
        COLUMNS,
        [[name, *_cells(values)] for name, values in layer_figures(simulation).items()],
        ["total", *_cells(total_figures(simulation))],
    )
    output.line(
        f"{mean(simulation.cycles_per_input)} cycles from start to done: "
        f"{simulation.microseconds:.2f} us at {config.clock_mhz:g} MHz. Loading an input, which takes at least "
        f"{count(simulation.load_cycles)} cycles before, is not counted, nor is unloading the output.\n"
    )


def _cells(values: dict[str, float]) -> list[str]:
    names = ["compute_cycles", "drain_cycles", "write_back_cycles", "cycles", "stalls", "entries", "fillers"]
    return [
        *(mean(values[name]) for name in names),
        percent(values["useful_efficiency"]),
        percent(values["balance"]),
    ]
