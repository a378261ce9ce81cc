"""The register map of the host interface, as data: hardware decoder, driver and documentation follow it."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

ID_VALUE = 0x45494531  # "EIE1"
VERSION = 2  # of this register map and the packets


class PeError(IntEnum):
    """Error register of a PE; the first one stays, of several in one cycle the lowest."""

    NONE = 0
    CODE = 1  # the code stream holds a code that does not exist
    MEMORY = 2  # the entries do not fit the sparse-matrix memory
    STREAM = 3  # the code stream ended before its last column
    ROW = 4  # an entry lies in a row past the layer's last
    POINTER = 5  # a slice that ends before it begins
    PARITY = 6  # a word of the sparse-matrix or the pointer memory has changed


class Error(IntEnum):
    """Cause shown in STATUS.error; sticky until reset or soft reset (START: until the next LOAD packet)."""

    NONE = 0
    OPCODE = 1  # a header word with an unknown opcode
    LAYERS = 2  # a LAYER packet when the layer table is full, or after a soft reset without a LOAD packet
    DESCRIPTOR = 3  # a layer that does not fit the memories, or has a zero size
    CODE = 4  # PeError.CODE of the PE in ERROR_PE
    INPUT = 5  # an INPUT packet with no rows, or more rows than activation_depth
    START = 6  # start without a network, or while the machine was busy; ignored
    MEMORY = 7  # PeError.MEMORY of the PE in ERROR_PE
    STREAM = 8  # PeError.STREAM of the PE in ERROR_PE
    ROW = 9  # PeError.ROW of the PE in ERROR_PE
    POINTER = 10  # PeError.POINTER of the PE in ERROR_PE
    PARITY = 11  # PeError.PARITY of the PE in ERROR_PE
    TRUNCATED = 12  # the host's transfer ended inside a packet
    FAULT = 13  # queues that do not move, or a state that does not exist: a bit of the machine has changed


class PeCounter(IntEnum):
    """Per-PE counters, in register order. All count since a start without resume, decoded_symbols since LOAD."""

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
    access: Literal["ro", "wo", "rw", "rw1c"]
    doc: str


REGISTERS: tuple[Register, ...] = (
    Register("ID", 0, "ro", f"{ID_VALUE:#010x}"),
    Register(
        "CONFIG", 1, "ro", "pes in bits 15:0, code_bits in 19:16, index_bits in 23:20; bit 24: activations have 8 bits"
    ),
    Register(
        "CONTROL",
        2,
        "wo",
        "bit 0: start a run over all loaded layers; bit 1: soft reset; with bit 0: bit 2: resume, go on with "
        "activations and counters of the run before; bit 3: hold, keep the outputs in the array for a run to resume",
    ),
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
    Register("ERROR_PE", 9, "ro", "PE that reported the error cause in STATUS; 0 for causes without a PE"),
    Register("IRQ_ENABLE", 10, "rw", "bit 0: interrupt when done; bit 1: interrupt on an error"),
    Register("IRQ_STATUS", 11, "rw1c", "bit 0: a run was done; bit 1: an error occurred; writing 1 clears a bit"),
    Register("CONFIG_HASH", 12, "ro", "fingerprint of the array's configuration"),
    Register("VERSION", 13, "ro", f"{VERSION}, of the register map and the packets"),
    *(
        Register(
            f"PE_{counter.name}", 16 + counter, "ro", f"the selected PE's {counter.name.lower().replace('_', ' ')}"
        )
        for counter in PeCounter
    ),
)

# The stream window: both streams through registers, for hosts without AXI4-Stream or DMA. A stream word is
# stream_bits / 32 pieces, the lowest bits first.
WINDOW_REGISTERS: tuple[Register, ...] = (
    Register("STREAM_IN", 32, "wo", "next 32-bit piece of the input stream; lost if STREAM_STATUS has no room for it"),
    Register("STREAM_LAST", 33, "wo", "as STREAM_IN, and the word it completes ends the transfer (i_last)"),
    Register(
        "STREAM_STATUS",
        34,
        "rw",
        "bits 14:0: pieces that STREAM_IN takes now; bit 15: the array has taken every piece; bits 30:16: pieces that "
        "STREAM_OUT holds; "
        "bit 31: a piece was lost since the last write, of anything, to STREAM_STATUS",
    ),
    Register("STREAM_OUT", 35, "ro", "oldest piece of the output stream; 0 if there is none"),
    Register("STREAM_POP", 36, "wo", "forget the piece in STREAM_OUT"),
)
WINDOW_START = 32  # first word address of the stream window


class Status(IntEnum):
    """Bit numbers of STATUS."""

    WAITING = 0  # the loader waits for a packet
    RUNNING = 1
    UNLOADING = 2
    DONE = 3  # since the last start
    OVERFLOW = 4  # of an accumulator, since the last start without resume


STATUS_ERROR_SHIFT = 8  # of the error cause in STATUS, eight bits


class Control(IntEnum):
    """Bit numbers of CONTROL."""

    START = 0
    RESET = 1
    RESUME = 2
    HOLD = 3


class Interrupt(IntEnum):
    """Bit numbers of IRQ_ENABLE and IRQ_STATUS."""

    DONE = 0
    ERROR = 1


ADDRESS: dict[str, int] = {register.name: register.address for register in (*REGISTERS, *WINDOW_REGISTERS)}
ADDRESS_BITS = 6
READ_LATENCY = 2  # cycles from address to read data
