"""Inputs through a network that an array runs by itself, on the cycle-accurate engine, in the network's own order."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from model.engine import Engine, LayerBatch, LayerResult, RunResult
from model.fixed_point import leaves
from model.image import NetworkImage
from model.schedule import LayerWork
from sim.energy.events import Events, layer_events
from sim.simulation.ranges import Ranges
from sw.image.load_cycles import pass_load_cycles
from sw.image.stream import dequantise_outputs, quantise_inputs

CHUNK = 256  # inputs between two steps of a progress bar


@dataclass(frozen=True, eq=False)
class ImageRun:
    """What the array does with a batch of inputs, in its own integers: what hardware is compared with.

    image : the network as laid out for the array.
    activations : (inputs, in_features) int16, what the inputs became.
    saturated : (inputs,) whether the input has a value beyond the bits of an activation.
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
    saturated: NDArray[np.bool_]
    integers: NDArray[np.int16]
    outputs: NDArray[np.float32]
    layers: tuple[LayerResult, ...]
    cycles: NDArray[np.int64]
    overflow: NDArray[np.bool_]
    load_cycles: int
    pass_load_cycles: tuple[int, ...]

    @property
    def cycles_per_input(self) -> float:
        """Mean cycles from start to done."""
        return float(self.cycles.mean())

    @property
    def ranges(self) -> Ranges:
        """How many inputs left a range."""
        return Ranges.of(self.saturated, self.overflow, self.image.config, self.cycles)

    @property
    def events(self) -> dict[str, Events]:
        """Of every layer by name, in execution order, mean per input."""
        return {
            layer.name: layer_events(self.image, number, layer, len(self.cycles))
            for number, layer in enumerate(self.layers)
        }

    @cached_property
    def runs(self) -> list[RunResult]:
        """The engine's result for each input, run once more."""
        return Engine(self.image).run(physical_inputs(self.image, self.activations))


def run_image(
    image: NetworkImage, inputs: NDArray[np.float32], advance: Callable[[int], None] = lambda _: None
) -> ImageRun:
    """Run (n, in_features) inputs, one or more; `advance` is told how many more are done."""
    activations = quantise_inputs(image, inputs)
    physical = physical_inputs(image, activations)
    engine = Engine(image)
    chunks: list[list[LayerBatch]] = []
    for begin in range(0, len(physical), CHUNK):
        chunks.append(engine.run_layers(physical[begin : begin + CHUNK]))
        advance(len(physical[begin : begin + CHUNK]))
    integers = np.concatenate([layers[-1].outputs[:, image.output_order] for layers in chunks])
    return ImageRun(
        image=image,
        activations=activations,
        saturated=saturated_inputs(image, inputs),
        integers=integers,
        outputs=dequantise_outputs(image, integers).astype(np.float32),
        layers=tuple(reduce(add, [layers[number].total() for layers in chunks]) for number in range(len(image.layers))),
        cycles=np.concatenate([np.sum([layer.cycles for layer in layers], axis=0) for layers in chunks]),
        overflow=np.concatenate([np.any([layer.overflow for layer in layers], axis=0) for layers in chunks]),
        load_cycles=engine.load_cycles,
        pass_load_cycles=pass_load_cycles(image),
    )


def image_works(image: NetworkImage, inputs: NDArray[np.float32]) -> Callable[[int], list[LayerWork]]:
    """What the array is asked for one of the inputs, by its number: every layer in execution order."""
    physical, engine = physical_inputs(image, quantise_inputs(image, inputs)), Engine(image)
    return lambda index: engine.work(physical[index : index + 1])[0]


def physical_inputs(image: NetworkImage, activations: NDArray[np.int16]) -> NDArray[np.int16]:
    """(inputs, columns of the first layer): padded to whole local rows."""
    return image.physical_inputs(activations)


def saturated_inputs(image: NetworkImage, inputs: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(n,), whether an input has a value beyond the bits of the array's activations."""
    return leaves(inputs, image.input_fraction_bits, image.config.activation_bits)
