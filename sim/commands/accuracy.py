"""`eie accuracy`: how often the network in a compressed file is wrong, in float32 and on the integer datapath."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer
from numpy.typing import NDArray

from model.errors import EieError
from sim.mnist import Part, load_mnist
from sim.npy import read_inputs, read_labels
from sim.progress import Say
from sim.terminal.host_parts import PLAIN, host_parts_payload, show_host_parts
from sim.terminal.options import ActivationBits, Json, check_activation_bits
from sim.terminal.output import Output
from sim.terminal.precision_table import precision_payload, show_precision
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

Split = Literal["test", "train"]
PARTS: dict[Split, Part] = {"test": "t10k", "train": "train"}
NO_CALIBRATION = (
    "the network has no calibration, which the binary points of the integer datapath follow from: "
    "measured in float32 only; --calibrate X.npy gives it one"
)


@dataclass(frozen=True)
class Samples:
    """(inputs, features) float32 inputs, their (inputs,) labels, and what they are called."""

    name: str
    inputs: NDArray[np.float32]
    labels: NDArray[np.int64]


def accuracy_command(
    network: Annotated[Path, typer.Argument(metavar="NET.eie", help="A compressed network.")],
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", envvar="EIE_DATA", help="Folder with mnist/ and its four gzip files."),
    ] = None,
    split: Annotated[Split, typer.Option(help="Which images of MNIST.")] = "test",
    inputs_file: Annotated[
        Path | None,
        typer.Option("--inputs", metavar="X.npy", help="Instead of MNIST: inputs, (inputs, features) or in shape."),
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
    with output.steps(f"reading {network}") as say:
        compressed = load(network)
        shape = compressed.shapes[0]
        dense = compressed.to_network()
        other = None if against is None else _uncompressed(against, compressed, output.note)
        samples = (
            _mnist(data, split, compressed)
            if inputs_file is None and labels_file is None
            else _own(inputs_file, labels_file, shape)
        )
        check_labels(samples.labels, len(samples.inputs), compressed.out_features, top)
        if calibration_file is not None:
            say(f"calibrating on {calibration_file}")
            typical = read_inputs(calibration_file, *shape)
            compressed = calibrate(compressed, typical, activation_bits or 16)
    widths = ACCUMULATOR_BITS, activation_bits or _bits_of(compressed)
    is_calibrated = compressed.calibration is not None
    runs = 1 + is_calibrated + (other is not None)
    with output.bar(f"measuring {network} on {samples.name}", runs * len(samples.inputs)) as advance:
        data_and_top = samples.inputs, samples.labels, top, advance
        in_float = measure_float(dense, *data_and_top)
        in_integers = measure_integers(compressed, *data_and_top, *widths) if is_calibrated else None
        before = None if other is None else measure_float(other, *data_and_top)
    _warn(output, in_integers, widths[1])
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


def _mnist(data: Path | None, split: Split, network: CompressedNetwork) -> Samples:
    if data is None:
        raise EieError("wanted --data DIR with mnist/ in it, or --inputs X.npy and --labels Y.npy")
    images, labels = load_mnist(data / "mnist", PARTS[split])
    if network.in_features != images.shape[1]:
        raise EieError(f"MNIST has {images.shape[1]} pixels, this network takes {network.in_features} inputs")
    return Samples(f"MNIST {split} images", images, labels)


def _own(inputs_file: Path | None, labels_file: Path | None, shape: tuple[int, ...]) -> Samples:
    if inputs_file is None or labels_file is None:
        given = "--labels" if inputs_file is None else "--inputs"
        raise EieError(f"--inputs and --labels belong together, got {given} alone")
    inputs = read_inputs(inputs_file, *shape)
    return Samples(str(inputs_file), inputs, read_labels(labels_file, len(inputs)))


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


def _warn(output: Output, errors: IntegerErrors | None, bits: int) -> None:
    if errors is None:
        output.note(NO_CALIBRATION)
        return
    if errors.saturated:
        output.note(
            f"warning: {errors.saturated} of {errors.inputs} inputs were saturated to {bits} bits; "
            "calibrate on such inputs"
        )
    if errors.overflows:
        output.note(
            f"warning: an accumulator overflowed for {errors.overflows} of {errors.inputs} inputs; "
            "calibrate on such inputs"
        )


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
