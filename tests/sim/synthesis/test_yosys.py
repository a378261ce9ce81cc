"""sim/synthesis/yosys.py: what is kept as a module, cells by unit."""

import json
from pathlib import Path

import pytest

from model.errors import EieError
from sim.synthesis.families.ecp5 import FAMILY, cells
from sim.synthesis.family import Cells
from sim.synthesis.yosys import kept_modules, read_statistics

assert FAMILY.flow is not None
FLOW = FAMILY.flow


def test_cells_as_nextpnr_packs_them() -> None:
    found = cells({"LUT4": 10, "CCU2C": 3, "TRELLIS_DPR16X4": 2, "TRELLIS_FF": 7, "DP16KD": 4, "MULT18X18D": 1})
    assert found == Cells(comb=24, ff=7, block_rams=4, multipliers=1, lut_ram_bits=128)
    assert 2 * found + Cells(comb=1) == Cells(comb=49, ff=14, block_rams=8, multipliers=2, lut_ram_bits=256)


def test_units_with_a_clock_are_kept_and_what_is_in_them_is_not() -> None:
    pe = "module eie_pe(clk, a);\nmodule \\eie_pe.queue (clk, rst);\nmodule \\eie_pe.lookup.constants (clk);\n"
    texts = [pe, "module \\eie_array.leading_nonzero (pending);\n", "module eie_harness(clk);\n"]
    assert kept_modules(texts) == ["eie_pe", "eie_pe.queue"]


def test_statistics_by_unit(tmp_path: Path) -> None:
    modules = {
        "\\eie_pe": {"LUT4": 1, "eie_pe.queue": 1},
        "\\eie_pe.queue": {"LUT4": 5},
        "\\eie_array": {"TRELLIS_FF": 2, "eie_pe": 2},
        "\\eie_array.loader": {"LUT4": 7},
        "\\eie_harness": {"TRELLIS_FF": 9},
    }
    statistics = {"modules": {name: {"num_cells_by_type": cells} for name, cells in modules.items()}}
    (tmp_path / "s.json").write_text(json.dumps(statistics))
    found = read_statistics(tmp_path / "s.json", FLOW)
    assert found.pe == {"pe": Cells(comb=1), "queue": Cells(comb=5)}
    assert found.array == {"array": Cells(ff=2), "loader": Cells(comb=7), "harness": Cells(ff=9)}
    assert found.pe_total == Cells(comb=6)
    assert found.shared_total == Cells(comb=7, ff=2)


def test_other_statistics_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text("{}")
    with pytest.raises(EieError, match=r"wanted yosys statistics in .*s\.json, got KeyError"):
        read_statistics(tmp_path / "s.json", FLOW)
