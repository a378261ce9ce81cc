"""The memories that the hardware description declares, for those who count block RAMs."""

from collections.abc import Iterator
from typing import Any

from amaranth.hdl import Fragment, MemoryInstance, Shape
from amaranth.lib import wiring

from hw.array import Array
from hw.pe.processing_element import ProcessingElement
from model.config import ArrayConfig


def pe_memory_shapes(config: ArrayConfig) -> list[tuple[int, int]]:
    """(words, bits) of every memory of one PE."""
    return _shapes(ProcessingElement(config))


def shared_memory_shapes(config: ArrayConfig) -> list[tuple[int, int]]:
    """(words, bits) of every memory outside the PEs."""
    return _shapes(Array(config.with_(pes=1)))


def _shapes(component: wiring.Component) -> list[tuple[int, int]]:
    """Of the elaborated design: to write it as RTLIL, each memory's content with it, takes fifty times as long."""
    return [
        (memory._data.depth, Shape.cast(memory._data.shape).width)  # the instance shows them nowhere else
        for memory in _memories(Fragment.get(component, None))
    ]


def _memories(fragment: Any) -> Iterator[Any]:
    if isinstance(fragment, MemoryInstance):
        yield fragment
    for part, *_ in fragment.subfragments:
        yield from _memories(part)
