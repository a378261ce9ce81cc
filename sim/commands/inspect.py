"""`eie inspect`: check a compressed network, show what is in it and what every byte is for."""

from pathlib import Path
from typing import Annotated, Any

import typer

from model.errors import EieError
from sim.terminal.operation_text import operation_text, sizes_text
from sim.terminal.options import Json
from sim.terminal.output import Output
from sim.terminal.size_tables import paper_payload, show_paper_sizes, show_parts, show_sizes, size_payload
from sw.compress.paper_size import paper_sizes
from sw.file.model_file import load_with_sizes
from sw.file.sizes import FileSizes, LayerSizes
from sw.network.compressed import CompressedLayer, CompressedNetwork


def inspect_command(
    network: Annotated[Path, typer.Argument(metavar="NET.eie", help="A compressed network.")],
    paper: Annotated[
        bool, typer.Option("--paper", help="Show the rows of Deep Compression's Tables 2 to 5 by the paper's formula.")
    ] = False,
    index_bits: Annotated[
        int | None,
        typer.Option(help="With --paper: bits of an index, 1 to 8 [default: for each layer the smallest rate P+Q]."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a compressed network and show what is in it. Every byte of the file is accounted for."""
    output = Output(as_json=as_json)
    if index_bits is not None and not paper:
        raise EieError("--index-bits wants --paper: in the file zero runs have no fixed width")
    with output.steps(f"reading {network}"):
        compressed, sizes = load_with_sizes(network)
        rows = paper_sizes(compressed, index_bits) if paper else []
    operations = _operations(compressed)
    if paper:
        show_paper_sizes(output, str(network), rows, sizes)
    else:
        _show_network(output, str(network), compressed, sizes, operations)
        show_sizes(output, "sizes", sizes)
        show_parts(output, sizes)
    payload: dict[str, Any] = {
        "file": str(network),
        "calibrated": compressed.calibration is not None,
        "activation_bits": None if compressed.calibration is None else compressed.calibration.activation_bits,
        "shapes": [list(layer.shape) for layer in compressed.layers],
        "relu": [layer.relu for layer in compressed.layers],
        "codebooks": {layer.name: [float(value) for value in layer.codebook] for layer in compressed.layers},
        "input_shape": list(compressed.input_shape),
        "graph": operations,
        **size_payload(sizes),
    }
    if paper:
        payload["paper"] = paper_payload(rows)
    output.result(payload)


def _show_network(
    output: Output, title: str, network: CompressedNetwork, sizes: FileSizes, operations: list[dict[str, Any]]
) -> None:
    """The tables of layers and operations, and whether there is a calibration."""
    output.table(
        title,
        ["layer", "shape", "code bits", "lead bits", "order", "activation"],
        [_layer_cells(layer, size) for layer, size in zip(network.layers, sizes.layers, strict=True)],
    )
    if operations:
        cells = [
            [row["operation"], str(row["value"]), sizes_text(row["takes"], ", "), sizes_text(row["shape"])]
            for row in operations
        ]
        shape = sizes_text(network.input_shape)
        output.table(f"operations; value 0 is an input, {shape}", ["operation", "value", "takes", "shape"], cells)
    elif network.graph is not None:
        output.line("weights only: the file does not say how its layers are connected\n")
    if network.calibration is None:
        output.line("not calibrated: `eie simulate` uses its inputs\n")
    elif network.calibration.activation_bits == 8:
        output.line("calibrated for 8-bit activations: binary points are fixed\n")
    else:
        output.line("calibrated: binary points are fixed\n")


def _layer_cells(layer: CompressedLayer, size: LayerSizes) -> list[str]:
    if layer.convolution is None:
        shape = f"{layer.shape[1]} -> {layer.shape[0]}"
    else:
        outputs, inputs, rows, columns = layer.shape
        shape = f"{inputs * layer.convolution.groups} -> {outputs}, {rows} x {columns}"
    return [
        layer.name,
        shape,
        str(layer.code_bits),
        str(size.lead_bits),
        "columns" if size.column_major else "rows",
        "ReLU" if layer.relu else "none",
    ]


def _operations(network: CompressedNetwork) -> list[dict[str, Any]]:
    """The operations of a graph, in order: the value that each makes, what it takes and the shape of its result."""
    if network.graph is None:
        return []
    shapes = network.graph.shapes([(layer.name, layer.shape, layer.convolution) for layer in network.layers])
    waiting = iter(network.layers)
    return [
        {
            "value": number,
            "operation": operation_text(node.operation, waiting),
            "takes": list(node.sources),
            "shape": list(shapes[number]),
        }
        for number, node in enumerate(network.graph.nodes, start=1)
    ]
