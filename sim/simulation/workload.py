"""What commands that look inside a run look at: a network with inputs, or seeded layers of the EIE paper, laid out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.engine import Engine
from model.errors import EieError
from model.image import NetworkImage
from model.schedule import LayerWork
from sim.fields import check_seed
from sim.npy import read_inputs
from sim.paper import chosen
from sim.simulation.chain import calibration_note, physical_inputs
from sim.simulation.graph import graph_works
from sim.simulation.paper_layers import BenchmarkLayer
from sim.terminal.output import Output
from sw.file.model_file import load
from sw.image.build import build_image
from sw.image.stream import quantise_inputs
from sw.network.calibrate import calibrate
from sw.network.chain import is_chain
from sw.network.compressed import CompressedNetwork


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the layers come from: a network file with inputs, or the layers of the paper if there is none.

    Parameters
    ----------
    network, inputs_file : both or neither.
    layers : names of layers of the paper, without a network; None for all.
    seed : of their random weights and inputs.
    """

    network: Path | None
    inputs_file: Path | None
    layers: Sequence[str] | None
    seed: int


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A network on an array, ready to be scheduled.

    Parameters
    ----------
    name : of the file or of the layer of the paper.
    config : the array that holds it.
    enlarged : fields of `config` that are larger than in the array asked for, because the layer needs it.
    inputs : how many there are.
    works : what the array is asked for one of the inputs, by its number: every layer in order, and for a network that
        the host runs layer by layer every vector of a layer.
    """

    name: str
    config: ArrayConfig
    enlarged: Mapping[str, int]
    inputs: int
    works: Callable[[int], list[LayerWork]]


def source(
    network: Path | None, inputs_file: Path | None, bench: bool, layers: Sequence[str] | None, seed: int
) -> Source:
    """The source that these options describe; EieError with one sentence if they describe none or two."""
    if bench == (network is not None):
        raise EieError("wanted a network, NET.eie, or --bench: one of them" + (", got both" if bench else ", got none"))
    if bench and inputs_file is not None:
        raise EieError("--input is for a network; the layers of --bench have inputs of their own")
    if not bench and inputs_file is None:
        raise EieError(f"{network} needs inputs: --input X.npy")
    if not bench and layers:
        raise EieError("--layer names layers of --bench; a network runs whole")
    check_seed(seed)
    chosen(layers)
    return Source(network=network, inputs_file=inputs_file, layers=layers, seed=seed)


def workloads(source: Source, array: ArrayConfig, output: Output) -> Iterator[Workload]:
    """One network, or the layers of the paper in its order, laid out for the array one after the other."""
    if source.network is None or source.inputs_file is None:
        for layer in chosen(source.layers):
            with output.steps(f"compressing and laying out {layer.name} for {array.pes} PEs"):
                made = BenchmarkLayer(layer, array.code_bits, source.seed)
                image, enlarged = made.fit(array)
                works = chain_works(image, made.inputs)
            yield Workload(name=layer.name, config=image.config, enlarged=enlarged, inputs=1, works=works)
        return
    compressed = load(source.network)
    inputs = read_inputs(source.inputs_file, *compressed.shapes[0])
    if compressed.calibration is None:
        output.note(calibration_note(source.network, inputs))
        compressed = calibrate(compressed, inputs)
    with output.steps(f"laying out for {array.pes} PEs"):
        works = network_works(compressed, inputs, array)
    yield Workload(name=str(source.network), config=array, enlarged={}, inputs=len(inputs), works=works)


def network_works(
    network: CompressedNetwork, inputs: NDArray[np.float32], array: ArrayConfig
) -> Callable[[int], list[LayerWork]]:
    """What the array is asked for one of the inputs of a calibrated network, by its number; see `Workload`."""
    if is_chain(network):
        return chain_works(build_image(network, array), inputs)
    return graph_works(network, inputs, array)


def chain_works(image: NetworkImage, inputs: NDArray[np.float32]) -> Callable[[int], list[LayerWork]]:
    """The same for fully connected layers in a row, laid out."""
    physical, engine = physical_inputs(image, quantise_inputs(image, inputs)), Engine(image)
    return lambda index: engine.work(physical[index : index + 1])[0]
