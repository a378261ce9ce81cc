"""Run inputs through a compressed network on the cycle-accurate engine, in the network's own order and units."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.engine import Engine, LayerResult, RunResult
from model.fixed_point import INT16_MAX, INT16_MIN
from model.image import NetworkImage
from model.registers import PeCounter
from sw.image import build_image
from sw.image_stream import dequantise_outputs, quantise_inputs
from sw.model_file import CompressedNetwork
from sw.quantise import calibrate

CHUNK = 16  # inputs between two steps of a progress bar


@dataclass(frozen=True)
class Simulation:
    """What an array does with a batch of inputs.

    image : the network as laid out for the array.
    activations : (inputs, in_features) int16, what the inputs became.
    integers : (inputs, out_features) int16 in logical order.
    outputs : the same as float32, in the network's units.
    runs : the engine's result for each input.
    """

    image: NetworkImage
    activations: NDArray[np.int16]
    integers: NDArray[np.int16]
    outputs: NDArray[np.float32]
    runs: list[RunResult]

    @property
    def cycles_per_input(self) -> float:
        """Mean cycles from start to done."""
        return float(np.mean([run.cycles for run in self.runs]))

    @property
    def microseconds(self) -> float:
        """Mean time from start to done at the array's clock."""
        return self.cycles_per_input / self.image.config.clock_mhz


def lay_out(
    compressed: CompressedNetwork, inputs: NDArray[np.float32], config: ArrayConfig
) -> tuple[NetworkImage, bool]:
    """The network's image for an array, and whether it had to be calibrated on these inputs first."""
    calibrated_here = compressed.calibration is None
    if calibrated_here:
        compressed = calibrate(compressed, inputs)
    return build_image(compressed, config), calibrated_here


def count_saturated(image: NetworkImage, inputs: NDArray[np.float32]) -> int:
    """How many inputs have a value beyond the 16 bits of the array's activations."""
    scaled = np.rint(np.ldexp(inputs.astype(np.float64), image.input_fraction_bits))
    return int(np.count_nonzero(((scaled < INT16_MIN) | (scaled > INT16_MAX)).any(axis=1)))


def simulate(
    image: NetworkImage, inputs: NDArray[np.float32], advance: Callable[[int], None] = lambda _: None
) -> Simulation:
    """Run every input; `advance` is told how many more are done."""
    activations = quantise_inputs(image, inputs)
    physical = np.zeros((len(activations), image.layers[0].columns), dtype=np.int16)
    physical[:, : image.in_features] = activations
    engine = Engine(image)
    runs: list[RunResult] = []
    for begin in range(0, len(physical), CHUNK):
        batch = physical[begin : begin + CHUNK]
        runs += engine.run(batch)
        advance(len(batch))
    integers = np.array([run.outputs[image.output_order] for run in runs], dtype=np.int16)
    outputs = dequantise_outputs(image, integers).astype(np.float32)
    return Simulation(image, activations, integers, outputs, runs)


def figures(results: Sequence[LayerResult], inputs: int, pes: int) -> dict[str, float]:
    """Means per input over the results of one layer, or of all layers, for `inputs` inputs.

    `entries`, `fillers`: those of active columns. `useful_efficiency`: their nonzero weights over PE cycles.
    `balance`: cycles in which a PE had something in its queue over PE cycles.
    """

    counters = np.zeros_like(results[0].counters)
    for result in results:
        counters += result.counters

    def mean(values: Iterable[int]) -> float:
        return float(sum(values)) / inputs

    def counted(counter: PeCounter) -> float:
        return float(counters[counter].sum()) / inputs

    cycles = mean(result.cycles for result in results)
    return {
        "compute_cycles": mean(result.compute_cycles for result in results),
        "drain_cycles": mean(result.drain_cycles for result in results),
        "write_back_cycles": mean(result.write_back_cycles for result in results),
        "cycles": cycles,
        "broadcasts": mean(result.broadcasts for result in results),
        "stalls": mean(result.stalls for result in results),
        "entries": counted(PeCounter.ENTRIES),
        "fillers": counted(PeCounter.FILLERS),
        "useful_efficiency": mean(result.nonzeros_active for result in results) / (pes * cycles),
        "balance": mean(int(result.busy_cycles.sum()) for result in results) / (pes * cycles),
    }


def layer_figures(simulation: Simulation) -> dict[str, dict[str, float]]:
    """`figures` of every layer, by name, in execution order."""
    runs, pes = simulation.runs, simulation.image.config.pes
    return {
        layer.name: figures([run.layers[number] for run in runs], len(runs), pes)
        for number, layer in enumerate(simulation.image.layers)
    }


def total_figures(simulation: Simulation) -> dict[str, float]:
    """`figures` of the whole network."""
    runs = simulation.runs
    return figures([layer for run in runs for layer in run.layers], len(runs), simulation.image.config.pes)
