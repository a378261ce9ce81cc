"""What is counted of a model file: errors on all test images, bytes, operations, cycles and energy."""

from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sim.progress import Say
from sim.rtl.verify import verify
from sim.study.arrays import OnArray, on_fitted_array, on_paper_array, right_size
from sw.file.model_file import load_with_sizes
from sw.network.accuracy import measure_float, measure_integers
from sw.network.compressed import CompressedNetwork
from sw.network.graph import ApplyLayer, Lstm

Images = tuple[NDArray[np.float32], NDArray[np.int64]]  # (n, 784) as pixel / 256, and (n,) labels


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Figures of a model file.

    float32_error, integer_error : share of the test images that are wrong, in float32 and on the integer datapath.
    test_images : how many there are.
    parameters : weights and biases of the network that the method began with.
    weights, kept : weights of the file's layers, and those of them that are not zero.
    macs : multiply-accumulates of the dense network for an image.
    bytes : of the file.
    ratio : bytes of float32 weights and biases, of the network that the method began with, over those of the file.
    simulated : test images, the first ones, that the arrays' figures are means of.
    paper : on the paper's 64 PEs; None if they cannot hold the network.
    fitted : on an array of the right size; None if there is none.
    refusals : why not, by "paper" and "fitted".
    """

    float32_error: float
    integer_error: float
    test_images: int
    parameters: int
    weights: int
    kept: int
    macs: int
    bytes: int
    ratio: float
    simulated: int
    paper: OnArray | None
    fitted: OnArray | None
    refusals: dict[str, str]

    def payload(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def measure(
    path: Path, test: Images, simulated: int, say: Say = lambda _: None, begun_with: int | None = None
) -> Measured:
    """Decode a file and count everything; its inputs are images. EieError for a file that is no such network.

    begun_with : parameters of the network before a method made layers smaller; None: those of the file.
    """
    network, sizes = load_with_sizes(path)
    images, labels = test[0].reshape(len(test[0]), *network.input_shape), test[1]
    say("counting errors")
    in_float = measure_float(network.to_network(), images, labels)
    in_integers = measure_integers(network, images, labels)
    say("simulating")
    some = images[:simulated]
    parameters = begun_with or sizes.float32_bytes // 4
    refusals: dict[str, str] = {}
    arrays: dict[str, OnArray | None] = {"paper": None, "fitted": None}
    for which, run in (("paper", on_paper_array), ("fitted", on_fitted_array)):
        try:
            arrays[which] = run(network, some)
        except EieError as error:
            refusals[which] = str(error)
    return Measured(
        float32_error=in_float.error,
        integer_error=in_integers.error,
        test_images=in_float.inputs,
        parameters=parameters,
        weights=sum(layer.weights for layer in sizes.layers),
        kept=sum(layer.kept for layer in sizes.layers),
        macs=dense_macs(network),
        bytes=sizes.bytes,
        ratio=4 * parameters / sizes.bytes,
        simulated=len(some),
        paper=arrays["paper"],
        fitted=arrays["fitted"],
        refusals=refusals,
    )


def verify_file(path: Path, test: Images) -> str:
    """The first test image through the RTL of an array of the right size; "equal", or what differs first.

    EieError if no array can hold the network.
    """
    network, _ = load_with_sizes(path)
    image = test[0][:1].reshape(1, *network.input_shape)
    found = verify(network, image, right_size(network, image)[0])
    if found.equal:
        return "equal"
    return next((f"{each.quantity}: {each.difference}" for each in found.comparisons if each.difference), "no result")


def dense_macs(network: CompressedNetwork) -> int:
    """Multiply-accumulates for an input if no weight and no activation were zero."""
    shapes = [(layer.name, layer.shape, layer.convolution) for layer in network.layers]
    values = network.connections.shapes(shapes)
    waiting = iter(network.layers)
    total = 0
    for node, result in zip(network.connections.nodes, values[1:], strict=True):
        if not isinstance(node.operation, ApplyLayer | Lstm):
            continue
        layer = next(waiting)
        source = values[node.sources[0]]
        uses = prod(source[:-1]) if layer.convolution is None else prod(result[1:])  # steps, or positions
        total += uses * prod(layer.shape)
    return total
