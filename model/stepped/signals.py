"""The wires of one cycle: what units tell each other, all functions of registers and of the array's inputs."""

from dataclasses import dataclass, field
from typing import NamedTuple

from model.fixed_point import wrap
from model.function_descriptor import Block, FunctionDescriptor
from model.map_descriptor import MapDescriptor
from model.registers import PeError


@dataclass(frozen=True, slots=True)
class Inputs:
    """The array's inputs in one cycle; single-bit ones are 0 or 1, `reset` is synchronous."""

    i_valid: int = 0
    i_data: int = 0
    i_last: int = 0
    o_ready: int = 0
    reg_address: int = 0
    reg_write: int = 0
    reg_write_data: int = 0
    reset: int = 0


@dataclass(frozen=True, slots=True)
class Outputs:
    """The array's outputs in one cycle. `o_data` and `o_last` mean something while `o_valid`."""

    i_ready: int
    o_valid: int
    o_data: int
    o_last: int
    reg_read_data: int
    interrupt: int


class LayerEntry(NamedTuple):
    """One entry of the layer table."""

    in_rows: int = 0
    out_rows: int = 0
    first_row: int = 0
    shift: int = 0
    relu: bool = False
    keep: bool = False
    bias_scale: int = 0
    pointer_base: int = 0
    bias_base: int = 0
    map: MapDescriptor | None = None
    functions: FunctionDescriptor | None = None


class Address(NamedTuple):
    """One memory write."""

    address: int
    data: int


class LaneWrite(NamedTuple):
    """A stream word for one memory address of the PEs of one group, or of all PEs (group None) from lane 0."""

    address: int
    group: int | None
    word: int

    def value(self, pe: int, lanes: int) -> int | None:
        """The signed 16-bit value meant for that PE, if any."""
        if self.group is None:
            return wrap(self.word, 16)
        if self.group != pe // lanes:
            return None
        return wrap(self.word >> 16 * (pe % lanes), 16)


class Word(NamedTuple):
    """An accepted word of the input stream; `last` says that the host's transfer ends with it."""

    data: int
    last: bool


@dataclass(slots=True)
class LoaderSignals:
    """From the loader in one cycle. `code_pe` is the decoder that gets `code_word`, already accepted."""

    ready: bool = False
    accepted: Word | None = None
    load: bool = False
    begin: bool = False
    columns: int = 0
    code_pe: int = -1
    code_word: int | None = None
    stream_ended: bool = False
    tree_write: Address | None = None
    constant_write: LaneWrite | None = None
    activation_write: LaneWrite | None = None


class WriteBack(NamedTuple):
    """A write-back operation: local row, constant-memory address of its bias, local row of its output.

    With blocks, `block` is the operation's and `second` the local row of its second operand.
    """

    row: int
    address: int
    destination: int
    block: Block | None = None
    second: int = 0


class Broadcast(NamedTuple):
    """A lane of the broadcast register: an activation, the address of its column's first pointer, its coordinate."""

    activation: int
    pointer: int
    y: int = 0
    x: int = 0


class Selection(NamedTuple):
    """The select register: a PE or None for each lane, pointer address of PE 0's column and coordinate of their row."""

    lanes: tuple[int | None, ...]
    base: int = 0
    y: int = 0
    x: int = 0

    @property
    def valid_lanes(self) -> int:
        """How many lanes hold a PE."""
        return sum(pe is not None for pe in self.lanes)


class HostStrobes(NamedTuple):
    """What the write of CONTROL in the cycle before asks for; a soft reset voids a start."""

    start: bool = False
    soft_reset: bool = False
    resume: bool = False
    hold: bool = False


@dataclass(slots=True)
class ControlSignals:
    """From the central control unit in one cycle; `start` is an accepted one, `selects` the PEs selected now.

    `stores`: what leaves stage K is written; not in state CLEAR of an array with `maps`. `finishing`: the operation in
    stage O, with `functions`.

    `read`, `next_row`, `shift`, `selection` and `broadcasts` are registers; `then_read` and `then_shift` are `read` and
    `shift` of the next cycle.
    """

    layer: int
    bank: int
    descriptor: LayerEntry
    read: bool
    next_row: int
    shift: bool
    selection: Selection
    broadcasts: tuple[Broadcast | None, ...]
    start: bool = False
    resume: bool = False
    hold: bool = False
    start_rejected: bool = False
    begin_layer: bool = False
    computing: bool = False
    then_read: bool = False
    then_shift: bool = False
    take: bool = False
    exhausted: bool = False
    selects: tuple[int, ...] = ()
    stall: bool = False
    write_back: WriteBack | None = None
    send: bool = False
    table_read: int | None = None
    stores: bool = True
    finishing: WriteBack | None = None

    @property
    def local(self) -> bool:
        """Whether every PE works on its own activations."""
        return self.descriptor.map is not None and self.descriptor.map.local

    @property
    def clears_counters(self) -> bool:
        """Whether a run begins that does not go on with the one before."""
        return self.start and not self.resume


@dataclass(slots=True)
class DecoderSignals:
    """What a decoder does in one cycle. `tree_read`: the step, as alphabet and address. `entry`: its bits."""

    error: PeError = PeError.NONE
    symbol: bool = False
    run: int | None = None
    entry: int | None = None
    ended: bool = False
    tree_read: tuple[int, int] | None = None
    pointer_write: Address | None = None
    row_write: Address | None = None


@dataclass(slots=True)
class IssueSignals:
    """What leaves stage A in one cycle; `done` gives up the slice of the issue register."""

    entry: bool = False
    empty: bool = False
    done: bool = False
    first: bool = False
    activation: int = 0
    row: int = 0
    slot: int = 0
    row_read: bool = False
    y: int = 0
    x: int = 0


@dataclass(slots=True)
class PeSignals:
    """Everything the units of one PE see in one cycle besides each other's registers."""

    number: int
    loader: LoaderSignals
    control: ControlSignals
    current: int = 0
    second: int = 0
    word: int | None = None
    decoder: DecoderSignals = field(default_factory=DecoderSignals)
    issue: IssueSignals = field(default_factory=IssueSignals)
