"""Refusals of flows, campaigns and transports whose tools and far ends behave as no other test makes them."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import sim.commands.faults
import sim.commands.fpga
import sim.faults.campaign
import sim.synthesis.asic
import sim.synthesis.inference
import sim.synthesis.place
import sim.synthesis.tools
from model.config import PRESETS
from model.errors import EieError, SimulatorError
from sim.cli import main
from sim.commands.fpga import inference_report
from sim.faults.sites import Site, Sites
from sim.faults.trial import Upset
from sim.rtl.process import RtlProcess
from sim.synthesis.asic import read_areas, run_asic
from sim.synthesis.families import BOARDS, device_named
from sim.synthesis.inference import Inferred, infer
from sim.synthesis.place import Placement, place
from sim.synthesis.tools import YOSYS, run_tool
from sim.terminal.output import Output
from sw.formats.protobuf_size import DEEPEST, check_fields
from sw.host import driver
from sw.host.transports.model import ModelTransport
from sw.host.transports.serial_link import open_line
from sw.host.transports.transport import TransportError
from sw.host.transports.window import WindowStreams
from tests.support.driver import make_case

TINY = PRESETS["tiny4"]


def nothing(*_: object, **__: object) -> None:
    pass


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


def test_a_family_that_infers_too_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        Inferred(family="A", memories=6, multipliers=1, enough=True),
        Inferred(family="B", memories=5, multipliers=1, enough=False),
    ]
    monkeypatch.setattr(sim.commands.fpga, "infer", lambda *_: (6, found))
    monkeypatch.setattr(sim.commands.fpga, "tool_versions", lambda *_: {})
    with pytest.raises(EieError, match="wanted 6 block memories and a multiplier for every family, got too few for B"):
        inference_report(Output(as_json=False), TINY, tmp_path)


def test_a_synthesis_that_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim.synthesis.inference, "run_tool", nothing)
    with pytest.raises(EieError, match=r"wanted yosys statistics in .*family_0\.json"):
        infer(TINY, tmp_path)


def test_a_design_too_slow_for_its_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    board = BOARDS["ulx3s"]
    slow = Placement(fmax_mhz=12.5, used={}, available={}, critical_path=())
    monkeypatch.setattr(sim.synthesis.place, "run_tool", nothing)
    monkeypatch.setattr(sim.synthesis.place, "read_report", lambda *_: slow)
    with pytest.raises(EieError, match=r"board ulx3s has a clock of 25 MHz, the placed design only reaches 12\.5 MHz"):
        place(tmp_path, *device_named(board.device), board, speed=6, seed=1, clock_mhz=25)


def test_an_interrupt_ends_the_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def interrupted(process: Any, *_: object) -> None:
        seen.append(process)
        raise KeyboardInterrupt

    monkeypatch.setattr(sim.synthesis.tools, "check_tools", nothing)
    monkeypatch.setattr(sim.synthesis.tools, "_script", lambda _: Path(sys.executable))
    monkeypatch.setattr(sim.synthesis.tools, "_wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_tool(YOSYS, ["-c", "import time; time.sleep(60)"], tmp_path, "log", nothing)
    assert seen[0].poll() is not None


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


def test_an_array_that_is_never_done(monkeypatch: pytest.MonkeyPatch) -> None:
    case = make_case()
    monkeypatch.setattr(driver, "LOOKS", 3)
    with driver.Accelerator(ModelTransport(case.config), case.config) as accelerator:
        accelerator.load(case.network)
        monkeypatch.setattr(accelerator, "_check", lambda: 0)
        with pytest.raises(EieError, match=r"the array did not become \w+ in 3 looks at its status"):
            accelerator.run(case.inputs[0])


def test_messages_too_deep() -> None:
    data = b""
    for _ in range(DEEPEST + 1):
        size = len(data)
        data = b"\x0a" + (bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])) + data
    message = SimpleNamespace()
    message.fields_by_number = {1: SimpleNamespace(message_type=message)}
    with pytest.raises(EieError, match=f"messages must be nested at most {DEEPEST} deep"):
        check_fields(data, message)


def test_a_serial_port_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "serial", None)
    with pytest.raises(EieError, match="a serial port needs pyserial"):
        open_line("/dev/null", 9600)


def test_a_window_that_lost_a_piece() -> None:
    class Registers:
        def __init__(self) -> None:
            self.written: list[tuple[int, int]] = []

        def read(self, address: int) -> int:
            return 1 << 31 | 1 << 15 | 8

        def write(self, address: int, value: int) -> None:
            self.written.append((address, value))

    registers = Registers()
    with pytest.raises(TransportError, match="had room for every piece, yet it lost one: is another host writing"):
        WindowStreams(registers, TINY).send(np.ones((1, TINY.stream_bits // 32), np.uint32))
    assert registers.written[-1][1] == 0
