"""A network of any kind on an array behind the driver: whatever `sw.image.lower` makes of it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.fixed_point import leaves
from model.image import NetworkImage
from sw.host.driver import Accelerator, Counters
from sw.image.host_loop import run_layer_images
from sw.image.lower import LayerImages, Lowered


@dataclass(frozen=True, eq=False)
class DriverRun:
    """What came back.

    outputs : (inputs, *output shape) float64, in the network's units.
    counted : of every start, in order: one for each input, or for each vector of a network that is run layer by layer,
        then without the counters of the PEs.
    overflow : (inputs,) bool, whether an accumulator left its range, which the accelerator may have been told to bear.
    saturated : (inputs,) bool, whether the input has a value beyond the bits of an activation.
    """

    outputs: NDArray[np.float64]
    counted: tuple[Counters, ...]
    overflow: NDArray[np.bool_]
    saturated: NDArray[np.bool_]

    @property
    def cycles_per_input(self) -> float:
        """Mean, from start to done, over all starts."""
        return sum(counters.cycles for counters in self.counted) / len(self.outputs)


def run_network(
    accelerator: Accelerator,
    lowered: Lowered,
    inputs: NDArray[np.float32],
    advance: Callable[[int], None] = lambda _: None,
) -> DriverRun:
    """Run (n, *input_shape) inputs, one or more; `advance` is told how many more are done.

    An image is loaded once. Layer by layer, the weights of a layer (of a group of it) are loaded, all vectors of it
    are run, and the host does what has no weights. EieError as for `Accelerator.load`, ArrayError as for `run`, of
    which an accelerator that does not stop at an overflow raises none for a sum that left its accumulator.
    """
    if isinstance(lowered, NetworkImage):
        return _by_itself(accelerator, lowered, inputs.reshape(len(inputs), -1), advance)
    return _layer_by_layer(accelerator, lowered, inputs, advance)


def _by_itself(
    accelerator: Accelerator, image: NetworkImage, inputs: NDArray[np.float32], advance: Callable[[int], None]
) -> DriverRun:
    accelerator.load(image)
    outputs: list[NDArray[np.float64]] = []
    counted: list[Counters] = []
    overflow: list[bool] = []
    for x in inputs:
        outputs.append(accelerator.run(x))
        overflow.append(accelerator.overflowed)
        counted.append(accelerator.counters())
        advance(1)
    saturated = leaves(inputs, image.input_fraction_bits, image.config.activation_bits)
    return DriverRun(np.array(outputs), tuple(counted), np.array(overflow), saturated)


def _layer_by_layer(
    accelerator: Accelerator, lowered: LayerImages, inputs: NDArray[np.float32], advance: Callable[[int], None]
) -> DriverRun:
    counted: list[Counters] = []

    def run_vectors(
        layer: int, group: int, image: NetworkImage, vectors: NDArray[np.int16]
    ) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
        accelerator.load(image)
        results = np.empty((len(vectors), image.out_features), np.int16)
        overflow = np.empty(len(vectors), np.bool_)
        for number, vector in enumerate(vectors):
            results[number] = accelerator.run_integers(vector)
            overflow[number] = accelerator.overflowed
            counted.append(accelerator.counters(pes=False))
        return results, overflow

    run = run_layer_images(lowered, inputs, run_vectors, advance)
    return DriverRun(run.outputs, tuple(counted), run.overflow, run.saturated)
