"""`eie compress`: from float32 weights to the model file."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from model.errors import EieError
from sim.fields import parse_shape
from sim.npy import read_inputs
from sim.progress import Say
from sim.terminal.by_layer import parse_by_layer
from sim.terminal.compress_changes import show_changes, show_file
from sim.terminal.compress_distil import DistilledFigures, distil_network, show_distilled
from sim.terminal.compress_search import SearchOptions, search, search_payload, show_search
from sim.terminal.options import ActivationBits, Json, check_activation_bits
from sim.terminal.output import Output
from sim.terminal.precision_table import precision_payload, show_precision
from sim.terminal.size_tables import size_payload
from sw.compress.candidates import Choices
from sw.compress.kmeans import Init
from sw.compress.pipeline import MOST_BITS, compress, pruning_by_layer
from sw.compress.prune import kept_positions
from sw.compress.reconstruct import reconstruct
from sw.compress.row_scales import scale_rows, scaled_names
from sw.compress.search import Found
from sw.file.model_file import save
from sw.files import check_target
from sw.formats.assumptions import Assumptions, Integers, Order
from sw.formats.network_file import load_network
from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedNetwork
from sw.network.network import Network
from sw.network.precision import LayerPrecision, measure_precision

BY_LAYER = "{0}|NAME={0},..."


def compress_command(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="Network: .safetensors, .npz, .pt, .pth, .th, .gguf, .onnx, .tflite, .keras, .h5, .caffemodel, .net.",
        ),
    ],
    path: Annotated[Path, typer.Option("-o", "--output", metavar="NET.eie", help="The compressed network.")],
    graph: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="How the layers are connected: .json or Caffe's .prototxt."),
    ] = None,
    order: Annotated[
        Order | None,
        typer.Option(
            help="Without a graph: layers one after another as the file has their tensors, or by name. "
            "[default: as both and the shapes agree]"
        ),
    ] = None,
    integers: Annotated[
        Integers,
        typer.Option(
            help="What is kept of a TensorFlow Lite file's 8-bit integers between operators: nothing, their range, or "
            "their steps too."
        ),
    ] = "saturated",
    input_shape: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE,SIZE,..",
            help="Of an ONNX or Keras model that leaves rows, columns or steps open: the shape of one input.",
        ),
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
    init: Annotated[Init, typer.Option(help="Where the shared weights start, or the best ones there are.")] = "linear",
    seed: Annotated[int, typer.Option(help="Of --init forgy and --distil.")] = 0,
    step: Annotated[
        str | None,
        typer.Option(
            metavar=BY_LAYER.format(0.5),
            help="Instead of k-means: share by entropy, with the error of uniform steps of so many root mean squares "
            "of the weights; --code-bits are then the most.",
        ),
    ] = None,
    max_weight_error: Annotated[
        float | None,
        typer.Option(help="Search the smallest file with at most this relative error of each layer's weights."),
    ] = None,
    max_output_error: Annotated[
        float | None, typer.Option(help="Or: with at most this relative error of the outputs for --input.")
    ] = None,
    max_error_increase: Annotated[
        float | None,
        typer.Option(help="Or: with at most so many percentage points more wrong answers on --input and --labels."),
    ] = None,
    inputs: Annotated[
        Path | None, typer.Option("--input", metavar="X.npy", help="Inputs that a search measures errors on.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(metavar="Y.npy", help="The number of the right output for each of them.")
    ] = None,
    search_pruning: Annotated[bool, typer.Option(help="Let the search prune weights as well.")] = False,
    calibration_file: Annotated[
        Path | None,
        typer.Option(
            "--calibrate",
            metavar="X.npy",
            help="Typical inputs, (inputs, features): the binary points of the 16-bit numbers follow from them.",
        ),
    ] = None,
    by_outputs: Annotated[
        bool,
        typer.Option(
            "--reconstruct",
            help="Prune, share and fit every layer so that it keeps its outputs on the inputs of --calibrate, which "
            "need no labels; --density and --code-bits say how far.",
        ),
    ] = False,
    distil_steps: Annotated[
        int | None,
        typer.Option(
            "--distil",
            metavar="STEPS",
            help="Reconstruct, then train for so many steps, such as 900: the whole network keeps its outputs on the "
            "inputs of --calibrate and on changed copies of them. A fifth of them is held back and chooses the best "
            "step. Needs torch.",
        ),
    ] = None,
    row_scales: Annotated[
        bool,
        typer.Option(
            "--scale-rows",
            help="Give the rows of a layer scales of their own, as 8-bit networks have per channel, where shared "
            "weights come nearer then. Each such layer gets a layer more, which holds the scales.",
        ),
    ] = False,
    activation_bits: ActivationBits = None,
    as_json: Json = False,
) -> None:
    """Compress a network: prune, share weights, Huffman-code."""
    output = Output(as_json=as_json)
    bounds = SearchOptions(
        weight_error=max_weight_error,
        output_error=max_output_error,
        error_increase=max_error_increase,
        inputs=inputs,
        labels=labels,
    )
    wanted = _Wanted(
        bounds=bounds,
        search_pruning=search_pruning,
        by_outputs=by_outputs or distil_steps is not None,
        distil_steps=distil_steps,
        pruning=_pruning(density=density, threshold=threshold, sensitivity=sensitivity),
        code_bits=parse_by_layer("--code-bits", code_bits, int),
        step=parse_by_layer("--step", step, float),
        init=init,
        seed=seed,
        row_scales=row_scales,
    )
    _check(wanted, calibration_file, activation_bits)
    check_target(path, model, graph, calibration_file, inputs, labels)
    assumptions = Assumptions(order=order, input_shape=parse_shape(input_shape), integers=integers, host_parts=True)
    network, assumed = _load(output, model, graph, assumptions)
    calibration = None if calibration_file is None else read_inputs(calibration_file, *network.input_shape)
    with output.steps(f"compressing {model}") as say:
        made = _compress(network, calibration, wanted, say)
        compressed, precision = _calibrated(made.network, calibration, activation_bits or 16, say)
        sizes = save(compressed, path)
    if made.found is not None:
        show_search(output, bounds, made.found, made.reference)
    changes = show_file(output, path, sizes, network)
    changes |= show_changes(output, made.source, compressed) | show_distilled(output, made.distilled)
    if calibration is not None:
        show_precision(output, precision, len(calibration), activation_bits=activation_bits or 16)
    output.result(
        {
            "file": str(path),
            "assumed": assumed,
            "calibrated": calibration is not None,
            **changes,
            "reconstructed": wanted.by_outputs,
            "precision": precision_payload(precision),
            **({} if made.found is None else {"search": search_payload(made.found, made.reference)}),
            **size_payload(sizes),
        }
    )


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """How the network is to be compressed.

    Parameters
    ----------
    bounds, search_pruning : of a search, if one is wanted.
    by_outputs, distil_steps : reconstruct on the inputs of the calibration; and train for so many steps.
    pruning, code_bits, step, init, seed : as `sw.compress.pipeline.compress` takes them; scales of rows before.
    """

    bounds: SearchOptions
    search_pruning: bool
    by_outputs: bool
    distil_steps: int | None
    pruning: dict[str, Any]
    code_bits: int | dict[str, int] | None
    step: float | dict[str, float] | None
    init: Init
    seed: int
    row_scales: bool


def _pruning(**options: str | None) -> dict[str, Any]:
    """The options as `sw.compress.pipeline.compress` takes them."""
    return {name: parse_by_layer(f"--{name}", text, float) for name, text in options.items()}


def _check(wanted: _Wanted, calibration: Path | None, activation_bits: int | None) -> None:
    """EieError if options do not go together."""
    check_activation_bits(activation_bits)
    if activation_bits is not None and calibration is None:
        raise EieError("--activation-bits is of a calibration, wanted --calibrate X.npy")
    searches = wanted.bounds.wanted
    if searches and (isinstance(wanted.code_bits, dict) or wanted.step is not None):
        raise EieError("a search chooses steps and code bits, wanted no --step and at most one number of --code-bits")
    if wanted.search_pruning and not searches:
        raise EieError("--search-pruning needs a bound, wanted one of the --max options")
    if wanted.row_scales and (searches or wanted.by_outputs):
        other = "a search" if searches else "--reconstruct or --distil"
        raise EieError(f"--scale-rows makes layers that must stay as they are, wanted it without {other}")
    if not wanted.by_outputs:
        return
    option = "--reconstruct" if wanted.distil_steps is None else "--distil"
    if calibration is None:
        raise EieError(f"{option} needs typical inputs, wanted --calibrate X.npy")
    others = {f"--{name}": value for name, value in wanted.pruning.items() if name != "density"}
    others |= {"--step": wanted.step, "a search": searches or None}
    given = [name for name, value in others.items() if value is not None]
    if given:
        raise EieError(f"{option} goes with --density and --code-bits only, got {given[0]}")


def _load(output: Output, model: Path, graph: Path | None, assumptions: Assumptions) -> tuple[Network, list[str]]:
    """The network of a file, and what was assumed of it, which is noted."""
    assumed: list[str] = []
    network = load_network(model, graph, replace(assumptions, say=assumed.append))
    for sentence in assumed:
        output.note(sentence)
    return network, assumed


def _calibrated(
    network: CompressedNetwork, inputs: NDArray[np.float32] | None, activation_bits: int, say: Say
) -> tuple[CompressedNetwork, list[LayerPrecision]]:
    """With binary points, and what they keep of each layer; as it is without typical inputs."""
    if inputs is None:
        return network, []
    say(f"choosing binary points from {len(inputs)} inputs")
    made = calibrate(network, inputs, activation_bits)
    return made, measure_precision(made, inputs, activation_bits=activation_bits)


def _scaled(network: Network, wanted: _Wanted) -> tuple[Network, _Wanted]:
    """With scales for rows, if they are wanted; layers that hold scales are not pruned."""
    if not wanted.row_scales:
        return network, wanted
    bits = wanted.code_bits if isinstance(wanted.code_bits, int) else MOST_BITS
    pruning = {
        option: {layer.name: value for layer in network.layers} if isinstance(value, float) else value
        for option, value in wanted.pruning.items()
    }
    scaled = scale_rows(network, (1 << bits) - 1)
    code_bits = wanted.code_bits
    if not isinstance(code_bits, int):
        code_bits = {**dict.fromkeys(scaled_names(scaled), MOST_BITS), **(code_bits or {})}
    return scaled, replace(wanted, pruning=pruning, code_bits=code_bits)


@dataclass(frozen=True, kw_only=True)
class _Made:
    """The network compressed.

    Parameters
    ----------
    source : what was compressed: the network that was given, with scales for rows if they were wanted.
    found, reference : what a search found, and the error of the float32 network if one measured it.
    distilled : what training was worth, if there was any.
    """

    network: CompressedNetwork
    source: Network
    found: Found | None = None
    reference: float | None = None
    distilled: DistilledFigures | None = None


def _compress(network: Network, calibration: NDArray[np.float32] | None, wanted: _Wanted, say: Say) -> _Made:
    """The network as it is wanted."""
    network, wanted = _scaled(network, wanted)
    bits, pruning = wanted.code_bits, wanted.pruning
    if wanted.bounds.wanted:
        most = MOST_BITS if bits is None or isinstance(bits, dict) else bits
        choices = Choices(most_code_bits=most, pruning=wanted.search_pruning, init=wanted.init, seed=wanted.seed)
        options = pruning_by_layer(network, **pruning)
        positions = [kept_positions(layer.weight, **options[layer.name]) for layer in network.layers]
        found, reference = search(network, positions, wanted.bounds, choices, say)
        return _Made(network=found.network, source=network, found=found, reference=reference)
    if wanted.by_outputs and calibration is not None:
        limits: dict[str, Any] = {"density": pruning["density"], "code_bits": bits, "progress": say}
        if wanted.distil_steps is None:
            return _Made(network=reconstruct(network, calibration, **limits), source=network)
        compressed, figures = distil_network(network, calibration, wanted.distil_steps, wanted.seed, limits)
        return _Made(network=compressed, source=network, distilled=figures)
    compressed = compress(
        network,
        **pruning,
        code_bits=bits,
        step=wanted.step,
        init=wanted.init,
        seed=wanted.seed,
        progress=lambda name: say(f"compressed {name}"),
    )
    return _Made(network=compressed, source=network)
