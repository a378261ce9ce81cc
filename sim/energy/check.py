"""The energy model on the EIE paper's own activity and memories, against the power of its Table II.

Table II splits the PE's power twice, by kind of circuit and by unit, and does not say how much of clock and registers
each unit has. The clock network has to reach all of a unit, so its power is dealt in proportion to the units' published
areas. The queue and the two register files of activations are the registers whose bits the paper gives, so the
registers' power is dealt in proportion to these bits, and their accesses are not priced a second time as events.
"""

from dataclasses import dataclass

from sim.energy.components import COMPONENTS, lnzd_nodes
from sim.energy.events import Events
from sim.energy.memories import Memory, PeMemories
from sim.energy.model import EnergyModel
from sim.energy.technology import Technology
from sim.paper import PAPER_CLOCK_MHZ, PAPER_PES

# Table II: mW of a PE, by kind of circuit and by unit; section V: mW of the array.
PAPER_PE_MW = 9.157
PAPER_KINDS_MW = {"memory": 5.416, "clock": 1.874, "registers": 1.026, "combinational": 0.841}
PUBLISHED = {component.name: component.published for component in COMPONENTS.values() if component.published}
PAPER_UNITS_MW = {unit: row.milliwatts for unit, row in PUBLISHED.items()}
PAPER_UNITS_UM2 = {unit: row.um2 for unit, row in PUBLISHED.items()}
PAPER_LNZD_NODE_MW = 0.023
PAPER_ARRAY_MW = 590.0

# Section III, storage built of registers.
REGISTER_BITS = {unit: row.register_bits for unit, row in PUBLISHED.items() if row.register_bits}
REGISTER_PARTS = {part.name for component in COMPONENTS.values() for part in component.parts if part.of_registers}
UNIT_OF = {part.name: unit for unit in PUBLISHED for part in COMPONENTS[unit].parts}

CYCLES_PER_READ = 8  # section V: sparse-matrix and pointer memories are read in every eighth cycle
EVENTS = "event energies"
TAKEN = "taken from Table II"
BOTH = "both"
DEALT = "Table II, dealt out"

PAPER_MEMORIES = PeMemories(
    sparse_matrix=Memory(128 * 1024, 64),
    pointer_bank=Memory(16 * 1024, 16),
    activation=Memory(2 * 1024, 64),
    accumulator=Memory(128, 16),  # the activation register file: 64 activations of 16 bits
    constant=Memory(32, 16),  # the codebook: 16 weights of 16 bits
)


@dataclass(frozen=True, kw_only=True)
class UnitPower:
    """What one unit of the paper's PE takes by the model, mW: events and leakage, its shares of registers and clock."""

    events: float
    registers: float
    clock: float

    @property
    def total(self) -> float:
        """mW of the unit."""
        return self.events + self.registers + self.clock


@dataclass(frozen=True)
class CheckRow:
    """One part of the paper's machine: mW by the model and as published, and what the model's figure rests on."""

    part: str
    model_mw: float
    paper_mw: float
    rests_on: str

    @property
    def deviation(self) -> float:
        """Of the model from the paper, as a fraction."""
        return self.model_mw / self.paper_mw - 1


def paper_activity() -> Events:
    """Eight cycles of the paper's array: a multiply-accumulate per cycle and PE, one read of the large memories."""
    cycles, pe_cycles = float(CYCLES_PER_READ), float(CYCLES_PER_READ * PAPER_PES)
    reads = pe_cycles / CYCLES_PER_READ
    return Events(
        vectors=1.0,
        cycles=cycles,
        compute_cycles=cycles,
        drain_cycles=0.0,
        write_back_cycles=0.0,
        busy_cycles=pe_cycles,
        broadcasts=reads / PAPER_PES,
        stalls=0.0,
        queue_writes=reads,
        pointer_pairs=reads,
        row_reads=reads,
        entries=pe_cycles,
        fillers=0.0,
        macs=pe_cycles,
        accumulator_writes=pe_cycles,
        activation_reads=0.0,  # one in 64 columns
        activation_writes=0.0,
        useful_macs=pe_cycles,
        image_bits=0.0,
    )


def unit_power(technology: Technology) -> tuple[dict[str, UnitPower], float, float]:
    """Of a PE: what each unit takes; what accesses to its registers would take if priced as events; a detection node.

    All in mW. Only the first is in the PE's sum; leakage is with the unit that has the memory.
    """
    events = paper_activity()
    model = EnergyModel(PAPER_MEMORIES, pes=PAPER_PES, clock_mhz=PAPER_CLOCK_MHZ, technology=technology)
    milliwatts_per_pj = PAPER_CLOCK_MHZ / events.cycles / PAPER_PES / 1000
    power = dict.fromkeys((*PAPER_UNITS_MW, "clock", "registers", "leading-nonzero detection"), 0.0)
    priced_registers = 0.0
    for action in model.actions(events):
        milliwatts = action.count * action.picojoules * milliwatts_per_pj
        if action.part in REGISTER_PARTS:
            priced_registers += milliwatts
        else:
            power[UNIT_OF.get(action.part, action.component)] += milliwatts
    bits, area = sum(REGISTER_BITS.values()), sum(PAPER_UNITS_UM2.values())
    units = {
        unit: UnitPower(
            events=power[unit],
            registers=power["registers"] * REGISTER_BITS.get(unit, 0) / bits,
            clock=power["clock"] * PAPER_UNITS_UM2[unit] / area,
        )
        for unit in PAPER_UNITS_MW
    }
    return units, priced_registers, power["leading-nonzero detection"] * PAPER_PES / lnzd_nodes(PAPER_PES)


def check(technology: Technology) -> list[CheckRow]:
    """Power on the paper's activity at its clock, beside Table II."""
    units, priced_registers, lnzd_node = unit_power(technology)
    total = sum(unit.total for unit in units.values())
    kinds = {
        "memory": sum(unit.events for name, unit in units.items() if name != "arithmetic unit"),
        "clock": sum(unit.clock for unit in units.values()),
        "registers": sum(unit.registers for unit in units.values()),
        "combinational": units["arithmetic unit"].events,
    }
    array = PAPER_PES * total + lnzd_nodes(PAPER_PES) * lnzd_node
    return [
        CheckRow("PE", total, PAPER_PE_MW, BOTH),
        *(
            CheckRow(kind, kinds[kind], paper, TAKEN if kind in ("clock", "registers") else EVENTS)
            for kind, paper in PAPER_KINDS_MW.items()
        ),
        *(
            CheckRow(unit, units[unit].total, paper, DEALT if unit in REGISTER_BITS else BOTH)
            for unit, paper in PAPER_UNITS_MW.items()
        ),
        CheckRow("leading-nonzero node", lnzd_node, PAPER_LNZD_NODE_MW, TAKEN),
        CheckRow(f"array of {PAPER_PES} PEs", array, PAPER_ARRAY_MW, BOTH),
        CheckRow("registers as events", priced_registers, PAPER_KINDS_MW["registers"], EVENTS),
    ]
