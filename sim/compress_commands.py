"""`eie compress`, `eie inspect` and `eie decompress`: between float32 weights and the model file."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from sim.arrays import read_inputs
from sim.by_layer import parse_by_layer
from sim.options import Json
from sim.output import Output, count, ratio
from sw.compress import compress, is_exact
from sw.files import check_target
from sw.formats.network_file import load_network, save_network
from sw.kmeans import Init
from sw.model_file import CompressedNetwork, load, report, save
from sw.quantise import calibrate
from sw.report import FileReport, LayerReport

NetworkFile = Annotated[Path, typer.Argument(metavar="NET.eie", help="A compressed network.")]

BY_LAYER = "{0}|NAME={0},..."

SIZE_COLUMNS = [
    "layer",
    "weights",
    "kept",
    "entries",
    "fillers",
    "code bits",
    "Huffman",
    "index bits",
    "Huffman",
    "bytes",
    "ratio",
]


def compress_command(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL", help="A float32 network: .safetensors, .npz, .pt, .pth, .onnx or Deep Compression's .net."
        ),
    ],
    path: Annotated[Path, typer.Option("-o", "--output", metavar="NET.eie", help="The compressed network.")],
    graph: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="How the layers are connected: .json or Caffe's .prototxt."),
    ] = None,
    density: Annotated[
        str | None,
        typer.Option(
            metavar=BY_LAYER.format(0.1),
            help="Weights kept, the largest ones: a fraction above 0 and at most 1, of all layers or by layer.",
        ),
    ] = None,
    threshold: Annotated[
        str | None,
        typer.Option(metavar=BY_LAYER.format(0.05), help="Or: the smallest magnitude of a weight that is kept."),
    ] = None,
    sensitivity: Annotated[
        str | None,
        typer.Option(
            metavar=BY_LAYER.format(0.7), help="Or: that magnitude in standard deviations of the layer's weights."
        ),
    ] = None,
    code_bits: Annotated[
        str | None,
        typer.Option(
            metavar=BY_LAYER.format(4),
            help="Bits of a weight code, 1 to 8 [default: as few as hold the values of weights that are shared "
            "already, else 4].",
        ),
    ] = None,
    index_bits: Annotated[
        str | None,
        typer.Option(
            metavar=BY_LAYER.format(4), help="Bits of a zero run in the file, 0 to 8 [default: the smallest file]."
        ),
    ] = None,
    init: Annotated[Init, typer.Option(help="Where the shared weights start, or the best ones there are.")] = "linear",
    seed: Annotated[int, typer.Option(help="Of --init forgy.")] = 0,
    calibration_file: Annotated[
        Path | None,
        typer.Option(
            "--calibrate",
            metavar="X.npy",
            help="Typical inputs, (inputs, features): the binary points of the 16-bit numbers follow from them.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compress a network: prune, share weights, Huffman-code."""
    output = Output(as_json=as_json)
    options: dict[str, Any] = {
        "density": parse_by_layer("--density", density, float),
        "threshold": parse_by_layer("--threshold", threshold, float),
        "sensitivity": parse_by_layer("--sensitivity", sensitivity, float),
        "code_bits": parse_by_layer("--code-bits", code_bits, int),
        "index_bits": parse_by_layer("--index-bits", index_bits, int),
    }
    check_target(path, model, graph, calibration_file)
    network = load_network(model, graph)
    calibration = None if calibration_file is None else read_inputs(calibration_file, *network.input_shape)
    with output.steps(f"compressing {model}") as say:
        compressed = compress(network, **options, init=init, seed=seed, progress=lambda name: say(f"compressed {name}"))
        if calibration is not None:
            say(f"choosing binary points from {len(calibration)} inputs")
            compressed = calibrate(compressed, calibration)
        sizes = save(compressed, path)
    show_sizes(output, str(path), sizes)
    exact = [
        layer.name for layer, small in zip(network.layers, compressed.layers, strict=True) if is_exact(layer, small)
    ]
    output.line(_exact_line(exact, len(network.layers)))
    output.result(
        {"file": str(path), "calibrated": calibration is not None, "exact_layers": exact, **size_payload(sizes)}
    )


def inspect_command(network: NetworkFile, as_json: Json = False) -> None:
    """Check a compressed network and show what is in it."""
    output = Output(as_json=as_json)
    with output.steps(f"reading {network}"):
        compressed = load(network)
        sizes = report(compressed)
    rows = [
        [layer.name, f"{layer.shape[1]} -> {layer.shape[0]}", str(layer.code_bits), "ReLU" if layer.relu else "none"]
        for layer in compressed.layers
    ]
    output.table(str(network), ["layer", "shape", "code bits", "activation"], rows)
    show_sizes(output, "sizes", sizes)
    calibrated = compressed.calibration is not None
    output.line(
        "calibrated: binary points are fixed" if calibrated else "not calibrated: `eie simulate` uses its inputs"
    )
    output.result(
        {
            "file": str(network),
            "calibrated": calibrated,
            "shapes": [list(layer.shape) for layer in compressed.layers],
            "relu": [layer.relu for layer in compressed.layers],
            "codebooks": _codebooks(compressed),
            **size_payload(sizes),
        }
    )


def decompress_command(
    network: NetworkFile,
    path: Annotated[Path, typer.Option("-o", "--output", metavar="OUT.safetensors", help="Float32 weights.")],
    as_json: Json = False,
) -> None:
    """Write the float32 network that a compressed one stands for. Its values are exactly the shared weights."""
    output = Output(as_json=as_json)
    check_target(path, network)
    with output.steps(f"decompressing {network}"):
        dense = load(network).to_network()
        save_network(dense, path)
    size = path.stat().st_size
    output.line(f"{path}: {len(dense.layers)} layers, {count(size)} bytes")
    output.result({"file": str(path), "layers": [layer.name for layer in dense.layers], "bytes": size})


def _exact_line(exact: list[str], layers: int) -> str:
    """Which layers took few values already, so that sharing changed none of their weights."""
    if len(exact) == layers:
        return "no weight that was kept has changed"
    if not exact:
        return "weights that were kept are shared, in every layer"
    return f"no weight that was kept has changed in {', '.join(exact)}; in the others they are shared"


def show_sizes(output: Output, title: str, sizes: FileReport) -> None:
    """The table of sizes per layer, and the file's bytes on disk."""
    sums = [sum(column) for column in zip(*(_counts(layer) for layer in sizes.layers), strict=True)]
    output.table(
        title,
        SIZE_COLUMNS,
        [_size_cells(layer) for layer in sizes.layers],
        ["file", *(count(value) for value in sums), "", "", "", "", count(sizes.bytes), ratio(sizes.ratio)],
    )
    output.line(
        f"{count(sizes.bytes)} bytes on disk, everything included; {ratio(sizes.ratio)} smaller than "
        f"{count(sizes.float32_bytes)} bytes of float32 weights and biases\n"
    )


def size_payload(sizes: FileReport) -> dict[str, Any]:
    """The report as plain values."""
    return {
        "layers": [{**asdict(layer), "bytes": layer.bytes, "ratio": layer.ratio} for layer in sizes.layers],
        "bytes": sizes.bytes,
        "float32_bytes": sizes.float32_bytes,
        "ratio": sizes.ratio,
    }


def _size_cells(layer: LayerReport) -> list[str]:
    return [
        layer.name,
        *(count(value) for value in _counts(layer)),
        str(layer.code_bits),
        f"{layer.code_bits_huffman:.2f}",
        str(layer.index_bits),
        f"{layer.index_bits_huffman:.2f}",
        count(layer.bytes),
        ratio(layer.ratio),
    ]


def _counts(layer: LayerReport) -> tuple[int, int, int, int]:
    return layer.weights, layer.kept, layer.entries, layer.fillers


def _codebooks(compressed: CompressedNetwork) -> dict[str, list[float]]:
    return {layer.name: [float(value) for value in layer.codebook] for layer in compressed.layers}
