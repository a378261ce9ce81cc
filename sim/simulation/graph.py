"""Networks with convolutions or LSTMs on an array: every output position, every step is a matrix-vector product.

An array runs fully connected layers one after another. Anything else is run layer by layer: each layer's weights are
loaded once and stay, the host hands the array one vector after another, an input of a fully connected layer, what a
position of a convolution sees or [x_t ; h_{t-1}] at a step of an LSTM, and does itself what has no weights: pooling,
joining, the nonlinearities and the cell of an LSTM (`sw.network.lstm_cell`), and storing activations.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.engine import Engine, LayerResult
from model.errors import EieError
from model.fixed_point import from_fixed
from model.image import NetworkImage
from model.schedule import LayerWork
from sim.energy.events import Events, layer_events
from sim.simulation.chain import figures
from sw.image.build import build_image
from sw.network.compressed import CompressedLayer, CompressedNetwork
from sw.network.execution import parts, run_graph
from sw.network.integer_forward import Fixed, IntegerArithmetic
from sw.network.layer import matrix_shape
from sw.network.layer_products import run_products
from sw.network.network import check_inputs
from sw.network.quantise import LayerFormat

VECTORS_AT_ONCE = 4096


@dataclass(frozen=True, kw_only=True)
class LayerRun:
    """One layer on the array.

    Parameters
    ----------
    images : the layer as laid out, an image for each group of a convolution.
    results : of each image, summed over the vectors it was given.
    load_cycles : the least cycles in which these vectors are loaded.
    """

    images: tuple[NetworkImage, ...]
    results: tuple[LayerResult, ...]
    load_cycles: int

    @property
    def name(self) -> str:
        return self.results[0].name

    @property
    def result(self) -> LayerResult:
        """The sum over the images."""
        return sum(self.results[1:], self.results[0])

    def events(self, inputs: int) -> Events:
        """The mean over the network's inputs; image bits are counted once."""
        scaled = [
            layer_events(image, 0, result).repeated(result.inputs / inputs)
            for image, result in zip(self.images, self.results, strict=True)
        ]
        return sum(scaled[1:], scaled[0])


@dataclass(frozen=True, kw_only=True)
class GraphSimulation:
    """What an array and its host do with a batch of inputs.

    Parameters
    ----------
    config : of the array.
    outputs : (inputs, *output shape) float32, in the network's units.
    overflow : (inputs,) whether an accumulator left its range.
    saturated : (inputs,) whether the input has a value beyond 16 bits.
    layers : in execution order.
    """

    config: ArrayConfig
    outputs: NDArray[np.float32]
    overflow: NDArray[np.bool_]
    saturated: NDArray[np.bool_]
    layers: tuple[LayerRun, ...]

    @property
    def inputs(self) -> int:
        """How many inputs were run."""
        return len(self.outputs)

    @property
    def cycles_per_input(self) -> float:
        """Mean cycles from start to done, over all vectors of an input."""
        return sum(layer.result.cycles for layer in self.layers) / self.inputs

    @property
    def microseconds(self) -> float:
        """Mean time from start to done at the array's clock, over all vectors of an input."""
        return self.cycles_per_input / self.config.clock_mhz

    @property
    def load_cycles_per_input(self) -> float:
        """The least cycles in which the vectors of an input are loaded."""
        return sum(layer.load_cycles for layer in self.layers) / self.inputs

    def layer_figures(self) -> dict[str, dict[str, float]]:
        """`sim.simulation.chain.figures` of every layer by name, with "vectors" per input."""
        return {
            layer.name: figures(layer.result, self.config.pes, self.inputs)
            | {"vectors": layer.result.inputs / self.inputs}
            for layer in self.layers
        }


def simulate_graph(
    network: CompressedNetwork,
    inputs: NDArray[Any],
    config: ArrayConfig,
    advance: Callable[[int], None] = lambda _: None,
) -> GraphSimulation:
    """Run (n, *input_shape) or (n, in_features) inputs; `advance` is told how many more are done.

    EieError if the network has no calibration, or a memory of the array cannot hold one of its layers.
    """
    samples = check_inputs(inputs, network.input_shape)
    if len(samples) == 0:
        raise EieError("a run must have at least one input, got none")
    arithmetic = _ArrayArithmetic(network, config)
    made: list[Fixed] = []
    saturated: list[NDArray[np.bool_]] = []
    for part in parts(len(samples), network.shapes):
        made.append(run_graph(network.connections, arithmetic, arithmetic.input(samples[part])))
        saturated.append(arithmetic.saturated(samples[part]))
        advance(len(samples[part]))
    return GraphSimulation(
        config=config,
        outputs=from_fixed(np.concatenate([part.values for part in made]), made[0].fraction_bits).astype(np.float32),
        overflow=np.concatenate([part.overflow for part in made]),
        saturated=np.concatenate(saturated),
        layers=tuple(layer.run() for layer in arithmetic.on_array),
    )


def graph_works(
    network: CompressedNetwork, inputs: NDArray[Any], config: ArrayConfig
) -> Callable[[int], list[LayerWork]]:
    """What the array is asked for one of the inputs, by its number: every vector of every layer, in execution order.

    EieError as in `simulate_graph`.
    """
    samples = check_inputs(inputs, network.input_shape)
    asked: list[LayerWork] = []

    def observe(engine: Engine, vectors: NDArray[np.int16]) -> None:
        asked.extend(work for (work,) in engine.work(vectors))

    arithmetic = _ArrayArithmetic(network, config, observe)

    def works(index: int) -> list[LayerWork]:
        asked.clear()
        run_graph(network.connections, arithmetic, arithmetic.input(samples[index : index + 1]))
        return list(asked)

    return works


_Observer = Callable[[Engine, NDArray[np.int16]], None]  # told of the physical vectors that an engine is about to run


class _ArrayArithmetic(IntegerArithmetic):
    """The integer datapath with its layers on the engine."""

    def __init__(self, network: CompressedNetwork, config: ArrayConfig, observe: _Observer | None = None):
        super().__init__(network, config.accumulator_bits)
        self.on_array = [_LayerOnArray(layer.layer, layer.format, config, observe) for layer in self.layers]

    def products(self, index: int, x: NDArray[np.int16]) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
        return run_products(self.layers[index].layer, x, self.on_array[index].product)


class _LayerOnArray:
    """The images of a layer's groups, and what they have done so far."""

    def __init__(
        self, layer: CompressedLayer, number_format: LayerFormat, config: ArrayConfig, observe: _Observer | None
    ):
        self.observe = observe
        groups = 1 if layer.convolution is None else layer.convolution.groups
        self.rows = layer.shape[0] // groups
        self.images = [
            build_image(CompressedNetwork(layers=(_group(layer, index, self.rows),)), config, [number_format], True)
            for index in range(groups)
        ]
        self.engines = [Engine(image) for image in self.images]
        self.results: list[LayerResult | None] = [None] * groups

    def product(self, rows: slice, vectors: NDArray[np.int16]) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
        """(rows, vectors) results and (vectors,) overflow of the (in, vectors) columns of one group."""
        group = int(rows.start) // self.rows
        image, engine = self.images[group], self.engines[group]
        results = np.empty((self.rows, vectors.shape[1]), np.int16)
        overflow = np.empty(vectors.shape[1], np.bool_)
        for begin in range(0, vectors.shape[1], VECTORS_AT_ONCE):
            part = slice(begin, begin + VECTORS_AT_ONCE)
            physical = np.zeros((vectors[:, part].shape[1], image.layers[0].columns), np.int16)
            physical[:, : image.in_features] = vectors[:, part].T
            if self.observe is not None:
                self.observe(engine, physical)
            (batch,) = engine.run_layers(physical)
            results[:, part] = batch.outputs[:, image.output_order].T
            overflow[part] = batch.overflow
            before, total = self.results[group], batch.total()
            self.results[group] = total if before is None else before + total
        return results, overflow

    def run(self) -> LayerRun:
        results = tuple(result for result in self.results if result is not None)
        load_cycles = sum(
            result.inputs * engine.load_cycles for result, engine in zip(results, self.engines, strict=True)
        )
        return LayerRun(images=tuple(self.images), results=results, load_cycles=load_cycles)


def _group(layer: CompressedLayer, index: int, rows: int) -> CompressedLayer:
    """The matrix of one group of a convolution, or of a fully connected layer, as a fully connected layer."""
    columns = matrix_shape(layer.shape)[1]
    first = index * rows * columns
    low, high = np.searchsorted(layer.positions, [first, first + rows * columns])
    return replace(
        layer,
        shape=(rows, columns),
        convolution=None,
        bias=layer.bias[index * rows : (index + 1) * rows],
        positions=layer.positions[low:high] - first,
        codes=layer.codes[low:high],
    )
