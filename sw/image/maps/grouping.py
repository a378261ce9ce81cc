"""Over how many groups of PEs each map is spread: what takes the fewest cycles by an estimate.

With few channels and many PEs one PE has the weights of a whole channel, and the heaviest channel is waited for.
Positions that alternate over groups share each channel's work; more groups cost more columns and zero runs. Components
are chosen one after the other, in the order of the network, those after being in one group at first.
"""

from math import inf

from model.config import ArrayConfig
from model.errors import EieError
from sw.image.maps.estimate import estimated_cycles
from sw.image.maps.placement import Grouping, Placer
from sw.image.maps.program import Program, assemble
from sw.image.maps.step import Step, Steps
from sw.network.compressed import CompressedNetwork
from sw.network.quantise import LayerFormat

TOO_LARGE = 1e9  # cycles for a layer that has too few accumulators


def choose_groupings(
    network: CompressedNetwork, steps: Steps, formats: tuple[LayerFormat, ...], config: ArrayConfig, placer: Placer
) -> dict[int, Grouping]:
    """The grouping of every component that has a choice, by its number."""
    chosen: dict[int, Grouping] = {}
    for component, maps in placer.components.items():
        candidates = placer.groupings(maps)
        if len(candidates) == 1:
            continue
        numbers = {made.number for made in maps}
        touched = [
            step
            for step in steps.steps
            if step.made.number in numbers
            or any(made.number in numbers for term in step.terms for made in placer.sources.maps_of(term.elements))
        ]
        costs: dict[Grouping, float] = {}
        for candidate in candidates:
            try:
                program = assemble(network, steps, formats, config, placer, chosen | {component: candidate})
                costs[candidate] = _cost(program, touched, config)
            except EieError:  # no descriptor holds it; if none does, the last word is that of the whole program
                costs[candidate] = inf
        chosen[component] = min(candidates, key=lambda candidate: costs[candidate])
    return chosen


def _cost(program: Program, steps: list[Step], config: ArrayConfig) -> float:
    cost = 0.0
    for step in steps:
        layers = program.layers.of_step(step)
        cost += estimated_cycles(config, program.layers, step, layers)
        cost += TOO_LARGE * sum(layer.out_rows > config.accumulator_depth for layer in layers)
    return cost
