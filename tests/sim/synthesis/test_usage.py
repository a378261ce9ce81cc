"""sim/synthesis/usage.py: what synthesis counts of an array, once for each that differs in its Verilog."""

from pathlib import Path
from typing import Any

import pytest

from model.config import PRESETS, ArrayConfig
from sim.synthesis import usage
from sim.synthesis.families import FLOWS
from sim.synthesis.family import Cells
from sim.synthesis.usage import Usage, known_usage, measure_usage, usage_key
from sim.synthesis.yosys import Synthesis

ECP5 = FLOWS["ecp5-85k"]
TINY = PRESETS["tiny4"]


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[ArrayConfig]:
    """The arrays that were synthesised; a PE has 100 lookup tables and 3 block RAMs, the rest 10 and 1."""
    found: list[ArrayConfig] = []

    def write_sources(config: ArrayConfig, folder: Path) -> list[str]:
        assert folder.is_dir()
        found.append(config)
        return []

    def synthesise(*_: Any) -> Synthesis:
        around = {"harness": Cells(comb=1000, block_rams=50)}
        return Synthesis({"pe": Cells(comb=100, block_rams=3)}, {"array": Cells(comb=10, block_rams=1), **around})

    monkeypatch.setenv("EIE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(usage, "write_sources", write_sources)
    monkeypatch.setattr(usage, "synthesise", synthesise)
    return found


def test_an_array_is_synthesised_once(asked: list[ArrayConfig]) -> None:
    wanted = Usage(luts=3 * 100 + 10, block_rams=3 * 3 + 1)
    assert measure_usage(TINY.with_(pes=3), ECP5) == wanted
    assert measure_usage(TINY.with_(pes=3, clock_mhz=55, name="mine"), ECP5) == wanted
    assert len(asked) == 1
    assert measure_usage(TINY.with_(pes=5), ECP5) == Usage(luts=510, block_rams=16)
    assert len(asked) == 2


@pytest.mark.parametrize("left", ["", "{", "[]", '{"luts": 5}', '{"luts": -5, "block_rams": 1}', '{"luts": "5"}'])
def test_what_cannot_be_read_is_measured_again(asked: list[ArrayConfig], left: str, tmp_path: Path) -> None:
    key = usage_key(TINY, ECP5)
    assert known_usage(key) is None
    measure_usage(TINY, ECP5)
    (file,) = (tmp_path / "cache" / "synthesis").iterdir()
    file.write_text(left)
    assert known_usage(key) is None
    measure_usage(TINY, ECP5)
    assert len(asked) == 2
    assert known_usage(key) == measure_usage(TINY, ECP5)


@pytest.mark.slow
def test_yosys_counts_what_the_committed_report_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one PE, whose figures stand in the family."""
    monkeypatch.setenv("EIE_CACHE", str(tmp_path))
    (measured,) = (row for row in ECP5.measured if row.pes == 1 and not row.maps)
    found = measure_usage(PRESETS["ecp5_1"], ECP5)
    assert found.luts == measured.comb_pe + measured.comb_shared
    assert found.block_rams > 0
