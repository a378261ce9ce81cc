"""Run inputs through a compressed network on the cycle-accurate engine, in the network's own order and units."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.engine import Engine, LayerBatch, LayerResult, RunResult
from model.fixed_point import INT16_MAX, INT16_MIN
from model.image import NetworkImage
from model.registers import PeCounter
from sim.energy.events import Events, layer_events
from sw.file.model_file import CompressedNetwork
from sw.image.build import build_image
from sw.image.load_cycles import pass_load_cycles
from sw.image.stream import dequantise_outputs, quantise_inputs
from sw.network.calibrate import calibrate

CHUNK = 256  # inputs between two steps of a progress bar


@dataclass(frozen=True)
class Simulation:
    """What an array does with a batch of inputs.

    image : the network as laid out for the array.
    activations : (inputs, in_features) int16, what the inputs became.
    integers : (inputs, out_features) int16 in logical order.
    outputs : the same as float32, in the network's units.
    layers : the engine's figures of every layer, summed over the inputs.
    cycles : (inputs,) int64, from start to done.
    overflow : (inputs,) whether an accumulator left its range.
    load_cycles : those of loading one input, if the host always offers a word.
    pass_load_cycles : the same of loading the layers of every pass; several passes are loaded again for every input.
    """

    image: NetworkImage
    activations: NDArray[np.int16]
    integers: NDArray[np.int16]
    outputs: NDArray[np.float32]
    layers: tuple[LayerResult, ...]
    cycles: NDArray[np.int64]
    overflow: NDArray[np.bool_]
    load_cycles: int
    pass_load_cycles: tuple[int, ...]

    @property
    def inputs(self) -> int:
        """How many inputs were run."""
        return len(self.activations)

    @property
    def cycles_per_input(self) -> float:
        """Mean cycles from start to done."""
        return float(self.cycles.mean())

    @property
    def reload_cycles(self) -> int:
        """Of loading the second and later passes between the runs of one input."""
        return sum(self.pass_load_cycles[1:])

    @property
    def microseconds(self) -> float:
        """Mean time from start to done at the array's clock."""
        return self.cycles_per_input / self.image.config.clock_mhz

    @cached_property
    def runs(self) -> list[RunResult]:
        """The engine's result for each input, run once more."""
        return Engine(self.image).run(physical_inputs(self.image, self.activations))


def lay_out(
    compressed: CompressedNetwork, inputs: NDArray[np.float32], config: ArrayConfig
) -> tuple[NetworkImage, bool]:
    """The network's image for an array, and whether it had to be calibrated on these inputs first."""
    calibrated_here = compressed.calibration is None
    if calibrated_here:
        compressed = calibrate(compressed, inputs)
    return build_image(compressed, config), calibrated_here


def calibration_note(network: Path, inputs: NDArray[np.float32]) -> str:
    """What a command says of a network that it had to calibrate itself."""
    return f"{network} has no calibration: binary points are chosen from these {len(inputs)} inputs"


def count_saturated(image: NetworkImage, inputs: NDArray[np.float32]) -> int:
    """How many inputs have a value beyond the 16 bits of the array's activations."""
    scaled = np.rint(np.ldexp(inputs.astype(np.float64), image.input_fraction_bits))
    return int(np.count_nonzero(((scaled < INT16_MIN) | (scaled > INT16_MAX)).any(axis=1)))


def simulate(
    image: NetworkImage, inputs: NDArray[np.float32], advance: Callable[[int], None] = lambda _: None
) -> Simulation:
    """Run every input; `advance` is told how many more are done."""
    activations = quantise_inputs(image, inputs)
    physical = physical_inputs(image, activations)
    engine = Engine(image)
    chunks: list[list[LayerBatch]] = []
    for begin in range(0, len(physical), CHUNK):
        chunks.append(engine.run_layers(physical[begin : begin + CHUNK]))
        advance(len(physical[begin : begin + CHUNK]))
    integers = np.concatenate([layers[-1].outputs[:, image.output_order] for layers in chunks])
    return Simulation(
        image=image,
        activations=activations,
        integers=integers,
        outputs=dequantise_outputs(image, integers).astype(np.float32),
        layers=tuple(reduce(add, [layers[number].total() for layers in chunks]) for number in range(len(image.layers))),
        cycles=np.concatenate([np.sum([layer.cycles for layer in layers], axis=0) for layers in chunks]),
        overflow=np.concatenate([np.any([layer.overflow for layer in layers], axis=0) for layers in chunks]),
        load_cycles=engine.load_cycles,
        pass_load_cycles=pass_load_cycles(image),
    )


def physical_inputs(image: NetworkImage, activations: NDArray[np.int16]) -> NDArray[np.int16]:
    """(inputs, columns of the first layer): padded to whole local rows."""
    physical = np.zeros((len(activations), image.columns), dtype=np.int16)
    physical[:, : image.in_features] = activations
    return physical


def figures(result: LayerResult, pes: int, inputs: int | None = None) -> dict[str, float]:
    """Means per input of the sums that `result` holds, over its own inputs or those of the network.

    `entries`, `fillers`: those of active columns. `useful_efficiency`: their nonzero weights over PE cycles.
    `balance`: cycles in which a PE had something in its queue over PE cycles.
    """

    def mean(value: float) -> float:
        return float(value) / (inputs or result.inputs)

    def counted(counter: PeCounter) -> float:
        return mean(result.counters[counter].sum())

    cycles = mean(result.cycles)
    return {
        "compute_cycles": mean(result.compute_cycles),
        "drain_cycles": mean(result.drain_cycles),
        "write_back_cycles": mean(result.write_back_cycles),
        "cycles": cycles,
        "broadcasts": mean(result.broadcasts),
        "stalls": mean(result.stalls),
        "entries": counted(PeCounter.ENTRIES),
        "fillers": counted(PeCounter.FILLERS),
        "useful_efficiency": mean(result.nonzeros_active) / (pes * cycles),
        "balance": mean(result.busy_cycles.sum()) / (pes * cycles),
    }


def layer_figures(simulation: Simulation) -> dict[str, dict[str, float]]:
    """`figures` of every layer, by name, in execution order."""
    return {layer.name: figures(layer, simulation.image.config.pes) for layer in simulation.layers}


def total_figures(simulation: Simulation) -> dict[str, float]:
    """`figures` of the whole network."""
    return sum_figures(simulation.layers, simulation.image.config.pes, simulation.inputs)


def sum_figures(results: Sequence[LayerResult], pes: int, inputs: int) -> dict[str, float]:
    """`figures` of several layers together."""
    layers = [figures(layer, pes, inputs) for layer in results]
    total = {name: sum(layer[name] for layer in layers) for name in layers[0]}
    useful = sum(layer.nonzeros_active for layer in results) / inputs
    busy = sum(int(layer.busy_cycles.sum()) for layer in results) / inputs
    return total | {
        "useful_efficiency": useful / (pes * total["cycles"]),
        "balance": busy / (pes * total["cycles"]),
    }


def simulation_events(simulation: Simulation) -> dict[str, Events]:
    """`layer_events` of every layer, by name, in execution order."""
    return {layer.name: layer_events(simulation.image, number, layer) for number, layer in enumerate(simulation.layers)}
