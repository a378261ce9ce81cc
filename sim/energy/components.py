"""What the energy of an array is reported by. Each component is declared once, with all that is asked of it.

The model (`sim.energy.model`) prices its actions, the check (`sim.energy.check`) sets it beside its row of the EIE
paper's Table II, the files for Accelergy (`sim.energy.accelergy`) have its parts, tables and plots its heading and its
colour. docs/energy.md says why these actions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace

from model.config import ArrayConfig
from model.layouts import VALUE_BITS
from model.map_descriptor import COORDINATE_BITS
from sim.energy.events import Events
from sim.energy.memories import POINTER_BANKS, Memory, PeMemories, array_memories
from sim.energy.technology import Sram, Technology

LNZD_FAN_IN = 4  # EIE section IV: a node of the detection tree takes four PEs or nodes


@dataclass(frozen=True, kw_only=True)
class Priced:
    """An array whose events are priced.

    Parameters
    ----------
    pes : processing elements.
    clock_mhz : turns cycles into the time over which memories leak.
    technology : what an event costs.
    srams : the memories of a PE by their names in `PeMemories`, as the technology has them.
    pointer_banks : in a PE.
    activation_bits : of an operand of the multiplier; the other has 16.
    """

    pes: int
    clock_mhz: float
    technology: Technology
    srams: Mapping[str, Sram]
    pointer_banks: int
    activation_bits: int


@dataclass(frozen=True)
class Action:
    """What a part does: its name, how often (all PEs together), and what one costs in pJ."""

    name: str
    count: Callable[[Events, Priced], float]
    picojoules: Callable[[Priced], float]


@dataclass(frozen=True, kw_only=True)
class Part:
    """A memory, by its name in `PeMemories`, or a piece of logic.

    Parameters
    ----------
    name : in reports.
    accelergy : class and attributes in Accelergy's architecture; its primitive classes where it has one.
    actions : that cost energy.
    of_registers : whether the paper's machine has it in registers, whose power Table II gives as such.
    per_pe : otherwise there is one for each node of the detection tree.
    of_maps : only arrays with `maps` have it.
    """

    name: str
    accelergy: Callable[[ArrayConfig], tuple[str, dict[str, int]]]
    actions: tuple[Action, ...]
    of_registers: bool = False
    per_pe: bool = True
    of_maps: bool = False


@dataclass(frozen=True, kw_only=True)
class Published:
    """The component's row in Table II: mW and um2 of a PE's unit. `register_bits` of it: section III."""

    milliwatts: float
    um2: float
    register_bits: int = 0


@dataclass(frozen=True, kw_only=True)
class Component:
    """One line of an energy report; see the module."""

    name: str
    heading: str
    colour: str
    parts: tuple[Part, ...]
    published: Published | None = None


def lnzd_nodes(pes: int) -> int:
    """Nodes of the leading-nonzero-detection tree: 21 for 64 PEs."""
    nodes, width = 0, pes
    while width > 1:
        width = -(-width // LNZD_FAN_IN)
        nodes += width
    return max(nodes, 1)


def _memory(name: str, *actions: Action, of_registers: bool = False) -> Part:
    def sram(config: ArrayConfig) -> tuple[str, dict[str, int]]:
        memory: Memory = getattr(array_memories(config), name)
        ports = {"n_rd_ports": 0, "n_wr_ports": 0, "n_rdwr_ports": 1, "n_banks": 1}
        return "SRAM", {"width": memory.bits, "depth": round(8 * memory.bytes / memory.bits), **ports}

    return Part(name=name, accelergy=sram, actions=actions, of_registers=of_registers)


def _read(memory: str, count: Callable[[Events, Priced], float]) -> Action:
    return Action("read", count, lambda array: array.srams[memory].read_pj)


def _write(memory: str, count: Callable[[Events, Priced], float]) -> Action:
    return Action("write", count, lambda array: array.srams[memory].write_pj)


def _event(name: str, figure: str, count: Callable[[Events, Priced], float]) -> Action:
    return Action(name, count, lambda array: array.technology.event(figure))


def _every_cycle(name: str, count: Callable[[Events, Priced], float]) -> Action:
    return Action("cycle", count, lambda array: array.technology.per_cycle(name))


def _pe_cycles(events: Events, array: Priced) -> float:
    return array.pes * events.cycles


_ACCESSED = (
    Component(
        name="activation queue",
        heading="queue",
        colour="#c53030",
        published=Published(milliwatts=0.112, um2=758.0, register_bits=8 * (16 + 14)),  # slots: activation, column
        parts=(
            Part(
                name="activation_queue",
                accelergy=lambda config: (
                    "FIFO",
                    {"datawidth": config.activation_bits + 2 * config.pointer_bits, "depth": config.queue_depth},
                ),
                actions=(
                    _event("push", "queue_write", lambda events, _: events.queue_writes),
                    _event("pop", "queue_read", lambda events, _: events.queue_writes),
                ),
                of_registers=True,
            ),
        ),
    ),
    Component(
        name="pointer read",
        heading="pointer",
        colour="#dd6b20",
        published=Published(milliwatts=1.807, um2=121_849.0),
        parts=(_memory("pointer_bank", _read("pointer_bank", lambda events, _: events.pointer_pairs * POINTER_BANKS)),),
    ),
    Component(
        name="sparse-matrix read",
        heading="sparse-matrix",
        colour="#2b6cb0",
        published=Published(milliwatts=4.955, um2=469_412.0),
        parts=(_memory("sparse_matrix", _read("sparse_matrix", lambda events, _: events.row_reads)),),
    ),
    Component(
        name="arithmetic unit",
        heading="arithmetic",
        colour="#2f855a",
        published=Published(milliwatts=1.162, um2=3_110.0),
        parts=(
            Part(
                name="address_adder",
                accelergy=lambda _: ("intadder", {"datawidth": 16}),
                actions=(_event("add", "address_add", lambda events, _: events.entries),),
            ),
            # Of each entry two differences and two products, of one on the map two sums; 16 bits, coordinates fewer.
            Part(
                name="map_adder",
                accelergy=lambda _: ("intadder", {"datawidth": 16}),
                actions=(_event("add", "address_add", lambda events, _: 4 * events.mapped - 2 * events.off_map),),
                of_maps=True,
            ),
            Part(
                name="map_multiplier",
                accelergy=lambda _: ("intmultiplier", {"datawidth": 16}),
                actions=(
                    Action(
                        "multiply",
                        lambda events, _: 2 * events.mapped,
                        lambda array: array.technology.event("multiply") * COORDINATE_BITS / VALUE_BITS,
                    ),
                ),
                of_maps=True,
            ),
            # The function table has not quite two words' width of the constant memory.
            _memory("constant", _read("constant", lambda events, _: events.macs + 2 * events.table_reads)),
            Part(
                name="multiplier",
                accelergy=lambda _: ("intmultiplier", {"datawidth": 16}),
                actions=(
                    Action(
                        "multiply",
                        lambda events, _: events.macs + events.table_reads + events.products,
                        lambda array: array.technology.event("multiply") * array.activation_bits / VALUE_BITS,
                    ),
                ),
            ),
            Part(
                name="adder",
                accelergy=lambda config: ("intadder", {"datawidth": config.accumulator_bits}),
                actions=(_event("add", "accumulate", lambda events, _: events.macs),),
            ),
        ),
    ),
    Component(
        name="activation read/write",
        heading="activation",
        colour="#805ad5",
        # Registers: a source and a destination file of 64 activations.
        published=Published(milliwatts=1.122, um2=18_934.0, register_bits=2 * 64 * 16),
        parts=(
            _memory(
                "accumulator",
                _read("accumulator", lambda events, _: events.macs),
                _write("accumulator", lambda events, _: events.accumulator_writes),
                of_registers=True,
            ),
            _memory(
                "activation",
                _read("activation", lambda events, _: events.activation_reads + events.products),
                _write("activation", lambda events, _: events.activation_writes),
            ),
        ),
    ),
    Component(
        name="leading-nonzero detection",
        heading="LNZD",
        colour="#975a16",
        parts=(
            Part(
                name="leading_nonzero_node",
                accelergy=lambda _: ("eie_leading_nonzero_node", {"fan_in": LNZD_FAN_IN}),
                actions=(
                    _every_cycle("leading_nonzero_node", lambda events, array: events.cycles * lnzd_nodes(array.pes)),
                ),
                per_pe=False,
            ),
        ),
    ),
    *(
        Component(
            name=name,
            heading=name,
            colour=colour,
            parts=(
                Part(
                    name=name,
                    accelergy=lambda _, name=name: (f"eie_{name}", {}),
                    actions=(_every_cycle(name, _pe_cycles),),
                ),
            ),
        )
        for name, colour in (("clock", "#718096"), ("registers", "#a0aec0"))
    ),
)


def _leak(memory: Part) -> Part:
    def count(events: Events, array: Priced) -> float:
        return _pe_cycles(events, array) * (array.pointer_banks if memory.name == "pointer_bank" else 1)

    def picojoules(array: Priced) -> float:
        return 1000 * array.srams[memory.name].leakage_mw / array.clock_mhz

    return replace(memory, actions=(Action("leak", count, picojoules),))


_PARTS = {part.name: part for component in _ACCESSED for part in component.parts}


def parts_of(component: Component, maps: bool) -> tuple[Part, ...]:
    """The parts that an array has, with or without `maps`."""
    return tuple(part for part in component.parts if maps or not part.of_maps)


COMPONENTS: Mapping[str, Component] = {
    component.name: component
    for component in (
        *_ACCESSED,
        Component(
            name="leakage",
            heading="leakage",
            colour="#e2c044",
            parts=tuple(_leak(_PARTS[memory.name]) for memory in fields(PeMemories)),
        ),
    )
}
