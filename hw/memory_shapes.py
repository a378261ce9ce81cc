"""The memories that the hardware description declares, for those who count block RAMs."""

import re

from amaranth.back import rtlil
from amaranth.lib import wiring

from hw.array import Array
from hw.pe.processing_element import ProcessingElement
from model.config import ArrayConfig

_MEMORY = re.compile(r"^ *memory width (\d+) size (\d+) ", re.MULTILINE)


def pe_memory_shapes(config: ArrayConfig) -> list[tuple[int, int]]:
    """(words, bits) of every memory of one PE."""
    return _shapes(ProcessingElement(config))


def shared_memory_shapes(config: ArrayConfig) -> list[tuple[int, int]]:
    """(words, bits) of every memory outside the PEs."""
    return _shapes(Array(config.with_(pes=1)))


def _shapes(component: wiring.Component) -> list[tuple[int, int]]:
    text = rtlil.convert(component, emit_src=False)
    return [(int(depth), int(width)) for width, depth in _MEMORY.findall(text)]
