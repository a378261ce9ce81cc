"""The register map of the host interface, as data: hardware decoder, driver and documentation follow it."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

ID_VALUE = 0x45494531  # "EIE1"


class Error(IntEnum):
    """Cause shown in STATUS.error; sticky until reset (START: until the next LOAD packet)."""

    NONE = 0
    OPCODE = 1  # a header word with an unknown opcode
    LAYERS = 2  # a LAYER packet when the layer table is full
    DESCRIPTOR = 3  # a layer that does not fit the memories, or has a zero size
    CODE = 4  # a PE's decoder met a code that does not exist, the end of a memory, or the end of its stream
    INPUT = 5  # an INPUT packet with no rows, or more rows than activation_depth
    START = 6  # start without a network, or while the machine was busy; ignored


class PeCounter(IntEnum):
    """Per-PE counters, in register order. All count since start, decoded_symbols since the LOAD packet."""

    ENTRIES = 0
    FILLERS = 1
    STARVED_CYCLES = 2
    EMPTY_SLICES = 3
    ROW_READS = 4
    POINTER_READS = 5
    ACCUMULATOR_READS = 6
    ACCUMULATOR_WRITES = 7
    DECODED_SYMBOLS = 8


@dataclass(frozen=True)
class Register:
    """One 32-bit register: word address, access and meaning."""

    name: str
    address: int
    access: Literal["ro", "wo", "rw"]
    doc: str


REGISTERS: tuple[Register, ...] = (
    Register("ID", 0, "ro", f"{ID_VALUE:#010x}"),
    Register("CONFIG", 1, "ro", "pes in bits 15:0, code_bits in 19:16, index_bits in 23:20"),
    Register("CONTROL", 2, "wo", "bit 0: start a run over all loaded layers"),
    Register(
        "STATUS",
        3,
        "ro",
        "bit 0: loader waits for a packet; bit 1: running; bit 2: unloading; bit 3: done since start; "
        "bit 4: accumulator overflow since start; bits 15:8: error cause",
    ),
    Register("LAYERS", 4, "ro", "layers loaded"),
    Register("CYCLES", 5, "ro", "cycles from start to done"),
    Register("BROADCASTS", 6, "ro", "activations broadcast"),
    Register("STALLS", 7, "ro", "cycles in which a broadcast waited for a full queue"),
    Register("PE_SELECT", 8, "rw", "PE whose counters are read"),
    *(
        Register(
            f"PE_{counter.name}", 16 + counter, "ro", f"the selected PE's {counter.name.lower().replace('_', ' ')}"
        )
        for counter in PeCounter
    ),
)

ADDRESS: dict[str, int] = {register.name: register.address for register in REGISTERS}
ADDRESS_BITS = 6
READ_LATENCY = 2  # cycles from address to read data
