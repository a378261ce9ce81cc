"""Places, buffers and layers of a network for one choice of groupings."""

from collections.abc import Mapping
from dataclasses import dataclass

from model.config import ArrayConfig
from sw.image.maps.layers import Layers
from sw.image.maps.memory import Buffer, place_buffers
from sw.image.maps.placement import Grouping, Placer
from sw.image.maps.steps import Steps
from sw.network.compressed import CompressedNetwork
from sw.network.quantise import LayerFormat


@dataclass(frozen=True)
class Program:
    """`buffers` are those of every map by its number."""

    buffers: list[Buffer]
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
    places = placer.places(groupings)
    buffers = place_buffers(steps, placer.sources, places)
    return Program(buffers, Layers(network, formats, config, placer.sources, places, buffers, steps.activity))
