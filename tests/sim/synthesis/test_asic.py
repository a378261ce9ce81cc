"""sim/synthesis/asic.py:
memories as silicon has them, areas by unit, timing reports; the flow itself with a library.
"""

import json
from pathlib import Path

import pytest

import sim.commands.faults
import sim.commands.fpga
import sim.faults.campaign
import sim.synthesis.asic
import sim.synthesis.inference
import sim.synthesis.place
import sim.synthesis.tools
from model.errors import EieError
from sim.cli import main
from sim.synthesis.asic import Area, read_areas, read_liberty, read_timing, run_asic, silicon_memories
from tests.support.tools.doubles import TINY, nothing

MEMORY = """  reg [{0}:0] words [{1}:0];
  integer words_index;
  initial begin
    for (words_index = 0; words_index < {1}; words_index = words_index + 1) words[words_index] = 16'h0000;
  end
  assign a = b;
"""
TIMING = """Startpoint: a (rising edge-triggered flip-flop clocked by clk)
   0.0000    0.0000 ^ queue.count_DFF_X1_Q/CK (DFF_X1)
   0.1000    0.1000 ^ queue.count_DFF_X1_Q/Q (DFF_X1)
   0.2000    0.3000 v issue.row_NAND2_X1_ZN_A1_OAI21_X1_ZN/ZN (NAND2_X1)
   0.0000    0.3000 v issue.start_DFF_X1_Q/D (DFF_X1)
            -0.2345   slack (VIOLATED)
"""


def test_memories_lose_their_zeros_and_small_ones_become_registers() -> None:
    assert silicon_memories(MEMORY.format(15, 63)) == (
        '  (* ram_style = "logic" *)\n  reg [15:0] words [63:0];\n  assign a = b;\n'
    )
    assert silicon_memories(MEMORY.format(15, 64)) == (
        '  (* ram_style = "block" *)\n  reg [15:0] words [64:0];\n  assign a = b;\n'
    )


def test_zeros_written_word_by_word_go_too() -> None:
    words = "  reg [31:0] words [1:0];\n  initial begin\n    words[0] = 32'd0;\n    words[1] = 32'd0;\n  end\n"
    assert silicon_memories(words) == '  (* ram_style = "logic" *)\n  reg [31:0] words [1:0];\n'


def test_a_timing_report_in_the_designs_own_names(tmp_path: Path) -> None:
    ns, names = read_timing(TIMING, tmp_path / "sta.log")
    assert ns == pytest.approx(1.2345)
    assert names == ("queue.count", "issue.row", "issue.start")
    with pytest.raises(EieError, match="OpenSTA reported no path between registers"):
        read_timing("Error\n", tmp_path / "sta.log")


def test_a_library_may_be_packed_and_must_be_one(tmp_path: Path) -> None:
    (tmp_path / "a.lib").write_text("library (a) { cell (b) { } }")
    assert read_liberty(tmp_path / "a.lib").startswith(b"library")
    (tmp_path / "b.lib").write_text("nothing")
    with pytest.raises(EieError, match=r"b\.lib is not a Liberty file: wanted a library of cells"):
        read_liberty(tmp_path / "b.lib")
    (tmp_path / "c.lib.gz").write_bytes(b"\x1f\x8bdamaged")
    with pytest.raises(EieError, match=r"cannot read .*c\.lib\.gz"):
        read_liberty(tmp_path / "c.lib.gz")


def test_areas_are_a_modules_own(tmp_path: Path) -> None:
    modules = {
        "\\eie_pe": {"area": 9.0, "sequential_area": 4.0, "num_cells_by_type": {"eie_pe.queue": 1, "X": 3}},
        "\\eie_pe.queue": {"area": 5.0, "sequential_area": 3.0, "num_cells_by_type": {"$__SRAM_": 7}},
    }
    (tmp_path / "a.json").write_text(json.dumps({"modules": modules}))
    assert read_areas(tmp_path / "a.json") == {"eie_pe": Area(4.0, 1.0, 0), "eie_pe.queue": Area(5.0, 3.0, 7)}


@pytest.mark.parametrize("arguments", [["--target", "0"], ["--liberty", "missing.lib"]])
def test_bad_input_is_one_sentence(arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["asic", "--liberty", "missing.lib", "-o", str(tmp_path / "out"), *arguments]) == 2
    assert capsys.readouterr().err.count("error: ") == 1


@pytest.mark.slow
def test_a_pe_is_smaller_than_the_papers(data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    liberty = data_folder / "pdk" / "nangate45_typ.lib.gz"
    assert main(["asic", "--liberty", str(liberty), "-o", str(tmp_path), "--set", "pes=1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert 0 < report["logic_um2"] <= report["paper"]["logic_um2"]
    assert report["abc_ns"] <= 1.25
    assert {"decoder", "arithmetic", "queue"} <= set(report["pe_units"])
    assert report["pe_units"]["queue"]["sram_columns"] == 0
    assert report["pe_units"]["sparse_matrix"]["sram_columns"] == 64


def test_static_timing_without_its_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim.synthesis.asic, "check_tools", nothing)
    monkeypatch.setattr(sim.synthesis.asic.shutil, "which", nothing)
    with pytest.raises(EieError, match="--sta needs OpenSTA's program sta, which was not found"):
        run_asic(TINY, tmp_path / "cells.lib", tmp_path / "out", target_ps=1000, with_sta=True)


@pytest.mark.parametrize("text", ["", "{}", '{"modules": {"pe": {}}}', '{"modules": 3}'])
def test_areas_that_are_none(text: str, tmp_path: Path) -> None:
    path = tmp_path / "areas.json"
    path.write_text(text)
    with pytest.raises(EieError, match="wanted yosys statistics with areas in"):
        read_areas(path)


@pytest.mark.parametrize("text", ["", "no number"])
def test_delays_that_are_none(text: str, tmp_path: Path) -> None:
    path = tmp_path / "abc.txt"
    path.write_text(text)
    with pytest.raises(EieError, match="wanted ABC's timing statistics in"):
        sim.synthesis.asic.read_abc_ns(path)
