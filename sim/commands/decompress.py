"""`eie decompress`: from the model file back to float32 weights."""

from pathlib import Path
from typing import Annotated

import typer

from sim.terminal.options import Json
from sim.terminal.output import Output
from sim.text import count
from sw.file.model_file import load
from sw.files import check_target
from sw.formats.network_file import check_suffix, save_network
from sw.network.layer import has_biases


def decompress_command(
    network: Annotated[Path, typer.Argument(metavar="NET.eie", help="A compressed network.")],
    path: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="Float32 weights: .safetensors or .npz.")],
    as_json: Json = False,
) -> None:
    """Write the float32 network that a compressed one stands for.

    Its values are exactly the shared weights, and its graph comes with them. Layers whose biases are all 0 have none.
    """
    output = Output(as_json=as_json)
    check_suffix(path)
    check_target(path, network)
    with output.steps(f"decompressing {network}"):
        dense = load(network).to_network()
        save_network(dense, path)
    size = path.stat().st_size
    without = [layer.name for layer in dense.layers if not has_biases(layer.bias)]
    output.line(f"{path}: {len(dense.layers)} layers, {count(size)} bytes")
    if without:
        output.line(f"Without biases, since all of theirs are 0 or they had none: {', '.join(without)}.")
    output.result(
        {
            "file": str(path),
            "layers": [layer.name for layer in dense.layers],
            "without_biases": without,
            "bytes": size,
        }
    )
