"""The array after synthesis, as Verilog that simulators take: the family's cells, and what they do."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from hw.verilog import ARRAY_MODULE, verilog_text
from model.config import ArrayConfig
from model.errors import EieError
from sim.progress import Say
from sim.synthesis.families import FAMILIES
from sim.synthesis.family import Flow
from sim.synthesis.tools import YOSYS, check_tools, run_tool
from sim.synthesis.yosys import LOG, kept_modules

NETLIST, CELLS = "netlist.v", "cells.v"


def netlists() -> dict[str, tuple[Flow, Callable[[], str]]]:
    """The flow and the cells' models of the families whose netlists can be simulated, by what `--netlist` takes."""
    return {
        family.name.split()[-1].lower(): (family.flow, family.flow.models)
        for family in FAMILIES
        if family.flow is not None and family.flow.models is not None
    }


def check_netlist(family: str) -> None:
    """EieError for a family whose cells have no models, or without yosys."""
    if family not in netlists():
        raise EieError(f"no netlist {family!r} to simulate; netlists: {', '.join(netlists())}")
    check_tools(YOSYS)


def netlist_text(config: ArrayConfig, family: str, say: Say = lambda _: None) -> dict[str, str]:
    """File name to text: the array as the family's cells, with the ports of the RTL, and models of these cells.

    The synthesis is that of `eie fpga`, units kept, without what stands around the array there. EieError for a family
    whose cells have no models, or if yosys is missing or fails.
    """
    check_netlist(family)
    flow, models = netlists()[family]
    sources = {name: text for name, text in verilog_text(config).items() if name.endswith(".v")}
    with tempfile.TemporaryDirectory(prefix="eie-") as name:
        folder = Path(name)
        for source, text in sources.items():
            (folder / source).write_text(text, encoding="utf-8")
        script = [
            f"read_verilog {' '.join(sources)}",
            f"hierarchy -top {ARRAY_MODULE}",
            f"setattr -mod -set keep_hierarchy 1 {' '.join(kept_modules(sources.values()))}",
            *(command.format(top=ARRAY_MODULE) for command in flow.synthesis),
            f"write_verilog -noattr {NETLIST}",
        ]
        (folder / "netlist.ys").write_text("\n".join([*script, ""]), encoding="utf-8")
        say(f"synthesis for {family} (yosys)")
        run_tool(YOSYS, ["-q", "-l", LOG, "netlist.ys"], folder, LOG, say)
        return {CELLS: models(), NETLIST: (folder / NETLIST).read_text(encoding="utf-8")}
