"""`eie area`: an estimate of an array's area, and its check against the EIE paper."""

from sim.energy.area import UM2_PER_MM2, array_area
from sim.energy.area_check import AreaRow, check_area
from sim.energy.technology import load_technology
from sim.terminal.options import Changes, ConfigFile, Json, Pes, Preset, TechnologyFile, array_config
from sim.terminal.output import Output
from sim.text import percent


def area_command(
    preset: Preset = None,
    config: ConfigFile = None,
    pes: Pes = None,
    changes: Changes = None,
    technology_file: TechnologyFile = None,
    as_json: Json = False,
) -> None:
    """Estimate the area of an array. With the check against the area that the EIE paper publishes."""
    output = Output(as_json=as_json)
    array = array_config(preset, config, pes, changes)
    technology = load_technology(technology_file)
    area, rows = array_area(array, technology), check_area(technology)
    parts = {unit: um2 * area.pes / UM2_PER_MM2 for unit, um2 in area.pe_um2.items()}
    parts["leading-nonzero detection"] = area.lnzd_um2 / UM2_PER_MM2
    output.table(
        f"{array.name}, {array.pes} PEs: area in {technology.name}, an estimate",
        ["part", "um2 per PE", "mm2", "share"],
        [
            [part, f"{area.pe_um2[part]:,.0f}" if part in area.pe_um2 else "", f"{mm2:.3f}", percent(mm2 / area.mm2)]
            for part, mm2 in parts.items()
        ],
        ["array", f"{area.total_pe_um2:,.0f}", f"{area.mm2:.3f}", percent(1.0)],
    )
    for remark in area.remarks:
        output.line(f"{remark[0].upper()}{remark[1:]}.")
    output.line("Not counted: Huffman decoders, counters, control unit, the wires of the broadcast, pads.\n")
    output.table(
        "check: the paper's PE, 128 KB of entries, twice 16 KB of pointers, 2 KB of activations, a queue of 8",
        ["part", "model", "Table II", "", "deviation", "rests on"],
        [_check_cells(row) for row in rows],
    )
    output.line(
        "Logic of the pointer and sparse-matrix units is with activation read/write. Rows taken from Table II and rows "
        "fitted to it are no check."
    )
    output.result(
        {
            "config": array.to_dict(),
            "technology": technology.name,
            "mm2": area.mm2,
            "parts_mm2": parts,
            "pe_um2": dict(area.pe_um2),
            "remarks": list(area.remarks),
            "check": [{**vars(row), "deviation": row.deviation} for row in rows],
        }
    )


def _check_cells(row: AreaRow) -> list[str]:
    decimals = 0 if row.unit == "um2" else 2
    deviation = round(100 * row.deviation, 1) + 0.0  # no minus in front of a zero
    return [
        row.part,
        f"{row.model:,.{decimals}f}",
        f"{row.paper:,.{decimals}f}",
        row.unit,
        f"{deviation:+.1f} %",
        row.rests_on,
    ]
