"""`eie energy`: what events cost and why, and the check against the EIE paper."""

from collections.abc import Mapping

from sim.energy.check import PAPER_MEMORIES, PAPER_UNITS_MW, CheckRow, UnitPower, check, unit_power
from sim.energy.technology import Technology, load_technology
from sim.terminal.options import Json, TechnologyFile
from sim.terminal.output import Output


def energy_command(technology_file: TechnologyFile = None, as_json: Json = False) -> None:
    """Show the energy of each event and its source. With the check against the power that the EIE paper publishes."""
    output = Output(as_json=as_json)
    technology = load_technology(technology_file)
    rows = check(technology)
    units, _, _ = unit_power(technology)
    _show(output, technology, rows, units)
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


def _show(output: Output, technology: Technology, rows: list[CheckRow], units: Mapping[str, UnitPower]) -> None:
    """What events and memories cost, the check against Table II, and where the units' figures come from."""
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


def _check_cells(row: CheckRow) -> list[str]:
    deviation = round(100 * row.deviation, 1) + 0.0  # no minus in front of a zero
    return [row.part, f"{row.model_mw:.3f}", f"{row.paper_mw:.3f}", f"{deviation:+.1f} %", row.rests_on]
