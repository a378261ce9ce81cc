"""The energy of a run, from its event counts and a technology, in the units of the EIE paper's Table II."""

from collections.abc import Mapping
from dataclasses import dataclass

from model.config import ArrayConfig
from model.layouts import ACTIVATION_BITS
from sim.energy.events import Events
from sim.energy.technology import Sram, Technology

COMPONENTS = {  # and the headings of their columns
    "activation queue": "queue",
    "pointer read": "pointer",
    "sparse-matrix read": "sparse-matrix",
    "arithmetic unit": "arithmetic",
    "activation read/write": "activation",
    "leading-nonzero detection": "LNZD",
    "clock": "clock",
    "registers": "registers",
    "leakage": "leakage",
}
POINTER_BANKS = 2  # even and odd columns
LNZD_FAN_IN = 4  # EIE section IV: a node of the detection tree takes four PEs or nodes


@dataclass(frozen=True)
class Memory:
    """Capacity and width of one of a PE's memories."""

    bytes: float
    bits: int


@dataclass(frozen=True, kw_only=True)
class PeMemories:
    """The memories of a PE; it has two pointer banks, and codebook and biases share the constant memory."""

    sparse_matrix: Memory
    pointer_bank: Memory
    activation: Memory
    accumulator: Memory
    constant: Memory


@dataclass(frozen=True, kw_only=True)
class Energy:
    """Energy of `Events`.

    Parameters
    ----------
    nanojoules : by component, in the order of `COMPONENTS`.
    microseconds : that it took.
    useful_macs : see `Events`.
    image_nj : nJ to read the image from DRAM, in no other figure.
    """

    nanojoules: Mapping[str, float]
    microseconds: float
    useful_macs: float
    image_nj: float

    @property
    def total_nj(self) -> float:
        return sum(self.nanojoules.values())

    @property
    def milliwatts(self) -> float:
        """Mean power from start to done."""
        return self.total_nj / self.microseconds

    @property
    def pj_per_useful_mac(self) -> float | None:
        """None without a useful multiply-accumulate."""
        return 1000 * self.total_nj / self.useful_macs if self.useful_macs else None


@dataclass(frozen=True)
class Action:
    """Something that one part of the array did, and what it costs.

    Parameters
    ----------
    component : of `COMPONENTS`, in which its energy is reported.
    part : what did it: a memory, by its name in `PeMemories`, or a piece of logic.
    name : what it did.
    count : how often, all PEs together, mean per input.
    picojoules : of each.
    """

    component: str
    part: str
    name: str
    count: float
    picojoules: float


class EnergyModel:
    """Prices the events of an array.

    Parameters
    ----------
    memories : of each PE.
    pes : processing elements.
    clock_mhz : turns cycles into the time over which memories leak.
    technology : what an event costs.
    pointer_copies : pairs of pointer banks in a PE.
    """

    def __init__(
        self, memories: PeMemories, *, pes: int, clock_mhz: float, technology: Technology, pointer_copies: int = 1
    ):
        self._pes, self._clock_mhz, self._technology = pes, clock_mhz, technology
        self._pointer_banks = POINTER_BANKS * pointer_copies
        self._srams: dict[str, Sram] = {}
        self.remarks: list[str] = []  # a sentence for every memory unlike any that was measured
        for name, memory in vars(memories).items():
            sram, measured = technology.sram(memory.bytes, memory.bits)
            self._srams[name] = sram
            if not measured:
                what = f"{name.replace('_', ' ')} memory: {memory.bytes:,.0f} bytes, {memory.bits} bits wide"
                self.remarks.append(
                    f"{what}, lies outside the memories measured for {technology.name}; the nearest between them "
                    f"stands for it: {sram.bytes:,.0f} bytes, {sram.bits:.0f} bits"
                )

    @classmethod
    def of_array(cls, config: ArrayConfig, technology: Technology) -> "EnergyModel":
        """For the memories of `docs/contract/architecture.md`, section 3."""
        return cls(
            array_memories(config),
            pes=config.pes,
            clock_mhz=config.clock_mhz,
            technology=technology,
            pointer_copies=config.broadcasts_per_cycle,
        )

    def actions(self, events: Events) -> tuple[Action, ...]:
        """Every action that has a price, by component; docs/energy.md says why these."""
        technology, srams = self._technology, self._srams
        pe_cycles = self._pes * events.cycles
        pointer, rows, constant = srams["pointer_bank"], srams["sparse_matrix"], srams["constant"]
        activation, accumulator = srams["activation"], srams["accumulator"]
        event, per_cycle = technology.event, technology.per_cycle
        nodes = lnzd_nodes(self._pes)
        banks = {name: self._pointer_banks if name == "pointer_bank" else 1 for name in srams}
        return (
            Action("activation queue", "activation_queue", "push", events.queue_writes, event("queue_write")),
            Action("activation queue", "activation_queue", "pop", events.queue_writes, event("queue_read")),
            Action("pointer read", "pointer_bank", "read", events.pointer_pairs * POINTER_BANKS, pointer.read_pj),
            Action("sparse-matrix read", "sparse_matrix", "read", events.row_reads, rows.read_pj),
            Action("arithmetic unit", "address_adder", "add", events.entries, event("address_add")),
            Action("arithmetic unit", "constant", "read", events.macs, constant.read_pj),
            Action("arithmetic unit", "multiplier", "multiply", events.macs, event("multiply")),
            Action("arithmetic unit", "adder", "add", events.macs, event("accumulate")),
            Action("activation read/write", "accumulator", "read", events.macs, accumulator.read_pj),
            Action("activation read/write", "accumulator", "write", events.accumulator_writes, accumulator.write_pj),
            Action("activation read/write", "activation", "read", events.activation_reads, activation.read_pj),
            Action("activation read/write", "activation", "write", events.activation_writes, activation.write_pj),
            Action(
                "leading-nonzero detection",
                "leading_nonzero_node",
                "cycle",
                events.cycles * nodes,
                per_cycle("leading_nonzero_node"),
            ),
            Action("clock", "clock", "cycle", pe_cycles, per_cycle("clock")),
            Action("registers", "registers", "cycle", pe_cycles, per_cycle("registers")),
            *(
                Action("leakage", name, "leak", banks[name] * pe_cycles, 1000 * sram.leakage_mw / self._clock_mhz)
                for name, sram in srams.items()
            ),
        )

    def energy(self, events: Events) -> Energy:
        """By component: the sum of its actions."""
        picojoules: dict[str, float] = dict.fromkeys(COMPONENTS, 0.0)
        for action in self.actions(events):
            picojoules[action.component] += action.count * action.picojoules
        return Energy(
            nanojoules={component: value / 1000 for component, value in picojoules.items()},
            microseconds=events.cycles / self._clock_mhz,
            useful_macs=events.useful_macs,
            image_nj=events.image_bits * self._technology.event("dram_bit") / 1000,
        )


def array_memories(config: ArrayConfig) -> PeMemories:
    """The memories of one PE of an array."""

    def memory(depth: int, bits: int) -> Memory:
        return Memory(depth * bits / 8, bits)

    return PeMemories(
        sparse_matrix=memory(config.sparse_matrix_depth, config.row_bits + config.parity),
        pointer_bank=memory(config.pointer_depth // 2, config.pointer_bits + config.parity),
        activation=memory(2 * config.activation_depth, ACTIVATION_BITS),
        accumulator=memory(config.activation_depth, config.accumulator_bits),
        constant=memory(config.constant_depth, 16),
    )


def lnzd_nodes(pes: int) -> int:
    """Nodes of the leading-nonzero-detection tree: 21 for 64 PEs."""
    nodes, width = 0, pes
    while width > 1:
        width = -(-width // LNZD_FAN_IN)
        nodes += width
    return max(nodes, 1)
