"""The area model on the EIE paper's own memories and queue, against the area of its Table II."""

from dataclasses import dataclass

from sim.energy.area import Area, estimate
from sim.energy.check import PAPER_MEMORIES, PAPER_UNITS_UM2, TAKEN
from sim.energy.components import lnzd_nodes
from sim.energy.memories import POINTER_BANKS
from sim.energy.technology import Technology
from sim.paper import PAPER_PES

# Table II: um2 of a PE, by kind of circuit and by unit; section V: mm2 of the array.
PAPER_PE_UM2 = 638_024.0
PAPER_KINDS_UM2 = {"memory": 594_786.0, "logic": 866.0 + 9_465.0 + 8_946.0, "filler cells": 23_961.0}
PAPER_LNZD_NODE_UM2 = 189.0
PAPER_ARRAY_MM2 = 40.8

PAPER_QUEUE_BITS = 8 * (16 + 14)  # slots of an activation and the number of one of 16,384 columns

FITTED = "one factor fitted to it"
SHARES = "CACTI, that factor"


@dataclass(frozen=True)
class AreaRow:
    """One part of the paper's machine: area by the model and as published, and what the model's figure rests on."""

    part: str
    unit: str
    model: float
    paper: float
    rests_on: str

    @property
    def deviation(self) -> float:
        """Of the model from the paper, as a fraction."""
        return self.model / self.paper - 1


def paper_area(technology: Technology) -> Area:
    """The paper's array: its register files and its codebook are logic, not memories."""
    return estimate(
        technology,
        pes=PAPER_PES,
        queue_bits=PAPER_QUEUE_BITS,
        memories={
            "pointer read": [PAPER_MEMORIES.pointer_bank] * POINTER_BANKS,
            "sparse-matrix read": [PAPER_MEMORIES.sparse_matrix],
            "activation read/write": [PAPER_MEMORIES.activation],
        },
    )


def check_area(technology: Technology) -> list[AreaRow]:
    """Area of the paper's machine beside Table II.

    Table II has the logic of the pointer and sparse-matrix units inside these units and does not say how much it is;
    here all of it is with activation read/write.
    """
    area = paper_area(technology)
    units = dict(area.pe_um2)
    filler, other = units.pop("filler cells"), units.pop("other logic")
    units["activation read/write"] += other
    kinds = {"memory": area.memory_um2, "logic": sum(units.values()) - area.memory_um2, "filler cells": filler}
    rests_on = {"memory": FITTED, "logic": TAKEN, "filler cells": TAKEN}
    rests_on |= {unit: TAKEN if unit in ("activation queue", "arithmetic unit") else SHARES for unit in units}
    published = {**PAPER_KINDS_UM2, **PAPER_UNITS_UM2}
    return [
        AreaRow("PE", "um2", area.total_pe_um2, PAPER_PE_UM2, FITTED),
        *(AreaRow(part, "um2", um2, published[part], rests_on[part]) for part, um2 in {**kinds, **units}.items()),
        AreaRow("leading-nonzero node", "um2", area.lnzd_um2 / lnzd_nodes(PAPER_PES), PAPER_LNZD_NODE_UM2, TAKEN),
        AreaRow(f"array of {PAPER_PES} PEs", "mm2", area.mm2, PAPER_ARRAY_MM2, FITTED),
    ]
