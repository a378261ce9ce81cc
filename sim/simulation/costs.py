"""What a compressed network costs on an array, whatever it is made of: figures and events, mean per input."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from sim.energy.events import Events
from sim.npy import read_inputs
from sim.simulation.chain import simulate, simulation_events, sum_figures, total_figures
from sim.simulation.graph import simulate_graph
from sw.file.model_file import load
from sw.image.build import build_image
from sw.network.calibrate import calibrate
from sw.network.chain import is_chain
from sw.network.compressed import CompressedNetwork


def load_with_inputs(network: Path, inputs: Path) -> tuple[CompressedNetwork, NDArray[np.float32], bool]:
    """A network and inputs for it from files, calibrated; whether it had to be, on these inputs."""
    compressed = load(network)
    values = read_inputs(inputs, *compressed.shapes[0])
    calibrated_here = compressed.calibration is None
    return (calibrate(compressed, values) if calibrated_here else compressed), values, calibrated_here


def network_costs(
    network: CompressedNetwork,
    inputs: NDArray[Any],
    array: ArrayConfig,
    advance: Callable[[int], None] = lambda _: None,
) -> tuple[dict[str, float], dict[str, Events]]:
    """`sim.simulation.chain.figures` of the network and the events of each layer by name, as `eie simulate` has them.

    The network is calibrated; `advance` is told how many more inputs are done. EieError if the array cannot hold it.
    """
    if is_chain(network):
        simulation = simulate(build_image(network, array), inputs, advance)
        return total_figures(simulation), simulation_events(simulation)
    graph = simulate_graph(network, inputs, array, advance)
    total = sum_figures([layer.result for layer in graph.layers], array.pes, graph.inputs)
    return total, {layer.name: layer.events(graph.inputs) for layer in graph.layers}
