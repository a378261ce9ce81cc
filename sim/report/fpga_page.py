"""The page of `eie fpga`: clock, use of the device, units, critical path, floor plan."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import numpy as np

from sim.report.origin import Provenance, add_origin
from sim.report.page import Page
from sim.report.style import BLUE, ORANGE, stacked_bars
from sim.text import count, percent


def fpga_page(report: Mapping[str, Any], floorplan: bytes | None, provenance: Provenance) -> str:
    """The page as HTML, from what `sim.synthesis.flow.payload` says and the floor plan as SVG, if there is one."""
    config, path = report["config"], report["critical_path"]
    clock = "not placed" if report["fmax_mhz"] is None else f"{report['fmax_mhz']:.1f} MHz"
    page = Page(
        f"{config['name']} on {report['device']}",
        f"{config['pes']} processing elements, synthesised with open tools: "
        f"{', '.join(f'{name} {version}' for name, version in report['tools'].items())}.",
        provenance.generator,
    )
    shares = {name: report["used"][name] / most for name, most in report["available"].items() if most}
    page.facts([("clock", clock), *((f"of {name}", percent(share)) for name, share in shares.items())])
    page.section("Use of the device", "What is around the array included.")
    page.plots(
        stacked_bars(
            "share of the device",
            list(shares),
            {"used": np.array([100 * share for share in shares.values()])},
            {"used": BLUE},
            "%",
            "0.0",
        ),
        columns="whole",
    )
    used, available = report["used"], report["available"]
    page.table(
        "",
        ["cells", "used", "available", "share"],
        [[name, count(used[name]), count(available[name]), percent(share)] for name, share in shares.items()],
    )
    page.section("Units", "Of one PE, and what the PEs share with what is around the array.")
    _units(page, "one PE", report["pe_units"], report["pe"])
    _units(page, "shared; the total is the array's alone", report["array_units"], report["shared"])
    if path:
        _path(page, path)
    if floorplan is not None:
        page.section("Floor plan", "A square per tile, in the colour of the unit that has most cells there.")
        page.picture("floor plan", f"data:image/svg+xml;base64,{b64encode(floorplan).decode()}")
    add_origin(page, provenance, [(name, str(value)) for name, value in config.items()])
    return page.html()


def _units(page: Page, title: str, units: Mapping[str, Mapping[str, int]], total: Mapping[str, int]) -> None:
    names = {
        "comb": "lookup tables",
        "ff": "flip-flops",
        "block_rams": "block RAMs",
        "multipliers": "multipliers",
        "lut_ram_bits": "LUT RAM bits",
    }
    rows = sorted(units.items(), key=lambda unit: -unit[1]["comb"])
    page.table(
        title,
        ["unit", *names.values()],
        [[unit, *(count(cells[name]) for name in names)] for unit, cells in rows],
        ["total", *(count(total[name]) for name in names)],
    )


def _path(page: Page, path: list[Mapping[str, Any]]) -> None:
    page.section(
        "Critical path",
        f"{path[-1]['ns']:.2f} ns from register to register, the first on top; what each step adds, in the cells "
        "and in the wire behind them.",
    )
    ends = np.array([step["ns"] for step in path])
    wires = np.array([step["routing_ns"] for step in path])
    names = [f"{number}  {step['name']}" for number, step in enumerate(path, 1)]
    logic = np.maximum(np.diff(ends, prepend=0.0) - wires, 0.0)
    colours = {"logic": BLUE, "wire": ORANGE}
    page.plots(stacked_bars("ns", names, {"logic": logic, "wire": wires}, colours, "ns", "0.00"), columns="whole")
    page.table(
        "",
        ["register or logic", "at ns", "of which wire"],
        [[step["name"], f"{step['ns']:.2f}", f"{step['routing_ns']:.2f}"] for step in path],
    )
