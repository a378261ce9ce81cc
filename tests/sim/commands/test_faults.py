"""sim/commands/faults.py: `eie faults` without a simulator, and a hang as its exit code."""

from types import SimpleNamespace

import pytest

import sim.commands.faults
import sim.commands.fpga
import sim.faults.campaign
import sim.synthesis.asic
import sim.synthesis.inference
import sim.synthesis.place
import sim.synthesis.tools
from sim.cli import main
from sim.faults.sites import Site, Sites
from sim.faults.trial import Upset
from tests.support.tools.doubles import TINY, nothing


def test_faults_without_a_simulator(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sim.commands.faults, "available_simulators", lambda: {"verilator": "no Verilator here"})
    assert main(["faults", "--random"]) == 2
    assert "no Verilator here" in capsys.readouterr().err


def test_a_hang_is_an_exit_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    site = Site(("pe_0", "issue"), 1, 1, is_memory=False)
    upset = Upset(site.path, None, 0, 5)
    run = sim.faults.campaign.FaultRun(
        site=site, upset=upset, outcome=sim.faults.campaign.Outcome.HANG, how="no end", while_running=True
    )
    campaign = sim.faults.campaign.Campaign(TINY, Sites((site,), ()), 10, (run,))
    monkeypatch.setattr(sim.faults.campaign, "FaultyArray", lambda *_: SimpleNamespace(close=nothing))
    monkeypatch.setattr(sim.faults.campaign, "inject", lambda *_: campaign)
    assert main(["faults", "--random", "--runs", "1"]) == 1
    assert "hang: pe_0.issue" in capsys.readouterr().out
