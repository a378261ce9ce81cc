"""`eie energy`: what events cost and why, and the check against the EIE paper; the energy tables of other commands."""

from collections.abc import Mapping, Sequence
from typing import Any

from sim.energy import COMPONENTS, Energy
from sim.energy_check import PAPER_MEMORIES, PAPER_UNITS_MW, CheckRow, check, unit_power
from sim.options import Json, TechnologyFile
from sim.output import Output, mean
from sim.technology import Technology, load_technology

COLUMNS = [
    "layer",
    "queue",
    "pointer",
    "sparse-matrix",
    "arithmetic",
    "activation",
    "LNZD",
    "clock",
    "registers",
    "leakage",
    "total nJ",
    "mW",
    "pJ/useful MAC",
    "image nJ",
]


def energy_command(technology_file: TechnologyFile = None, as_json: Json = False) -> None:
    """Show the energy of each event and its source. With the check against the power that the EIE paper publishes."""
    output = Output(as_json=as_json)
    technology = load_technology(technology_file)
    rows = check(technology)
    output.line(f"{technology.name}: energy of an event, power of what runs in every cycle, area, and sources")
    for part, figures in technology.figures.items():
        for name, figure in figures.items():
            output.line(f"{part:<8} {name.replace('_', ' '):<21} {figure.value:>7g} {figure.unit:<5} {figure.source}")
    output.line()
    output.table(
        f"memories: {technology.sram_source}",
        ["bytes", "bits", "read pJ", "write pJ", "leakage mW", "um2"],
        [
            [
                f"{sram.bytes:,.0f}",
                f"{sram.bits:g}",
                f"{sram.read_pj:.3f}",
                f"{sram.write_pj:.3f}",
                f"{sram.leakage_mw:.3g}",
                f"{sram.area_um2:,.0f}",
            ]
            for sram in technology.srams
        ],
    )
    output.table(
        "check: the paper's PE, a multiply-accumulate per cycle, sparse-matrix and pointer memories read every 8",
        ["part", "model mW", "Table II mW", "deviation", "rests on"],
        [_check_cells(row) for row in rows],
    )
    output.line(
        "Units include their share of the clock, by the area that the paper gives them, and of the registers, by the "
        "bits of the queue and of the activation register files, whose accesses are therefore not priced as events; "
        "the last row does so, apart from the sum. What is taken from Table II or dealt out from it is no check."
    )
    units, _, _ = unit_power(technology)
    output.line()
    output.table(
        "where the units' figures come from, mW",
        ["unit", "events, leakage", "registers", "clock", "model", "Table II"],
        [
            [
                unit,
                *(f"{mw:.3f}" for mw in (power.events, power.registers, power.clock, power.total)),
                f"{PAPER_UNITS_MW[unit]:.3f}",
            ]
            for unit, power in units.items()
        ],
    )
    output.result(
        {
            "technology": technology.name,
            "figures": {
                part: {name: vars(figure) for name, figure in figures.items()}
                for part, figures in technology.figures.items()
            },
            "sram_source": technology.sram_source,
            "srams": [vars(sram) for sram in technology.srams],
            "check_memories": {name: vars(memory) for name, memory in vars(PAPER_MEMORIES).items()},
            "check": [{**vars(row), "deviation": row.deviation} for row in rows],
            "check_units": {unit: vars(power) for unit, power in units.items()},
        }
    )


def show_energy(
    output: Output,
    title: str,
    technology: Technology,
    energies: Mapping[str, Energy],
    *,
    total: Energy | None = None,
    remarks: Mapping[str, Sequence[str]],
) -> None:
    """The table of energy per layer and in total; `remarks` by the name of whom they concern, "" for the array."""
    output.table(
        f"{title}: energy in {technology.name}, nJ per input",
        COLUMNS,
        [[name, *_cells(energy)] for name, energy in energies.items()],
        ["total", *_cells(total)] if total else (),
    )
    output.line(
        "From start to done. Reading the image from DRAM is counted apart, as image nJ: once for any number of inputs, "
        "or for every input if the memories do not hold it at once."
    )
    for name, sentences in remarks.items():
        for sentence in sentences:
            output.line(f"{name}: {sentence}." if name else f"{sentence[0].upper()}{sentence[1:]}.")


def energy_payload(energy: Energy) -> dict[str, Any]:
    """An energy as JSON."""
    return {
        "nanojoules": dict(energy.nanojoules),
        "total_nj": energy.total_nj,
        "milliwatts": energy.milliwatts,
        "pj_per_useful_mac": energy.pj_per_useful_mac,
        "image_nj": energy.image_nj,
    }


def _cells(energy: Energy) -> list[str]:
    per_mac = energy.pj_per_useful_mac
    return [
        *(_nanojoules(energy.nanojoules[component]) for component in COMPONENTS),
        _nanojoules(energy.total_nj),
        mean(energy.milliwatts),
        "-" if per_mac is None else f"{per_mac:.1f}",
        _nanojoules(energy.image_nj),
    ]


def _check_cells(row: CheckRow) -> list[str]:
    deviation = round(100 * row.deviation, 1) + 0.0  # no minus in front of a zero
    return [row.part, f"{row.model_mw:.3f}", f"{row.paper_mw:.3f}", f"{deviation:+.1f} %", row.rests_on]


def _nanojoules(value: float) -> str:
    return f"{value:,.3f}" if value < 10 else f"{value:,.1f}"
