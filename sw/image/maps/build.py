"""Compiling a network for an array with `maps`: one program, loaded once and started once for every input."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from math import prod

import numpy as np

from model.config import ArrayConfig
from model.errors import TooSmallError
from model.image import LayerImage, NetworkImage
from sw.image.maps.bands import in_parts, takes_parts
from sw.image.maps.fits import Laid, first_that_fits
from sw.image.maps.grouping import choose_groupings
from sw.image.maps.memory import joined_maps
from sw.image.maps.patching import cut_of, find_patches
from sw.image.maps.placement import Place, Placer, Sources
from sw.image.maps.program import assemble_at
from sw.image.maps.step import Made, Step, Steps, Term, as_map
from sw.image.maps.steps import to_steps
from sw.image.maps.unrolling import unrolled_layers
from sw.network.compressed import CompressedNetwork
from sw.network.quantise import LayerFormat, choose_formats, source_bits

MOST_WAYS = 3  # of bands that are tried


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
    laid = _lay_out(network, steps, tuple(formats), config, smallest)
    steps, layers, compiler, buffers = laid.steps, laid.layers, laid.program.layers, laid.program.memory.buffers
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
        cuts=laid.steps.cuts,
    )


def _lay_out(
    network: CompressedNetwork, steps: Steps, formats: tuple[LayerFormat, ...], config: ArrayConfig, smallest: bool
) -> Laid:
    """Whole maps and layers where they fit, otherwise in parts: of the fewest cycles, or of the fewest entries."""
    placer = Placer(network, steps, config)
    places = placer.places(choose_groupings(network, steps, formats, config, placer))
    whole = assemble_at(network, steps, formats, config, placer.sources, places)

    def lay(parts: Steps, places: list[Place]) -> Laid:
        program = whole if parts is steps else assemble_at(network, parts, formats, config, Sources(parts), places)
        if smallest:
            layers = tuple(layer for step in parts.steps for layer in program.layers.of_step(step))
        else:
            layers = unrolled_layers(parts, program.layers, config)
        return Laid(program, parts, layers)

    bases = [(steps, places, whole)]
    if whole.memory.rows > config.activation_depth:
        for found in find_patches(steps, places, whole.memory, network, config)[:MOST_WAYS]:
            program = assemble_at(network, found.steps, formats, config, Sources(found.steps), found.places)
            cut = cut_of(found, whole.memory, steps, config, whole.layers, program.layers)
            bases.insert(-1, (replace(found.steps, cuts=(cut,)), found.places, program))
    ways: list[partial[Laid]] = []
    for base, base_places, program in bases:
        if any(takes_parts(step, base_places, config) for step in base.steps):
            parts = [in_parts(base, base_places, program.layers, config, fast) for fast in (True, False)]
            ways += [partial(lay, each, base_places) for each in parts]
        else:
            ways.append(partial(lay, base, base_places))
    if ways[-1].args[0] is not steps:  # which does not fit, but may be the least that is missing
        ways.append(partial(lay, steps, places))
    return first_that_fits(ways, config)


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
