"""sim/rtl/verilator_runtime.py: objects of Verilator's library go from one build to the next."""

import time
from pathlib import Path

from sim.rtl.verilator_runtime import keep, lend


def build_folder(tmp_path: Path, name: str) -> Path:
    folder = tmp_path / name
    folder.mkdir()
    return folder


def test_the_next_build_finds_what_the_first_compiled(tmp_path: Path) -> None:
    first, second, shelf = build_folder(tmp_path, "first"), build_folder(tmp_path, "second"), tmp_path / "shelf"
    for name, text in {"verilated.o": "a", "verilated_vpi.o": "b", "Vtop__ALL.o": "of the design"}.items():
        (first / name).write_text(text)
    keep(shelf, first)
    lend(shelf, second)
    assert {each.name: each.read_text() for each in second.iterdir()} == {"verilated.o": "a", "verilated_vpi.o": "b"}
    assert all(each.stat().st_mtime > time.time() for each in second.iterdir())  # a Makefile made now is older
    assert sorted(tmp_path.iterdir()) == [first, second, shelf]


def test_what_lies_there_stays(tmp_path: Path) -> None:
    first, second, shelf = build_folder(tmp_path, "first"), build_folder(tmp_path, "second"), tmp_path / "shelf"
    (first / "verilated.o").write_text("first")
    (second / "verilated.o").write_text("second")
    keep(shelf, first)
    keep(shelf, second)
    assert (shelf / "verilated.o").read_text() == "first"


def test_without_a_shelf_a_build_compiles_all(tmp_path: Path) -> None:
    work, shelf = build_folder(tmp_path, "work"), tmp_path / "shelf"
    lend(shelf, work)
    keep(shelf, work)
    assert list(work.iterdir()) == []
    assert not shelf.exists()
