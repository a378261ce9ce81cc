"""The RTL beside the model, layer by layer, of a network that the host hands an array in vectors.

The model runs the whole network, the host's parts in between; the RTL then gets of every layer the vectors that it is
handed there. Where every layer is equal, the RTL in the model's place would be handed the same ones.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.engine import Engine
from model.errors import EieError
from model.image import NetworkImage
from sim.progress import Say
from sim.rtl.simulators import SimulatorName
from sim.rtl.verification import Comparison, compare_runs, merged
from sim.simulation.image_run import physical_inputs
from sim.simulation.layers_run import layer_vectors
from sim.simulation.ranges import Ranges
from sim.text import count
from sw.image.lower import LayerImages


@dataclass(frozen=True, kw_only=True)
class VerifiedLayer:
    """What was compared of a layer.

    Parameters
    ----------
    name : of the layer.
    groups : matrices that the array is loaded with for it.
    vectors : that the RTL was given.
    handed : vectors that the layer is handed for all inputs.
    comparisons : as of `sim.rtl.verify.Verification`.
    rtl_cycles, model_cycles : of each vector, from start to done.
    """

    name: str
    groups: int
    vectors: int
    handed: int
    comparisons: tuple[Comparison, ...]
    rtl_cycles: tuple[int, ...]
    model_cycles: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class VerifiedLayers:
    """All layers in execution order.

    Parameters
    ----------
    simulated_cycles, seconds : clock cycles of the RTL, loading included, and what the simulator took.
    ranges : how many inputs left a range.
    """

    layers: tuple[VerifiedLayer, ...]
    simulated_cycles: int
    seconds: float
    ranges: Ranges


def verify_layers(
    lowered: LayerImages,
    inputs: NDArray[Any],
    simulator: SimulatorName,
    most: int | None,
    say: Say,
    texts: dict[str, str] | None = None,
) -> VerifiedLayers:
    """Run (n, *input_shape) or (n, in_features) inputs; `most` vectors of a layer, but one of each of its groups.

    `texts`: Verilog in the place of the RTL's.
    """
    from sim.rtl.cosim import run_rtl_images  # needs cocotb, which not every installation has

    if most is not None and most < 1:
        raise EieError(f"the most vectors of a layer must be 1 or more, got {most}")
    handed, made = layer_vectors(lowered, inputs)
    given = [[_evenly(each, most, len(groups)) for each in groups] for groups in handed]
    jobs = [
        (image, vectors)
        for images, groups in zip(lowered.layers, given, strict=True)
        for image, vectors in zip(images, groups, strict=True)
    ]
    total = sum(len(vectors) for _, vectors in jobs)
    say(f"{count(total)} vectors of {len(given)} layers for the RTL")
    results = run_rtl_images(jobs, simulator, progress=say, texts=texts)
    compared = [_compare(image, vectors, rtl) for (image, vectors), rtl in zip(jobs, results, strict=True)]
    waiting = iter(zip(compared, results, strict=True))
    layers: list[VerifiedLayer] = []
    for layer, groups, own in zip(lowered.network.layers, handed, given, strict=True):
        found = [next(waiting) for _ in groups]
        comparisons = [each for (each, _), _ in found]
        layers.append(
            VerifiedLayer(
                name=layer.name,
                groups=len(groups),
                vectors=sum(map(len, own)),
                handed=sum(map(len, groups)),
                comparisons=tuple(merged([(f"group {number}", each) for number, each in enumerate(comparisons)]))
                if len(groups) > 1
                else tuple(comparisons[0]),
                rtl_cycles=tuple(cycles for _, rtl in found for cycles in rtl.cycles),
                model_cycles=tuple(cycles for (_, model), _ in found for cycles in model),
            )
        )
    return VerifiedLayers(
        layers=tuple(layers),
        simulated_cycles=results[0].simulated_cycles,
        seconds=results[0].seconds,
        ranges=Ranges.of(made.saturated, made.overflow, lowered.config),
    )


def _evenly(vectors: NDArray[np.int16], most: int | None, groups: int) -> NDArray[np.int16]:
    """As many as a group may have."""
    number = len(vectors) if most is None else min(len(vectors), max(1, most // groups))
    return vectors[np.linspace(0, len(vectors) - 1, number).round().astype(np.int64)]


def _compare(image: NetworkImage, vectors: NDArray[np.int16], rtl: Any) -> tuple[list[Comparison], list[int]]:
    """With the engine on the same vectors, and its cycles of each."""
    runs = Engine(image).run(physical_inputs(image, vectors))
    integers = np.array([run.outputs[image.output_order] for run in runs], np.int16)
    return compare_runs(image, integers, runs, rtl, "vector"), [run.cycles for run in runs]
