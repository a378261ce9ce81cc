"""sim/commands/verify.py: `eie verify` without a simulator."""

from pathlib import Path

import pytest

import sim.rtl.verify
from sim.cli import main
from tests.support.networks.network_file import write_network


def test_verify_without_a_simulator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_network()
    missing = dict.fromkeys(("verilator", "icarus"), "no simulator here")
    monkeypatch.setattr(sim.rtl.verify, "available_simulators", lambda: missing)
    assert main(["verify", "net.eie", "--input", "x.npy", "--pes", "4"]) == 2
    assert capsys.readouterr().err.endswith("error: no simulator here\n")
