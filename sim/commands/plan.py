"""`eie plan`: where each part of a compressed network runs, and what would bring the rest onto the array."""

from pathlib import Path
from typing import Annotated

import typer

from model.config import ArrayConfig
from model.errors import EieError
from sim.fields import parse_shape
from sim.simulation.plan import Plan, all_weights, cycles_by_layer, macs_on_array, make_plan
from sim.simulation.prepare import load_with_inputs
from sim.simulation.simulate import simulate
from sim.terminal.operation_text import operation_text, sizes_text
from sim.terminal.options import Changes, ConfigFile, Json, Pes, Preset, array_config
from sim.terminal.output import Output
from sim.terminal.part_table import show_parts
from sim.text import count, mean
from sw.file.model_file import load
from sw.formats.assumptions import Assumptions
from sw.formats.network_file import load_network
from sw.formats.onnx.partition import OnnxPart, partition
from sw.network.compressed import CompressedNetwork
from sw.network.graph import Shape
from sw.network.network import Network

WIDEST = 56  # characters of an operation in a table, whose numbers must not be cut


def plan_command(
    network: Annotated[
        Path,
        typer.Argument(metavar="NET", help="A compressed network, .eie, or one that `eie compress` reads as it is."),
    ],
    inputs_file: Annotated[
        Path | None, typer.Option("--input", metavar="X.npy", help="Inputs, to count the cycles of each layer.")
    ] = None,
    graph: Annotated[
        Path | None,
        typer.Option(metavar="GRAPH", help="How the layers of a network that is not compressed are connected."),
    ] = None,
    input_shape: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE,SIZE,..",
            help="Of an ONNX or Keras model that leaves rows, columns or steps open: the shape of one input.",
        ),
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
    try:
        compressed, plan, counted = _plan(network, inputs_file, (graph, parse_shape(input_shape)), array, output)
    except _InParts as parts:
        show_parts(network, parts.parts, parts.refusal, output)
        return
    shapes, waiting = compressed.shapes, iter(compressed.layers)
    words = [operation_text(node.operation, waiting) for node in compressed.connections.nodes]
    output.table(
        f"{network} on {array.name}, {array.pes} PEs, for one input",
        ["operation", "value", "shape", "where", "MACs", "vectors", "bytes moved", "cycles", "needs"],
        [
            [
                text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…",
                str(part.value),
                sizes_text(shapes[part.value]),
                part.place,
                "?" if part.macs is None else count(part.macs) if part.layer or part.macs else "",
                count(part.vectors) if part.vectors else "",
                count(part.bytes_moved) if part.vectors else "",
                "" if number is None else mean(number),
                part.needs,
            ]
            for text, part, number in zip(words, plan.parts, counted, strict=True)
        ],
    )
    share = macs_on_array(plan)
    output.line(_summary(plan, share))
    if not plan.whole:
        output.line("Needs: the field of an array's configuration that would take it over; more than any array has.")
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


def _summary(plan: Plan, share: float | None) -> str:
    """What the array does of the whole, and what would bring the rest over."""
    if plan.whole:
        return "The array runs all of it by itself, with one start for an input."
    does = (
        "Not all products of the host are known"
        if share is None
        else f"{100 * share:.1f} % of the products are the array's"
    )
    return f"{does}. For the rest: {plan.wanted}."


class _InParts(Exception):
    """An ONNX model that is no network here: its parts, and why it is none."""

    def __init__(self, parts: list[OnnxPart], refusal: str):
        super().__init__(refusal)
        self.parts, self.refusal = parts, refusal


def _plan(
    network: Path,
    inputs_file: Path | None,
    connected: tuple[Path | None, Shape | None],
    array: ArrayConfig,
    output: Output,
) -> tuple[CompressedNetwork, Plan, list[float | None]]:
    """The network, its plan, and the cycles of each part, where inputs say them and the array runs it."""
    if network.suffix.lower() != ".eie":
        if inputs_file is not None:
            raise EieError(
                f"{network}: cycles are of compressed networks, `eie compress` it first; or leave --input out"
            )
        compressed = all_weights(_read(network, *connected, output))
        plan = make_plan(compressed, array)
        return compressed, plan, [None] * len(plan.parts)
    if connected != (None, None):
        raise EieError(f"{network}: --graph and --input-shape are of networks that are not compressed, this one is")
    if inputs_file is None:
        compressed = load(network)
        plan = make_plan(compressed, array)
        return compressed, plan, [None] * len(plan.parts)
    compressed, inputs, _ = load_with_inputs(network, inputs_file, output, array.activation_bits)
    plan = make_plan(compressed, array)
    if array.maps and not plan.whole:
        return compressed, plan, [None] * len(plan.parts)
    with output.bar(f"simulating {len(inputs)} inputs on {array.pes} PEs", len(inputs)) as advance:
        run = simulate(compressed, inputs, array, advance=advance)
    return compressed, plan, cycles_by_layer(plan, {name: layer.cycles for name, layer in run.layers.items()})


def _read(path: Path, graph: Path | None, shape: Shape | None, output: Output) -> Network:
    """The network in a file that is not compressed; an ONNX model that no command takes is planned by operator."""
    try:
        return load_network(path, graph, Assumptions(input_shape=shape, host_parts=True, say=output.note))
    except EieError as error:
        if path.suffix.lower() != ".onnx":
            raise
        refusal = str(error).removeprefix(f"{path}: ")
    try:
        parts = partition(path, shape)
    except EieError as error:
        raise EieError(f"{path}: {error}") from error
    raise _InParts(parts, refusal)
