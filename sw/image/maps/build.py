"""Compiling a network for an array with `maps`: one program, loaded once and started once for every input."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np

from model.config import ArrayConfig
from model.errors import TooSmallError
from model.image import LayerImage, NetworkImage
from sw.image.maps.grouping import choose_groupings
from sw.image.maps.memory import joined_maps
from sw.image.maps.placement import Placer, Sources
from sw.image.maps.program import assemble
from sw.image.maps.step import Made, Step, Steps, Term, as_map
from sw.image.maps.steps import to_steps
from sw.image.maps.unrolling import unrolled_layers
from sw.network.compressed import CompressedNetwork
from sw.network.quantise import LayerFormat, choose_formats, source_bits


def build_map_image(
    network: CompressedNetwork,
    config: ArrayConfig,
    formats: Sequence[LayerFormat] | None = None,
    smallest: bool = False,
) -> NetworkImage:
    """Map layers of all that a network does; its outputs are those of `sw.network.integer_forward`, to the bit.

    `formats` as in `sw.image.build`; `smallest` leaves out columns for single positions. EieError names the layer or
    operation that the array lacks, and for a network that does not fit says how much of each memory it needs.
    """
    if formats is None:
        formats = choose_formats(network, config.accumulator_bits, config.activation_bits)
    for layer in network.layers:
        if layer.code_bits > config.code_bits:
            raise TooSmallError(
                f"layer {layer.name}: the array takes codes of at most {config.code_bits} bits, got {layer.code_bits}"
            )
    steps = to_steps(network, formats, config.activation_bits)
    _end_with_output(steps)
    placer = Placer(network, steps, config)
    groupings = choose_groupings(network, steps, tuple(formats), config, placer)
    program = assemble(network, steps, tuple(formats), config, placer, groupings)
    buffers, compiler = program.memory.buffers, program.layers
    if smallest:
        layers = tuple(layer for step in steps.steps for layer in compiler.of_step(step))
    else:
        layers = unrolled_layers(steps, compiler, config)
    _check_fits(layers, program.memory.rows, config)
    assert steps.output is not None
    assert network.calibration is not None  # `to_steps` asks for it
    source = buffers[0]
    last = buffers[-1]
    return NetworkImage(
        config=config,
        layers=_told_apart(layers),
        in_features=network.in_features,
        out_features=network.out_features,
        input_fraction_bits=source_bits(network.calibration, config.activation_bits),
        output_fraction_bits=steps.output.fraction_bits,
        output_order=compiler.physical[steps.output.elements.reshape(-1)] - last.row * config.pes,
        input_rows=source.rows,
        input_order=compiler.physical[steps.inputs],
    )


def _told_apart(layers: Sequence[LayerImage]) -> tuple[LayerImage, ...]:
    """With names of their own: figures are kept by name, and a sum has a layer for each of its terms."""
    several = {name: number for name, number in Counter(layer.name for layer in layers).items() if number > 1}
    seen: Counter[str] = Counter()
    told: list[LayerImage] = []
    for layer in layers:
        seen[layer.name] += 1
        number = several.get(layer.name)
        told.append(layer if number is None else replace(layer, name=f"{layer.name} {seen[layer.name]}/{number}"))
    return tuple(told)


def _end_with_output(steps: Steps) -> None:
    """The array unloads what its last layer wrote: copy the output if that is not all of it, or lies among others."""
    assert steps.output is not None
    elements = steps.output.elements
    sources = Sources(steps)
    maps = sources.maps_of(elements)
    alone = [group for group in joined_maps(steps, sources) if maps[0] in group] == [[maps[0]]]
    whole = alone and elements.size == prod(maps[0].shape)
    if steps.steps and steps.steps[-1].kind != "recurrent" and maps == [steps.steps[-1].made] and whole:
        return
    of_sequence = elements.ndim == 2 and any(step.kind == "recurrent" and step.made in maps for step in steps.steps)
    if of_sequence:  # its steps are positions
        elements = elements.T[:, :, np.newaxis]
    shape = as_map(elements.shape)
    step = Step(
        name="output",
        made=Made(len(steps.steps) + 1, shape, sum(prod(made.shape) for made in sources.maps)),
        kind="sum",
        terms=[Term(elements.reshape(shape), 1)],
    )
    steps.steps.append(step)
    steps.activity = np.concatenate([steps.activity, steps.activity[elements.reshape(-1)]])
    made = step.made
    copied = np.arange(made.first, made.first + prod(shape)).reshape(elements.shape)
    steps.output = steps.output._replace(elements=copied[:, :, 0].T if of_sequence else copied)


def _check_fits(layers: Sequence[LayerImage], activation_rows: int, config: ArrayConfig) -> None:
    """EieError with everything that is too small, and how large it would have to be."""
    sparse_rows = np.sum([-(-np.diff(layer.offsets) // config.entries_per_row) for layer in layers], axis=0)
    accumulators = max(layers, key=lambda layer: layer.out_rows)
    constants = sum(len(layer.biases) for layer in layers if not layer.keep)
    pointers = sum(layer.columns + 1 for layer in layers)
    wanted = (
        ("layers", len(layers), "layers", False),
        ("sparse_matrix_depth", int(sparse_rows.max()), f"rows in PE {sparse_rows.argmax()}", False),
        ("pointer_depth", pointers, "pointers", True),
        ("activation_depth", activation_rows, "local rows of activations", True),
        ("accumulator_depth", accumulators.out_rows, f"accumulators for layer {accumulators.name}", False),
    )
    depths = {name: _depth(config, name, needed, power) for name, needed, _, power in wanted}
    constant_depth = (max(config.layers, depths["layers"]) << config.code_bits) + constants
    short = [
        f"{needed} {what}, the array has {getattr(config, name)}"
        for name, needed, what, _ in wanted
        if needed > getattr(config, name)
    ]
    if constant_depth > config.constant_depth:
        short.append(f"{constant_depth} words of constants, the array has {config.constant_depth}")
    if short:
        depths["constant_depth"] = max(constant_depth, config.constant_depth)
        enough = ", ".join(f"{name} {depth}" for name, depth in depths.items() if depth > getattr(config, name))
        raise TooSmallError(f"the network needs {'; '.join(short)} (it would fit with {enough})")


def _depth(config: ArrayConfig, name: str, needed: int, power_of_two: bool) -> int:
    """The depth that holds so much, never less than the array has."""
    return max(1 << (needed - 1).bit_length() if power_of_two else needed, int(getattr(config, name)))
