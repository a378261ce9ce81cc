"""`eie asic`: area and critical path of an array's logic in a standard-cell library, beside the EIE paper's."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from model.errors import EieError
from sim.synthesis.asic import Area, Asic, run_asic
from sim.synthesis.tools import YOSYS, tool_versions
from sim.terminal.options import Changes, ConfigFile, Json, Preset, array_config
from sim.terminal.output import Output
from sim.text import count
from sw.files import check_folder

# Table II: um2 of the registers and of the combinational logic of EIE's PE, its critical path in ns.
PAPER_LOGIC_UM2 = 9_465.0 + 8_946.0
PAPER_NS = 1.15
APART = ("decoder", "counters")  # what EIE's PE does not have


def asic_command(
    liberty: Annotated[Path, typer.Option("--liberty", metavar="FILE.lib", help="Cells, Liberty format, also .gz.")],
    sta: Annotated[bool, typer.Option("--sta", help="Static timing too, with OpenSTA.")] = False,
    target_ps: Annotated[float, typer.Option("--target", metavar="PS", help="Path that gates are sized for.")] = 1150.0,
    pes: Annotated[int, typer.Option("--pes", help="Processing elements that the shared units serve.")] = 1,
    preset: Preset = None,
    config: ConfigFile = None,
    changes: Changes = None,
    folder: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for everything.")] = Path(
        "build/asic"
    ),
    as_json: Json = False,
) -> None:
    """Map an array's logic to standard cells. Area by unit and critical path, SRAMs as black boxes."""
    array = array_config(preset, config, pes, changes)
    if not 1 <= target_ps <= 1e6:
        raise EieError(f"--target must be between 1 and 1000000 ps, got {target_ps:g}")
    check_folder(folder)
    output = Output(as_json=as_json)
    with output.steps(f"{array.name}: {liberty.name}") as say:
        asic = run_asic(array, liberty, folder, target_ps=target_ps, with_sta=sta, say=say)
    figures = summary(asic)
    _table(output, f"one PE of {array.name} by unit, each mapped by itself", asic.pe)
    _table(output, "units that the PEs share", asic.array)
    output.table(
        "one PE without SRAM",
        ["", "um2", "EIE, Table II"],
        [
            ["without decoder and counters", count(round(figures["logic_um2"])), count(round(PAPER_LOGIC_UM2))],
            ["decoder", count(round(figures["decoder_um2"])), "-"],
            ["counters", count(round(figures["counters_um2"])), "-"],
            ["all, without unit boundaries", count(round(asic.flat.um2)), "-"],
        ],
    )
    output.line(
        f"Critical path: {asic.abc_ns:.2f} ns of logic after sizing (ABC; no wires, no clock-to-output, no setup); "
        f"EIE {PAPER_NS} ns."
    )
    if asic.sta_ns is not None:
        output.line(
            f"{asic.sta_ns:.2f} ns from register to register (OpenSTA, no wires): {' '.join(asic.sta_path[:1])}"
        )
        output.line(f"to {' '.join(asic.sta_path[-1:])}.")
    output.result(
        {
            "liberty": liberty.name,
            "config": array.to_dict(),
            "tools": tool_versions(YOSYS),
            "target_ps": target_ps,
            **figures,
            "pe_units": {unit: vars(area) for unit, area in asic.pe.items()},
            "array_units": {unit: vars(area) for unit, area in asic.array.items()},
            "flat_um2": asic.flat.um2,
            "abc_ns": asic.abc_ns,
            "sta_ns": asic.sta_ns,
            "sta_path": list(asic.sta_path),
            "paper": {"logic_um2": PAPER_LOGIC_UM2, "ns": PAPER_NS},
        }
    )


def summary(asic: Asic) -> dict[str, float]:
    """um2 of a PE's logic with what EIE's PE does not have apart."""
    apart = {f"{unit}_um2": asic.pe[unit].um2 if unit in asic.pe else 0.0 for unit in APART}
    return {"logic_um2": sum(area.um2 for unit, area in asic.pe.items() if unit not in APART), **apart}


def _table(output: Output, title: str, areas: Mapping[str, Area]) -> None:
    rows: list[tuple[str, Any]] = sorted(areas.items(), key=lambda item: -item[1].um2)
    output.table(
        title,
        ["unit", "um2", "of which registers", "SRAM columns"],
        [
            [unit, count(round(area.um2)), count(round(area.register_um2)), count(area.sram_columns)]
            for unit, area in rows
        ],
        [
            "total",
            *(count(round(sum(getattr(area, name) for area in areas.values()))) for name in ("um2", "register_um2")),
            count(sum(area.sram_columns for area in areas.values())),
        ],
    )
