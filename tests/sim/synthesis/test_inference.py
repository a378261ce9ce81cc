"""sim/synthesis/inference.py: families that infer too little, and a synthesis that says nothing."""

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
from sim.commands.fpga import inference_report
from sim.synthesis.families import FAMILIES
from sim.synthesis.inference import Inferred, infer
from sim.terminal.output import Output
from tests.support.tools.doubles import TINY, nothing


def test_a_family_that_infers_too_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        Inferred(family="A", memories=6, multipliers=1, enough=True),
        Inferred(family="B", memories=5, multipliers=1, enough=False),
    ]
    monkeypatch.setattr(sim.commands.fpga, "infer", lambda *_: (6, found))
    monkeypatch.setattr(sim.commands.fpga, "tool_versions", lambda *_: {})
    with pytest.raises(
        EieError, match="wanted 6 block memories and one multiplier for every family, got too few for B"
    ):
        inference_report(Output(as_json=False), TINY, tmp_path)


def test_a_synthesis_that_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim.synthesis.inference, "run_tool", nothing)
    with pytest.raises(EieError, match=r"wanted yosys statistics in .*family_0\.json"):
        infer(TINY, tmp_path)


@pytest.mark.parametrize(("multipliers", "enough"), [(2, False), (3, True)])
def test_a_pe_with_maps_has_three_multipliers(
    multipliers: int, enough: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sim.synthesis.inference, "run_tool", nothing)

    def cells(path: Path) -> dict[str, int]:
        wanted = FAMILIES[int(path.stem.removeprefix("family_"))].inference
        return {wanted.memories[0]: 50, wanted.multipliers[0]: multipliers}

    monkeypatch.setattr(sim.synthesis.inference, "_cells", cells)
    _, found = infer(TINY.with_(maps=True, accumulator_depth=16), tmp_path)
    assert [each.enough for each in found] == [enough] * len(FAMILIES)
