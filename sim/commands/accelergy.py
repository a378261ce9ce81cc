"""`eie accelergy`: an array, its actions and their energies as files for Accelergy."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from model.config import ArrayConfig
from model.errors import EieError
from sim.energy.accelergy import export
from sim.energy.events import Events, total_events
from sim.energy.model import Cost, EnergyModel
from sim.energy.technology import load_technology
from sim.fields import check_seed
from sim.paper import PAPER_LAYERS, chosen
from sim.provenance import made_by_line
from sim.simulation.paper_layers import run_layer
from sim.simulation.prepare import load_with_inputs
from sim.simulation.simulate import simulate
from sim.terminal.options import Changes, ConfigFile, Json, Pes, Preset, TechnologyFile, array_config
from sim.terminal.output import Output
from sw.files import check_folder, check_target, make_folder, write_whole


def accelergy_command(
    folder: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the three files; made if missing.")
    ],
    network: Annotated[
        Path | None, typer.Argument(metavar="[NET.eie]", help="A compressed network to run, with its inputs.")
    ] = None,
    inputs_file: Annotated[
        Path | None, typer.Option("--input", metavar="X.npy", help="Inputs of the network, (inputs, features).")
    ] = None,
    bench: Annotated[
        bool, typer.Option("--bench", help="Run a layer of the EIE paper instead, the one that --layer names.")
    ] = False,
    name: Annotated[
        str | None,
        typer.Option(
            "--layer",
            metavar="NAME",
            help=f"A layer of the network [default: all], or one of {', '.join(PAPER_LAYERS)}.",
        ),
    ] = None,
    preset: Preset = None,
    config: ConfigFile = None,
    pes: Pes = None,
    changes: Changes = None,
    seed: Annotated[int, typer.Option(help="Of the random weights and inputs of --bench, 0 or more.")] = 1,
    technology_file: TechnologyFile = None,
    as_json: Json = False,
) -> None:
    """Write files for Accelergy. Architecture, action counts of a run and energy reference table (ERT), as YAML."""
    output = Output(as_json=as_json)
    array = array_config(preset, config, pes, changes)
    technology = load_technology(technology_file)
    check_folder(folder)
    if bench and network is None and inputs_file is None:
        run = _bench(output, name, array, seed)
    elif network is not None and inputs_file is not None and not bench:
        run = _network(output, network, inputs_file, name, array)
    else:
        raise EieError("wanted NET.eie with --input X.npy, or --bench with --layer")
    model = EnergyModel.of_array(run.array, technology)
    actions = model.actions(run.events)
    comment = f"{run.what} on {array.name}, {array.pes} PEs, in {technology.name}; {made_by_line()}"
    texts = export(run.array, technology, actions, comment)
    make_folder(folder)
    paths = {folder / name: text for name, text in texts.items()}
    for path in paths:
        check_target(path, network, inputs_file, config, technology_file)
    for path, text in paths.items():
        write_whole(path, text.encode())
    total = model.energy(run.events).total_nj
    title = f"{run.what} on {array.name}, {array.pes} PEs: actions in {technology.name}, per input"
    _show(output, title, actions, total)
    for line in (*run.remarks, *(f"{remark[0].upper()}{remark[1:]}." for remark in model.remarks)):
        output.line(line)
    output.line(f"{folder}: {', '.join(texts)}")
    output.result(
        {
            "folder": str(folder),
            "files": list(texts),
            "config": run.array.to_dict(),
            "technology": technology.name,
            "energy_remarks": model.remarks,
            "actions": [vars(action) for action in actions],
            "total_nj": total,
        }
    )


def _show(output: Output, title: str, actions: Sequence[Cost], total: float) -> None:
    output.table(
        title,
        ["part", "action", "count", "pJ", "nJ", "component"],
        [
            [
                action.part,
                action.name,
                f"{action.count:,.0f}",
                f"{action.picojoules:.4g}",
                f"{action.count * action.picojoules / 1000:,.3f}",
                action.component,
            ]
            for action in actions
        ],
        ["total", "", "", "", f"{total:,.3f}", ""],
    )


@dataclass(frozen=True, kw_only=True)
class _Run:
    what: str
    array: ArrayConfig
    events: Events
    remarks: list[str]


def _bench(output: Output, name: str | None, array: ArrayConfig, seed: int) -> _Run:
    if name is None:
        raise EieError(f"--bench wants --layer, one of {', '.join(PAPER_LAYERS)}")
    check_seed(seed)
    (layer,) = chosen([name])
    with output.steps(f"compressing and running {name} on {array.pes} PEs"):
        run = run_layer(layer, array, seed)
    changes = ", ".join(f"{field} = {depth}" for field, depth in run.enlarged.items())
    remarks = [f"{name} needs larger memories than {array.name} has: it ran with {changes}."] if changes else []
    return _Run(what=f"{name}, seed {seed},", array=run.metrics.config, events=run.metrics.events, remarks=remarks)


def _network(output: Output, network: Path, inputs_file: Path, name: str | None, array: ArrayConfig) -> _Run:
    compressed, inputs, _ = load_with_inputs(network, inputs_file, output, array.activation_bits)
    names = [layer.name for layer in compressed.layers]
    if name is not None and name not in names:
        raise EieError(f"{network} has no layer {name!r}; layers: {', '.join(names)}")
    with output.bar(f"simulating {len(inputs)} inputs", len(inputs)) as advance:
        events = simulate(compressed, inputs, array, advance=advance).events
    what = network.name if name is None else f"{network.name}, layer {name},"
    wanted = total_events(list(events.values())) if name is None else events[name]
    return _Run(what=what, array=array, events=wanted, remarks=[])
