"""A run of any network: its layers, or its passes, with their figures and events."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from sim.energy.events import Events
from sim.simulation.chain import (
    Simulation,
    count_saturated,
    layer_figures,
    simulate,
    simulation_events,
    sum_figures,
    total_figures,
)
from sim.simulation.graph import simulate_graph
from sim.terminal.output import Output
from sw.image.build import build_image
from sw.network.chain import is_chain
from sw.network.compressed import CompressedNetwork


@dataclass(frozen=True)
class Pass:
    """Layers and column tiles that the array holds at once.

    layers : their names.
    load_cycles : in which they are loaded, if the host always offers a word.
    image_bits : read from DRAM for that.
    cycles : of their runs, mean per input.
    """

    layers: tuple[str, ...]
    load_cycles: int
    image_bits: float
    cycles: float


class NetworkRun(NamedTuple):
    """What an array does with a batch of inputs of any network.

    layers, total : `sim.simulation.chain.figures` of each layer by name, and of the network.
    events : of each layer, mean per input.
    load_cycles : in which an input is loaded, or all vectors that it becomes, if the host always offers a word.
    passes : what the array holds at once, one after the other.
    by_host : whether the host hands the array one vector after another, and does what has no weights.
    """

    outputs: NDArray[np.float32]
    inputs: int
    saturated: int
    overflows: int
    layers: dict[str, dict[str, float]]
    total: dict[str, float]
    events: dict[str, Events]
    load_cycles: float
    passes: tuple[Pass, ...]
    by_host: bool

    @property
    def reload_cycles(self) -> int:
        """Of loading the second and later passes between the runs of one input."""
        return sum(each.load_cycles for each in self.passes[1:])


def run_network(
    output: Output, compressed: CompressedNetwork, inputs: NDArray[np.float32], array: ArrayConfig
) -> NetworkRun:
    """Simulate a calibrated network, with a progress bar."""
    return (_run_chain if is_chain(compressed) else _run_graph)(output, compressed, inputs, array)


def _run_chain(
    output: Output, compressed: CompressedNetwork, inputs: NDArray[np.float32], array: ArrayConfig
) -> NetworkRun:
    with output.steps(f"laying out for {array.pes} PEs"):
        image = build_image(compressed, array)
    with output.bar(f"simulating {len(inputs)} inputs", len(inputs)) as advance:
        simulation = simulate(image, inputs, advance)
    return chain_run(simulation, count_saturated(image, inputs))


def chain_run(simulation: Simulation, saturated: int) -> NetworkRun:
    layers, events = layer_figures(simulation), simulation_events(simulation)
    passes: list[Pass] = []
    for group, load_cycles in zip(simulation.image.passes, simulation.pass_load_cycles, strict=True):
        names = tuple(layer.name for layer in group)
        bits = sum(events[name].image_bits for name in names)
        passes.append(Pass(names, load_cycles, bits, sum(layers[name]["cycles"] for name in names)))
    return NetworkRun(
        outputs=simulation.outputs,
        inputs=simulation.inputs,
        saturated=saturated,
        overflows=int(simulation.overflow.sum()),
        layers=layers,
        total=total_figures(simulation),
        events=events,
        load_cycles=simulation.load_cycles,
        passes=tuple(passes),
        by_host=False,
    )


def _run_graph(
    output: Output, compressed: CompressedNetwork, inputs: NDArray[np.float32], array: ArrayConfig
) -> NetworkRun:
    with output.bar(f"simulating {len(inputs)} inputs", len(inputs)) as advance:
        simulation = simulate_graph(compressed, inputs, array, advance)
    return NetworkRun(
        outputs=simulation.outputs,
        inputs=simulation.inputs,
        saturated=int(simulation.saturated.sum()),
        overflows=int(simulation.overflow.sum()),
        layers=simulation.layer_figures(),
        total=sum_figures([layer.result for layer in simulation.layers], array.pes, simulation.inputs),
        events={layer.name: layer.events(simulation.inputs) for layer in simulation.layers},
        load_cycles=simulation.load_cycles_per_input,
        passes=(),
        by_host=True,
    )
