"""`eie simulate`: cycles, efficiency and outputs of a compressed network on an array."""

from pathlib import Path
from typing import Annotated

import typer

from model.config import ArrayConfig
from sim.energy.events import total_events
from sim.energy.model import Energy, EnergyModel
from sim.energy.technology import load_technology
from sim.npy import read_inputs, write_array
from sim.simulation.chain import (
    Simulation,
    calibration_note,
)
from sim.simulation.network_run import NetworkRun, chain_run, run_network
from sim.terminal.energy_table import energy_payload, show_energy
from sim.terminal.options import Changes, ConfigFile, Inputs, Json, Pes, Preset, TechnologyFile, array_config
from sim.terminal.output import Output
from sim.text import count, mean, percent
from sw.file.model_file import load
from sw.files import check_target
from sw.network.calibrate import calibrate

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
    compressed = load(network)
    inputs = read_inputs(inputs_file, *compressed.shapes[0])
    calibrated_here = compressed.calibration is None
    if calibrated_here:
        output.note(calibration_note(network, inputs))
        compressed = calibrate(compressed, inputs)
    run = run_network(output, compressed, inputs, array)
    if outputs_file is not None:
        write_array(outputs_file, run.outputs)
    saturated = run.saturated
    if saturated:
        output.note(f"warning: {saturated} of {len(inputs)} inputs were saturated to 16 bits; calibrate on such inputs")
    overflows = run.overflows
    if overflows:
        output.note(
            f"warning: an accumulator overflowed for {overflows} of {len(inputs)} inputs; calibrate on such inputs"
        )
    _show(output, array, run)
    model = EnergyModel.of_array(array, technology)
    energies = {name: model.energy(counted) for name, counted in run.events.items()}
    total = model.energy(total_events(list(run.events.values())))
    title = f"{array.name}, {array.pes} PEs, mean of {len(inputs)} inputs"
    show_energy(output, title, technology, energies, total=total, remarks={"": model.remarks})
    each = {name: _each_vector(values, energies[name], array) for name, values in run.layers.items()}
    if run.by_host:
        _show_each(output, f"{array.name}, {array.pes} PEs: each vector, mean", each)
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
                | ({"each_vector": each[name]} if run.by_host else {})
                for name, values in run.layers.items()
            ],
            "total": {**run.total, "energy": energy_payload(total)},
            "microseconds": run.total["cycles"] / array.clock_mhz,
            "load_cycles": run.load_cycles,
            "passes": [vars(each) for each in run.passes],
            "cycles_with_reloading": run.total["cycles"] + run.reload_cycles,
            "sequenced_by_host": run.by_host,
        }
    )


def show_simulation(output: Output, simulation: Simulation) -> None:
    """The table of cycles per layer and in total, and the time they take."""
    _show(output, simulation.image.config, chain_run(simulation, 0))


def _show(output: Output, config: ArrayConfig, run: NetworkRun) -> None:
    vectors = ["vectors"] if run.by_host else []
    output.table(
        f"{config.name}, {config.pes} PEs: cycles, mean of {run.inputs} inputs",
        [*COLUMNS, *vectors],
        [[name, *_cells(values), *(mean(values[each]) for each in vectors)] for name, values in run.layers.items()],
        ["total", *_cells(run.total), *("" for _ in vectors)],
    )
    if run.by_host:
        output.line(
            "The weights of a layer stay in the array while the host hands it one vector after another: what a "
            "position of a convolution sees, a step's input and h of an LSTM, or an input of a linear layer. Pooling, "
            "the cells of an LSTM and storing are the host's."
        )
    cycles = run.total["cycles"]
    loaded = "an input" if not run.by_host else "an input's vectors"
    output.line(
        f"{mean(cycles)} cycles from start to done: {cycles / config.clock_mhz:.2f} us at {config.clock_mhz:g} MHz. "
        f"Loading {loaded}, which takes at least {count(round(run.load_cycles))} cycles "
        f"before, is not counted, nor is unloading the output.\n"
    )
    if len(run.passes) > 1:
        _show_passes(output, config, run)


def _show_passes(output: Output, config: ArrayConfig, run: NetworkRun) -> None:
    output.table(
        f"{config.name}, {config.pes} PEs: passes, because the memories do not hold the network at once",
        ["pass", "layers", "image KB", "load cycles", "cycles"],
        [
            [
                str(number),
                ", ".join(each.layers),
                f"{each.image_bits / 8e3:,.0f}",
                count(each.load_cycles),
                mean(each.cycles),
            ]
            for number, each in enumerate(run.passes, 1)
        ],
        [
            "total",
            "",
            f"{sum(each.image_bits for each in run.passes) / 8e3:,.0f}",
            count(sum(each.load_cycles for each in run.passes)),
            mean(run.total["cycles"]),
        ],
    )
    cycles = run.total["cycles"] + run.reload_cycles
    output.line(
        f"With loading the second and later passes between the runs of an input: {mean(cycles)} cycles, "
        f"{cycles / config.clock_mhz:.2f} us. The first is loaded before, like the input. All are read from DRAM for "
        f"every input.\n"
    )


def _each_vector(values: dict[str, float], energy: Energy, config: ArrayConfig) -> dict[str, float]:
    """What one vector of a layer takes, in the mean: a step of an LSTM, a position of a convolution, or an input."""
    vectors = values.get("vectors", 1.0)
    cycles = values["cycles"] / vectors
    return {
        "cycles": cycles,
        "microseconds": cycles / config.clock_mhz,
        "nanojoules": energy.total_nj / vectors,
    }


def _show_each(output: Output, title: str, each: dict[str, dict[str, float]]) -> None:
    rows = [
        [name, mean(values["cycles"]), f"{values['microseconds']:.3f}", mean(values["nanojoules"])]
        for name, values in each.items()
    ]
    output.table(title, ["layer", "cycles", "us", "nJ"], rows)


def _cells(values: dict[str, float]) -> list[str]:
    names = ["compute_cycles", "drain_cycles", "write_back_cycles", "cycles", "stalls", "entries", "fillers"]
    return [
        *(mean(values[name]) for name in names),
        percent(values["useful_efficiency"]),
        percent(values["balance"]),
    ]
