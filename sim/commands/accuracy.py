"""`eie accuracy`: how often the network in a compressed file is wrong, in float32 and on the integer datapath."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from model.errors import EieError
from sim.npy import read_inputs
from sim.pixels import PixelScale, told_scale
from sim.progress import Say
from sim.simulation.ranges import Ranges
from sim.simulation.samples import Split, mnist_samples, own_samples
from sim.terminal.host_parts import PLAIN, host_parts_payload, show_host_parts
from sim.terminal.options import ActivationBits, Json, check_activation_bits
from sim.terminal.output import Output
from sim.terminal.precision_table import precision_payload, show_precision
from sim.terminal.range_warnings import warn_of_ranges
from sim.text import count, than
from sw.file.model_file import load
from sw.formats.assumptions import Assumptions
from sw.formats.connections import Connections, LayerUse
from sw.formats.network_file import load_network
from sw.network.accuracy import Errors, IntegerErrors, check_labels, measure_float, measure_integers
from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedNetwork
from sw.network.graph import UNCONNECTED
from sw.network.integer_forward import ACCUMULATOR_BITS
from sw.network.network import Network
from sw.network.precision import measure_precision

NO_CALIBRATION = (
    "the network has no calibration, which the binary points of the integer datapath follow from: "
    "measured in float32 only; --calibrate X.npy gives it one"
)


def accuracy_command(
    network: Annotated[Path, typer.Argument(metavar="NET.eie", help="A compressed network.")],
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", envvar="EIE_DATA", help="Folder with mnist/ and its four gzip files."),
    ] = None,
    split: Annotated[Split, typer.Option(help="Which images of MNIST.")] = "test",
    mean: Annotated[
        float | None,
        typer.Option(
            help="MNIST's inputs are (pixels / 255 - mean) / std [default: guessed from the file's calibration]."
        ),
    ] = None,
    std: Annotated[float | None, typer.Option(help="See --mean.")] = None,
    inputs_file: Annotated[
        Path | None,
        typer.Option("--input", metavar="X.npy", help="Instead of MNIST: inputs, (inputs, features) or in shape."),
    ] = None,
    labels_file: Annotated[
        Path | None, typer.Option("--labels", metavar="Y.npy", help="The number of the right output for each of them.")
    ] = None,
    top: Annotated[int, typer.Option(help="Count also labels that are not among so many largest outputs.")] = 1,
    against: Annotated[
        Path | None,
        typer.Option(metavar="MODEL", help="The network before compression, to be measured on the same inputs."),
    ] = None,
    calibration_file: Annotated[
        Path | None,
        typer.Option("--calibrate", metavar="X.npy", help="Typical inputs, instead of the file's calibration."),
    ] = None,
    activation_bits: ActivationBits = None,
    as_json: Json = False,
) -> None:
    """Count the errors of a compressed network in both arithmetics."""
    output = Output(as_json=as_json)
    check_activation_bits(activation_bits)
    told = _told_scale(mean, std, inputs_file, labels_file)
    with output.steps(f"reading {network}") as say:
        compressed = load(network)
        shape = compressed.shapes[0]
        dense = compressed.to_network()
        other = None if against is None else _uncompressed(against, compressed, output.note)
        samples = (
            mnist_samples(data, split, compressed, told, output.note)
            if inputs_file is None and labels_file is None
            else own_samples(inputs_file, labels_file, shape)
        )
        check_labels(samples.labels, len(samples.inputs), compressed.out_features, top)
        if calibration_file is not None:
            say(f"calibrating on {calibration_file}")
            compressed = calibrate(compressed, read_inputs(calibration_file, *shape), activation_bits or 16)
    widths = ACCUMULATOR_BITS, activation_bits or _bits_of(compressed)
    is_calibrated = compressed.calibration is not None
    runs = 1 + is_calibrated + (other is not None)
    with output.bar(f"measuring {network} on {samples.name}", runs * len(samples.inputs)) as advance:
        data_and_top = samples.inputs, samples.labels, top, advance
        in_float = measure_float(dense, *data_and_top)
        in_integers = measure_integers(compressed, *data_and_top, *widths) if is_calibrated else None
        before = None if other is None else measure_float(other, *data_and_top)
    _warn(output, samples.chance(in_float.error), in_integers, widths[1])
    title = f"{samples.name}, {count(len(samples.inputs))} inputs"
    other_errors = None if before is None else (str(against), before)
    _show(output, title, (str(network), in_float), in_integers, other_errors, widths[1])
    size = network.stat().st_size
    float32_bytes = 4 * sum(layer.weight.size + layer.bias.size for layer in dense.layers)
    output.line(
        f"{count(size)} bytes on disk, everything included; {than(float32_bytes / size)} "
        f"{count(float32_bytes)} bytes of float32 weights and biases"
    )
    show_host_parts(output, compressed.graph, f"In both arithmetics they run {PLAIN}.")
    precision = measure_precision(compressed, samples.inputs, *widths) if is_calibrated else []
    if is_calibrated:
        show_precision(output, precision, len(samples.inputs), *widths)
    output.result(
        {
            "network": str(network),
            "samples": samples.name,
            "inputs": len(samples.inputs),
            "pixel_scale": None if samples.scale is None else vars(samples.scale) | {"text": samples.scale.text},
            "bytes": size,
            "float32_bytes": float32_bytes,
            "ratio": float32_bytes / size,
            "float32": _payload(in_float),
            "integers": None if in_integers is None else _payload(in_integers) | {"activation_bits": widths[1]},
            "precision": precision_payload(precision),
            **host_parts_payload(compressed.graph),
            "against": None if before is None else {"model": str(against), **_payload(before)},
        }
    )


def _as_compressed(compressed: CompressedNetwork, say: Say) -> Assumptions:
    """Layers of the same names are connected as those of the compressed network."""
    uses = (LayerUse(name=layer.name, relu=layer.relu, convolution=layer.convolution) for layer in compressed.layers)
    connections = Connections(graph=compressed.graph, uses=tuple(uses))
    return Assumptions(connections=connections, host_parts=True, say=say)


def _uncompressed(path: Path, compressed: CompressedNetwork, say: Say) -> Network:
    """The network before compression; a file of mere weights is connected as the compressed network is."""
    network = load_network(path, assumptions=_as_compressed(compressed, say))
    if network.graph == UNCONNECTED:
        layers = {layer.name: layer for layer in network.layers}
        if {name: layer.weight.shape for name, layer in layers.items()} != {
            layer.name: layer.shape for layer in compressed.layers
        }:
            raise EieError(f"{path} holds weights only; wanted exactly the layers of the compressed network")
        connected = [
            replace(layers[shared.name], relu=shared.relu, convolution=shared.convolution)
            for shared in compressed.layers
        ]
        network = Network(tuple(connected), compressed.graph)
    if (network.in_features, network.out_features) != (compressed.in_features, compressed.out_features):
        raise EieError(
            f"{path} must take {compressed.in_features} inputs and make {compressed.out_features} outputs as the "
            f"compressed network does, got {network.in_features} and {network.out_features}"
        )
    return network


def _show(
    output: Output,
    title: str,
    in_float: tuple[str, Errors],
    in_integers: IntegerErrors | None,
    before: tuple[str, Errors] | None,
    activation_bits: int,
) -> None:
    """The table of errors; with float32's the name of the network, or of the one before compression."""
    name, errors = in_float
    rows = [_row(name, "float32", errors)]
    if in_integers is not None:
        rows.append(_row("", f"{activation_bits}-bit integers, {ACCUMULATOR_BITS}-bit sums", in_integers))
    if before is not None:
        rows.append(_row(before[0], "float32", before[1]))
    top = [f"not in top {errors.top}", "error"] if errors.top > 1 else []
    output.table(title, ["network", "arithmetic", "wrong", "error", *top], rows)


def _bits_of(network: CompressedNetwork) -> int:
    """Of the activations that its calibration is for."""
    return 16 if network.calibration is None else network.calibration.activation_bits


def _told_scale(
    mean: float | None, std: float | None, inputs_file: Path | None, labels_file: Path | None
) -> PixelScale | None:
    told = told_scale(mean, std)
    if told is not None and (inputs_file is not None or labels_file is not None):
        raise EieError("--mean and --std are for the pixels of --data; inputs of a file are taken as they are")
    return told


def _warn(output: Output, chance: str | None, errors: IntegerErrors | None, bits: int) -> None:
    if chance is not None:
        output.note(f"warning: {chance}")
    if errors is None:
        output.note(NO_CALIBRATION)
        return
    warn_of_ranges(output, _ranges(errors, bits))


def _ranges(errors: IntegerErrors, bits: int) -> Ranges:
    return Ranges(inputs=errors.inputs, saturated=errors.saturated, overflows=errors.overflows, activation_bits=bits)


def _row(network: str, arithmetic: str, errors: Errors) -> list[str]:
    cells = [network, arithmetic, count(errors.wrong), f"{100 * errors.error:.2f} %"]
    return [*cells, count(errors.wrong_top), f"{100 * errors.error_top:.2f} %"] if errors.top > 1 else cells


def _payload(errors: Errors) -> dict[str, Any]:
    payload: dict[str, Any] = {"wrong": errors.wrong, "error": errors.error}
    if errors.top > 1:
        payload |= {"top": errors.top, "wrong_top": errors.wrong_top, "error_top": errors.error_top}
    if isinstance(errors, IntegerErrors):
        payload |= {
            "accumulator_bits": ACCUMULATOR_BITS,
            "overflows": errors.overflows,
            "saturated_inputs": errors.saturated,
        }
    return payload
