"""`eie plan`: where each part of a compressed network runs, and what would bring the rest onto the array."""

from pathlib import Path
from typing import Annotated

import typer

from model.config import ArrayConfig
from sim.simulation.plan import Plan, cycles_by_layer, macs_on_array, make_plan
from sim.simulation.prepare import load_with_inputs
from sim.simulation.simulate import simulate
from sim.terminal.operation_text import operation_text, sizes_text
from sim.terminal.options import Changes, ConfigFile, Json, Pes, Preset, array_config
from sim.terminal.output import Output
from sim.text import count, mean
from sw.file.model_file import load
from sw.network.compressed import CompressedNetwork


def plan_command(
    network: Annotated[Path, typer.Argument(metavar="NET.eie", help="A compressed network.")],
    inputs_file: Annotated[
        Path | None, typer.Option("--input", metavar="X.npy", help="Inputs, to count the cycles of each layer.")
    ] = None,
    preset: Preset = None,
    config: ConfigFile = None,
    pes: Pes = None,
    changes: Changes = None,
    as_json: Json = False,
) -> None:
    """Show where each part of a network runs, and what it costs there. It runs on the array or on the host."""
    output = Output(as_json=as_json)
    array = array_config(preset, config, pes, changes)
    compressed, plan, counted = _plan(network, inputs_file, array, output)
    shapes, waiting = compressed.shapes, iter(compressed.layers)
    words = [operation_text(node.operation, waiting) for node in compressed.connections.nodes]
    output.table(
        f"{network} on {array.name}, {array.pes} PEs, for one input",
        ["operation", "value", "shape", "where", "MACs", "vectors", "bytes moved", "cycles"],
        [
            [
                text,
                str(part.value),
                sizes_text(shapes[part.value]),
                part.place,
                count(part.macs) if part.layer else "",
                count(part.vectors) if part.vectors else "",
                count(part.bytes_moved) if part.vectors else "",
                "" if number is None else mean(number),
            ]
            for text, part, number in zip(words, plan.parts, counted, strict=True)
        ],
    )
    share = macs_on_array(plan)
    if plan.whole:
        output.line("The array runs all of it by itself, with one start for an input.")
    else:
        output.line(f"{100 * share:.1f} % of the products are the array's. For the rest: {plan.wanted}.")
    output.line("MACs are those of inputs without zeros, with the weights that were kept; bytes are of 16-bit values.")
    output.result(
        {
            "network": str(network),
            "config": array.to_dict(),
            "whole": plan.whole,
            "wanted": plan.wanted,
            "macs_on_array": share,
            "parts": [
                {**vars(part), "operation": text, "shape": list(shapes[part.value]), "cycles": number}
                for text, part, number in zip(words, plan.parts, counted, strict=True)
            ],
        }
    )


def _plan(
    network: Path, inputs_file: Path | None, array: ArrayConfig, output: Output
) -> tuple[CompressedNetwork, Plan, list[float | None]]:
    """The network, its plan, and the cycles of each part, where inputs say them and the array runs it."""
    if inputs_file is None:
        compressed = load(network)
        plan = make_plan(compressed, array)
        return compressed, plan, [None] * len(plan.parts)
    compressed, inputs, _ = load_with_inputs(network, inputs_file, output)
    plan = make_plan(compressed, array)
    if array.maps and not plan.whole:
        return compressed, plan, [None] * len(plan.parts)
    with output.bar(f"simulating {len(inputs)} inputs on {array.pes} PEs", len(inputs)) as advance:
        run = simulate(compressed, inputs, array, advance=advance)
    return compressed, plan, cycles_by_layer(plan, {name: layer.cycles for name, layer in run.layers.items()})
