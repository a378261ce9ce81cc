"""One simulation, whatever the network is made of."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.errors import EieError
from model.image import NetworkImage
from model.schedule import LayerWork
from sim.energy.technology import Technology, load_technology
from sim.simulation.image_run import ImageRun, image_works, run_image
from sim.simulation.layers_run import LayersRun, layers_works, run_layers
from sim.simulation.run import Pass, Run
from sw.image.lower import Lowered, lower
from sw.network.compressed import CompressedNetwork
from sw.network.network import check_inputs

Advanced = Callable[[int], None]


def simulate(
    network: CompressedNetwork,
    inputs: NDArray[Any],
    array: ArrayConfig,
    *,
    technology: Technology | None = None,
    advance: Advanced = lambda _: None,
) -> Run:
    """Run inputs through a calibrated network on an array, cycle for cycle.

    Parameters
    ----------
    inputs : (n, *input_shape) or (n, in_features) finite real numbers, one or more.
    technology : prices the events; the 45 nm file that comes with eie if not given.
    advance : is told how many more inputs are done.

    EieError if the network is not calibrated, the inputs do not fit it, or the array cannot run it.
    """
    samples = check_inputs(inputs, network.input_shape)
    if len(samples) == 0:
        raise EieError("a run must have at least one input, got none")
    return simulate_lowered(lower(network, array), samples, technology=technology, advance=advance)


def simulate_lowered(
    lowered: Lowered,
    inputs: NDArray[np.float32],
    *,
    technology: Technology | None = None,
    advance: Advanced = lambda _: None,
) -> Run:
    """The same for a network that is lowered already: here is a case for each way in `sw.image.lower`."""
    priced = technology or load_technology()
    if isinstance(lowered, NetworkImage):
        return _by_itself(run_image(lowered, inputs.reshape(len(inputs), -1), advance), priced)
    return _by_host(run_layers(lowered, inputs, advance), priced)


def works(network: CompressedNetwork, inputs: NDArray[Any], array: ArrayConfig) -> Callable[[int], list[LayerWork]]:
    """What the array is asked for one of the inputs of a calibrated network, by its number.

    Every layer in execution order, and where the host hands it vectors every vector of a layer. EieError as above.
    """
    return works_lowered(lower(network, array), check_inputs(inputs, network.input_shape))


def works_lowered(lowered: Lowered, inputs: NDArray[np.float32]) -> Callable[[int], list[LayerWork]]:
    """The same for a network that is lowered already."""
    if isinstance(lowered, NetworkImage):
        return image_works(lowered, inputs.reshape(len(inputs), -1))
    return layers_works(lowered, inputs)


def _by_itself(run: ImageRun, technology: Technology) -> Run:
    events = run.events
    passes: list[Pass] = []
    for group, load_cycles in zip(run.image.passes, run.pass_load_cycles, strict=True):
        names = tuple(layer.name for layer in group)
        bits, cycles = (sum(getattr(events[name], what) for name in names) for what in ("image_bits", "cycles"))
        passes.append(Pass(names, load_cycles, bits, cycles))
    return Run(
        config=run.image.config,
        technology=technology,
        outputs=run.outputs,
        overflow=run.overflow,
        saturated=run.saturated,
        cycles=run.cycles,
        events=events,
        load_cycles=run.load_cycles,
        passes=tuple(passes),
        by_host=False,
        cuts=run.image.cuts,
    )


def _by_host(run: LayersRun, technology: Technology) -> Run:
    return Run(
        config=run.lowered.config,
        technology=technology,
        outputs=run.made.outputs.astype(np.float32),
        overflow=run.made.overflow,
        saturated=run.made.saturated,
        cycles=None,
        events=run.events,
        load_cycles=run.load_cycles / run.inputs,
        passes=(),
        by_host=True,
    )
