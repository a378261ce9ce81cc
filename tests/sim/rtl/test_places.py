"""Where an array is, in words: every kind leads to its transport, anything else is one sentence."""

from pathlib import Path

import pytest

from model.config import PRESETS
from model.errors import EieError
from model.registers import ADDRESS, ID_VALUE
from sim.rtl import places
from sim.rtl.places import open_place
from sw.host.transports.engine import EngineTransport
from sw.host.transports.memory_mapped import BYTES
from sw.host.transports.model import ModelTransport
from tests.support.hw.driver import SerialModel, make_case


def test_the_model():
    config = make_case().config
    for place, kind in (("model", EngineTransport), ("stepped", ModelTransport)):
        transport = open_place(place, config)
        assert isinstance(transport, kind)
        assert transport.read(ADDRESS["ID"]) == ID_VALUE
    assert isinstance(open_place("model", PRESETS["mcu16"]), EngineTransport)


@pytest.mark.parametrize(
    ("text", "port", "baud"), [("/dev/ttyUSB0", "/dev/ttyUSB0", 1_000_000), ("COM3@115200", "COM3", 115200)]
)
def test_a_serial_port(text: str, port: str, baud: int, monkeypatch: pytest.MonkeyPatch):
    config = make_case().config
    opened = []

    def line(*given: object) -> SerialModel:
        opened.append(given)
        return SerialModel(config)

    monkeypatch.setattr(places, "open_line", line)
    assert open_place(f"serial:{text}", config).read(ADDRESS["ID"]) == ID_VALUE
    assert opened == [(port, baud)]


def test_registers_in_memory(tmp_path: Path):
    path = tmp_path / "registers"
    path.write_bytes(bytes(64) + ID_VALUE.to_bytes(4, "little") + bytes(BYTES))
    assert open_place(f"memory:0x40@{path}", make_case().config).read(ADDRESS["ID"]) == ID_VALUE


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("nowhere", "an array must be at model, stepped"),
        ("serial:", "an array must be at model, stepped"),
        ("serial:/dev/null@fast", "a baud rate must be a number"),
        ("serial:/dev/null@0", "a baud rate must be a number such as 1000000, got '0'"),
        ("memory:here", "an address must be a number such as 0x43c00000, got 'here'"),
        ("memory:-4", "an address must be a number"),
        ("memory:0@/nonexistent", "cannot map"),
        ("pynq:", "an array must be at model, stepped"),
        ("pynq:/nonexistent.bit", "a bitstream must be at /nonexistent.bit, none is"),
        (f"pynq:{__file__}", "needs the package pynq, which PYNQ's boards have: run this on the board"),
    ],
)
def test_anything_else_is_refused(place: str, words: str):
    with pytest.raises(EieError, match=words):
        open_place(place, make_case().config)


def test_a_missing_simulator_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(places, "available_simulators", lambda: {"verilator": None, "icarus": "Icarus is missing"})
    with pytest.raises(EieError, match="Icarus is missing"):
        open_place("icarus", make_case().config)
