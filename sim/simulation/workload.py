"""What commands that look inside a run look at: a network with inputs, or seeded layers of the EIE paper, laid out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from model.config import ArrayConfig
from model.errors import EieError
from model.schedule import LayerWork
from sim.fields import check_seed
from sim.paper import chosen
from sim.progress import Progress
from sim.simulation.image_run import image_works
from sim.simulation.paper_layers import BenchmarkLayer
from sim.simulation.prepare import load_with_inputs
from sim.simulation.ranges import Ranges
from sim.simulation.simulate import simulate_lowered, works_lowered
from sw.image.lower import lower
from sw.network.compressed import CompressedNetwork
from sw.network.network import check_inputs

Fit = Callable[[CompressedNetwork, Progress], ArrayConfig]  # the array of a calibrated network


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
    ranges : how many of a part of the inputs left a range; None for layers of the paper, calibrated on their own.
    """

    name: str
    config: ArrayConfig
    enlarged: Mapping[str, int]
    inputs: int
    works: Callable[[int], list[LayerWork]]
    ranges: Callable[[slice], Ranges | None]


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


def workloads(source: Source, array: ArrayConfig, progress: Progress, fit: Fit | None = None) -> Iterator[Workload]:
    """One network, or the layers of the paper in its order, laid out for the array one after the other.

    `fit` makes the array for a network instead, of as many activation bits as `array`.
    """
    if source.network is None or source.inputs_file is None:
        for layer in chosen(source.layers):
            with progress.steps(f"compressing and laying out {layer.name} for {array.pes} PEs"):
                made = BenchmarkLayer(layer, array.code_bits, source.seed)
                image, enlarged = made.fit(array)
                asked = image_works(image, made.inputs)
            yield Workload(
                name=layer.name, config=image.config, enlarged=enlarged, inputs=1, works=asked, ranges=lambda _: None
            )
        return
    compressed, inputs, _ = load_with_inputs(source.network, source.inputs_file, progress, array.activation_bits)
    if fit is not None:
        array = fit(compressed, progress)
    with progress.steps(f"laying out for {array.pes} PEs"):
        lowered, samples = lower(compressed, array), check_inputs(inputs, compressed.input_shape)
        asked = works_lowered(lowered, samples)
    yield Workload(
        name=str(source.network),
        config=array,
        enlarged={},
        inputs=len(inputs),
        works=asked,
        ranges=lambda part: simulate_lowered(lowered, samples[part]).ranges,
    )
