"""The energy model on the EIE paper's own activity and memories, against the power of its Table II."""

from dataclasses import dataclass

from sim.energy import EnergyModel, Events, Memory, PeMemories, lnzd_nodes
from sim.paper import PAPER_CLOCK_MHZ, PAPER_PES
from sim.technology import Technology

# Table II: mW of a PE, by kind of circuit and by unit; section V: mW of the array.
PAPER_PE_MW = 9.157
PAPER_KINDS_MW = {"memory": 5.416, "clock": 1.874, "registers": 1.026, "combinational": 0.841}
PAPER_UNITS_MW = {
    "activation queue": 0.112,
    "pointer read": 1.807,
    "sparse-matrix read": 4.955,
    "arithmetic unit": 1.162,
    "activation read/write": 1.122,
}
PAPER_LNZD_NODE_MW = 0.023
PAPER_ARRAY_MW = 590.0

CYCLES_PER_READ = 8  # section V: sparse-matrix and pointer memories are read in every eighth cycle
EVENTS = "event energies"
TAKEN = "taken from Table II"
BOTH = "both"

PAPER_MEMORIES = PeMemories(
    sparse_matrix=Memory(128 * 1024, 64),
    pointer_bank=Memory(16 * 1024, 16),
    activation=Memory(2 * 1024, 64),
    accumulator=Memory(128, 16),  # the activation register file: 64 activations of 16 bits
    constant=Memory(32, 16),  # the codebook: 16 weights of 16 bits
)


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
        cycles=cycles,
        queue_writes=reads,
        pointer_pairs=reads,
        row_reads=reads,
        entries=pe_cycles,
        macs=pe_cycles,
        accumulator_writes=pe_cycles,
        activation_reads=0.0,  # one in 64 columns
        activation_writes=0.0,
        useful_macs=pe_cycles,
        image_bits=0.0,
    )


def check(technology: Technology) -> list[CheckRow]:
    """Power on the paper's activity at its clock, beside Table II.

    Table II gives clock and registers once more inside its units. They are dealt to the units in proportion to the
    energy of the units' events, which uses no row of the table that is compared.
    """
    model = EnergyModel(PAPER_MEMORIES, pes=PAPER_PES, clock_mhz=PAPER_CLOCK_MHZ, technology=technology)
    energy = model.energy(paper_activity())
    power = {name: nanojoules / energy.microseconds / PAPER_PES for name, nanojoules in energy.nanojoules.items()}
    lnzd = power.pop("leading-nonzero detection")
    total = sum(power.values())
    units = {unit: power[unit] for unit in PAPER_UNITS_MW}
    share = total / sum(units.values()) if any(units.values()) else 0.0
    kinds = {
        "memory": total - power["clock"] - power["registers"] - power["arithmetic unit"],
        "clock": power["clock"],
        "registers": power["registers"],
        "combinational": power["arithmetic unit"],
    }
    taken = {"clock", "registers"}
    return [
        CheckRow("PE", total, PAPER_PE_MW, BOTH),
        *(
            CheckRow(kind, kinds[kind], paper, TAKEN if kind in taken else EVENTS)
            for kind, paper in PAPER_KINDS_MW.items()
        ),
        *(CheckRow(unit, units[unit] * share, paper, BOTH) for unit, paper in PAPER_UNITS_MW.items()),
        CheckRow("leading-nonzero node", lnzd * PAPER_PES / lnzd_nodes(PAPER_PES), PAPER_LNZD_NODE_MW, TAKEN),
        CheckRow(f"array of {PAPER_PES} PEs", energy.milliwatts, PAPER_ARRAY_MW, BOTH),
    ]
