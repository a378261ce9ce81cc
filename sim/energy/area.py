"""An estimate of an array's area, from a technology and the sizes of its memories, in the units of the EIE paper."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from model.config import ArrayConfig
from model.function_table import BASE_BITS, SLOPE_BITS, TABLE_WORDS
from sim.energy.components import lnzd_nodes
from sim.energy.memories import POINTER_BANKS, Memory, array_memories
from sim.energy.technology import Technology

MEMORY_UNITS = ("pointer read", "sparse-matrix read", "arithmetic unit", "activation read/write")
UM2_PER_MM2 = 1e6
ADDRESS_STAGES = "the address stages of maps, two multipliers in each PE, are in no published figure and not counted"
NARROW = "the arithmetic unit is counted as the paper's, whose multiplier has 16 x 16 bits, not 8 x 16"
FUNCTION_UNIT = (
    "of the function unit the table is counted, as a memory that could be written; its two multipliers are not"
)


@dataclass(frozen=True, kw_only=True)
class Area:
    """Area of an array.

    Parameters
    ----------
    pe_um2 : of one PE, by unit. "other logic" is that of all units but the queue and the arithmetic unit, clock tree
        included; "filler cells" are what a layout needs beside its cells.
    memory_um2 : how much of it is memory.
    pes : processing elements.
    lnzd_um2 : of the leading-nonzero-detection tree.
    remarks : a sentence for every memory unlike any that was measured.
    """

    pe_um2: Mapping[str, float]
    memory_um2: float
    pes: int
    lnzd_um2: float
    remarks: Sequence[str]

    @property
    def total_pe_um2(self) -> float:
        return sum(self.pe_um2.values())

    @property
    def mm2(self) -> float:
        """Of the array."""
        return (self.pes * self.total_pe_um2 + self.lnzd_um2) / UM2_PER_MM2


def array_area(config: ArrayConfig, technology: Technology) -> Area:
    """An array's area. Not counted: decoders and their symbol memories, counters, control unit, wires, pads.

    Remarks say that address stages of an array with `maps` and multipliers of `functions` are not counted either, and
    that the multiplier of one with 8-bit activations is counted as one of 16.
    """
    memories = array_memories(config)
    word = BASE_BITS + SLOPE_BITS
    table = [Memory(TABLE_WORDS * word / 8, word)] if config.functions else []
    area = estimate(
        technology,
        pes=config.pes,
        queue_bits=config.queue_depth * (config.activation_bits + 2 * config.pointer_bits),
        memories={
            "pointer read": [memories.pointer_bank] * POINTER_BANKS * config.broadcasts_per_cycle,
            "sparse-matrix read": [memories.sparse_matrix],
            "arithmetic unit": [memories.constant, *table],
            "activation read/write": [memories.activation, memories.accumulator],
        },
    )
    left_out = [ADDRESS_STAGES] * config.maps + [FUNCTION_UNIT] * config.functions
    left_out += [NARROW] * (config.activation_bits == 8)
    return replace(area, remarks=[*area.remarks, *left_out]) if left_out else area


def estimate(technology: Technology, *, pes: int, queue_bits: int, memories: Mapping[str, Sequence[Memory]]) -> Area:
    """The area of `pes` PEs with these bits of activation queue and these memories by unit (`MEMORY_UNITS`)."""
    remarks: dict[str, None] = {}
    of_memories = {
        unit: sum(_memory_um2(technology, unit, memory, remarks) for memory in memories.get(unit, ()))
        for unit in MEMORY_UNITS
    }
    units = {
        "activation queue": queue_bits * technology.area("queue_bit"),
        **of_memories,
        "other logic": technology.area("other_logic"),
    }
    units["arithmetic unit"] += technology.area("arithmetic_unit")
    units["filler cells"] = sum(units.values()) * technology.area("filler_share")
    return Area(
        pe_um2=units,
        memory_um2=sum(of_memories.values()),
        pes=pes,
        lnzd_um2=lnzd_nodes(pes) * technology.area("leading_nonzero_node"),
        remarks=list(remarks),
    )


def _memory_um2(technology: Technology, unit: str, memory: Memory, remarks: dict[str, None]) -> float:
    """Interpolated between measured memories; outside, the nearest place's area per bit."""
    sram, measured = technology.sram(memory.bytes, memory.bits)
    if not measured:
        what = f"{unit}: a memory of {memory.bytes:,.0f} bytes, {memory.bits} bits wide"
        remarks[
            f"{what}, lies outside the memories measured for {technology.name}; the area per bit of the nearest "
            f"between them stands for it: {sram.bytes:,.0f} bytes, {sram.bits:.0f} bits"
        ] = None
    return sram.area_um2 * memory.bytes / sram.bytes * technology.area("memory_scale")
