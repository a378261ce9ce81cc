"""sim/rtl/process.py: a simulator beside this process, in folders of any name, of which nothing is left."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from model.config import PRESETS
from model.errors import SimulatorError
from model.registers import ADDRESS, ID_VALUE
from sim.rtl.process import RtlProcess
from sim.rtl.simulators import Build, SimulatorName
from sim.rtl.transport import RtlTransport
from sw.host.transports.transport import TransportError
from tests.support.hw.rtl import simulators
from tests.support.tools.doubles import nothing


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files whose name is longer than that of any socket."""
    folder = tmp_path / f"a folder of a batch system, {'a' * 120}"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize("simulator", simulators("icarus"))
def test_a_folder_with_a_long_name(simulator: SimulatorName, scratch: Path) -> None:
    transport = RtlTransport(PRESETS["tiny4"], simulator)
    assert transport.read(ADDRESS["ID"]) == ID_VALUE
    transport.close()
    assert not list(scratch.iterdir())


@pytest.mark.parametrize("simulator", simulators("icarus"))
def test_a_failure_leaves_nothing(simulator: SimulatorName, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise SimulatorError("it stopped")

    monkeypatch.setattr(Build, "run", fail)
    with pytest.raises(SimulatorError, match="it stopped"):
        RtlTransport(PRESETS["tiny4"], simulator)
    assert not list(scratch.iterdir())


def asked(receive: Callable[[], Any], failure: SimulatorError | None = None) -> RtlProcess:
    """A process of RTL whose far end gives that answer."""
    process = RtlProcess.__new__(RtlProcess)
    process.__dict__ |= {
        "_connection": SimpleNamespace(send=nothing, recv=receive),
        "_simulation": SimpleNamespace(join=nothing),
        "_failure": failure,
    }
    return process


def test_a_simulation_that_ends_in_the_middle() -> None:
    def gone() -> Any:
        raise EOFError

    with pytest.raises(SimulatorError, match="the simulator ended in the middle of an access"):
        asked(gone).ask("read", 0)
    with pytest.raises(SimulatorError, match="its own words"):
        asked(gone, SimulatorError("its own words")).ask("read", 0)
    with pytest.raises(TransportError, match="nothing came"):
        asked(lambda: (False, "nothing came")).ask("read", 0)
