"""Places, buffers and layers of a network for one choice of groupings."""

from collections.abc import Mapping
from dataclasses import dataclass

from model.config import ArrayConfig
from sw.image.maps.layers import Layers
from sw.image.maps.memory import Memory, place_buffers
from sw.image.maps.placement import Grouping, Place, Placer, Sources
from sw.image.maps.step import Steps
from sw.network.compressed import CompressedNetwork
from sw.network.quantise import LayerFormat


@dataclass(frozen=True)
class Program:
    """Where everything lies, and what makes the layers."""

    memory: Memory
    layers: Layers


def assemble(
    network: CompressedNetwork,
    steps: Steps,
    formats: tuple[LayerFormat, ...],
    config: ArrayConfig,
    placer: Placer,
    groupings: Mapping[int, Grouping],
) -> Program:
    """EieError for values that cannot be joined."""
    return assemble_at(network, steps, formats, config, placer.sources, placer.places(groupings))


def assemble_at(
    network: CompressedNetwork,
    steps: Steps,
    formats: tuple[LayerFormat, ...],
    config: ArrayConfig,
    sources: Sources,
    places: list[Place],
) -> Program:
    """The same with places that are known."""
    memory = place_buffers(steps, sources, places, config.activation_depth, network)
    return Program(memory, Layers(network, formats, config, sources, places, memory, steps.activity))
