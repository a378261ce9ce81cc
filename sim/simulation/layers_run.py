"""A network that the host hands to an array layer by layer (`sw.image.lower`), the array being the engine."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.engine import Engine, LayerResult
from model.image import NetworkImage
from model.schedule import LayerWork
from sim.energy.events import Events, layer_events, total_events
from sw.image.host_loop import run_layer_images
from sw.image.lower import LayerImages
from sw.network.integer_forward import IntegerRun
from sw.network.network import check_inputs

VECTORS_AT_ONCE = 4096

_Observer = Callable[[Engine, NDArray[np.int16]], None]  # told of the physical vectors that an engine is about to run


@dataclass(frozen=True, eq=False)
class LayersRun:
    """What an array and its host do with a batch of inputs.

    lowered : the layers as laid out for the array.
    made : what comes out, in integers.
    results : the engine's figures of every layer's images, summed over the vectors they were given.
    load_cycles : the least cycles in which all these vectors are loaded.
    """

    lowered: LayerImages
    made: IntegerRun
    results: tuple[tuple[LayerResult, ...], ...]
    load_cycles: int

    @property
    def inputs(self) -> int:
        """How many were run."""
        return len(self.made.integers)

    @property
    def events(self) -> dict[str, Events]:
        """Of every layer by name, in execution order, mean per input."""
        return {
            layer.name: total_events(
                [layer_events(image, 0, result, self.inputs) for image, result in zip(images, results, strict=True)]
            )
            for layer, images, results in zip(
                self.lowered.network.layers, self.lowered.layers, self.results, strict=True
            )
        }


def run_layers(
    lowered: LayerImages, inputs: NDArray[Any], advance: Callable[[int], None] = lambda _: None
) -> LayersRun:
    """Run (n, *input_shape) or (n, in_features) inputs; `advance` is told how many more are done."""
    array = _Engines(lowered)
    made = run_layer_images(lowered, inputs, array.run, advance)
    return LayersRun(lowered, made, array.totals(), array.load_cycles())


def layer_vectors(lowered: LayerImages, inputs: NDArray[Any]) -> tuple[list[list[NDArray[np.int16]]], IntegerRun]:
    """Of every layer, and every group of it, the (vectors, in) int16 that it is handed, in execution order.

    And what comes out at the end.
    """
    array = _Engines(lowered)
    handed: list[list[list[NDArray[np.int16]]]] = [[[] for _ in images] for images in lowered.layers]

    def run(
        layer: int, group: int, image: NetworkImage, vectors: NDArray[np.int16]
    ) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
        handed[layer][group].append(np.array(vectors))
        return array.run(layer, group, image, vectors)

    made = run_layer_images(lowered, inputs, run)
    return [[np.concatenate(group) for group in groups] for groups in handed], made


def layers_works(lowered: LayerImages, inputs: NDArray[Any]) -> Callable[[int], list[LayerWork]]:
    """What the array is asked for one of the inputs, by its number: every vector of every layer, in execution order."""
    samples = check_inputs(inputs, lowered.network.input_shape)
    asked: list[LayerWork] = []

    def observe(engine: Engine, vectors: NDArray[np.int16]) -> None:
        asked.extend(work for (work,) in engine.work(vectors))

    array = _Engines(lowered, observe)

    def works(index: int) -> list[LayerWork]:
        asked.clear()
        run_layer_images(lowered, samples[index : index + 1], array.run)
        return list(asked)

    return works


class _Engines:
    """An engine for every image, and what they have done so far."""

    def __init__(self, lowered: LayerImages, observe: _Observer | None = None):
        self._observe = observe
        self._engines = [[Engine(image) for image in images] for images in lowered.layers]
        self._results: dict[tuple[int, int], LayerResult] = {}

    def run(
        self, layer: int, group: int, image: NetworkImage, vectors: NDArray[np.int16]
    ) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
        """`sw.image.host_loop.RunVectors`."""
        engine = self._engines[layer][group]
        results = np.empty((len(vectors), image.out_features), np.int16)
        overflow = np.empty(len(vectors), np.bool_)
        for begin in range(0, len(vectors), VECTORS_AT_ONCE):
            part = slice(begin, begin + VECTORS_AT_ONCE)
            physical = np.zeros((len(vectors[part]), image.columns), np.int16)
            physical[:, : image.in_features] = vectors[part]
            if self._observe is not None:
                self._observe(engine, physical)
            (batch,) = engine.run_layers(physical)
            results[part] = batch.outputs[:, image.output_order]
            overflow[part] = batch.overflow
            total, before = batch.total(), self._results.get((layer, group))
            self._results[layer, group] = total if before is None else before + total
        return results, overflow

    def totals(self) -> tuple[tuple[LayerResult, ...], ...]:
        """Of every layer's images."""
        return tuple(
            tuple(self._results[layer, group] for group in range(len(engines)))
            for layer, engines in enumerate(self._engines)
        )

    def load_cycles(self) -> int:
        """The least in which all vectors were loaded."""
        return sum(
            result.inputs * self._engines[layer][group].load_cycles for (layer, group), result in self._results.items()
        )
