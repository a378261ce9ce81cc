"""sim/synthesis/place.py: what nextpnr's report says, in the design's own names."""

import json
from pathlib import Path
from typing import Any

import pytest

import sim.commands.faults
import sim.commands.fpga
import sim.faults.campaign
import sim.synthesis.asic
import sim.synthesis.inference
import sim.synthesis.place
import sim.synthesis.tools
from model.errors import EieError
from sim.synthesis.families import BOARDS, device_named
from sim.synthesis.families.ecp5 import FAMILY
from sim.synthesis.place import Placement, own_name, place, read_report
from tests.support.tools.doubles import nothing

assert FAMILY.flow is not None
assert FAMILY.flow.place_and_route is not None
ROUTE = FAMILY.flow.place_and_route


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("array.pe_0.decoder.alphabet_TRELLIS_FF_Q", "pe_0.decoder.alphabet"),
        ("array.pe_0.decoder.position_TRELLIS_FF_Q_3_DI_CCU2C_S1_S0$CCU2_COMB0", "pe_0.decoder.position"),
        ("array.pe_0.decoder.symbols.words.0.1_DO_LUT4_Z", "pe_0.decoder.symbols.words"),
        ("array.pe_0.pointers.odd.words.0.0", "pe_0.pointers.odd.words"),
        ("array.pe_1.arithmetic.r_product_MULT18X18D_P0", "pe_1.arithmetic.r_product"),
        ("serial.windowed.array.loader.state_TRELLIS_FF_Q", "loader.state"),
        ("serial.link.sender.frame_TRELLIS_FF_Q_1", "serial.link.sender.frame"),
        ("$nextpnr_CCU2C_67$CCU2_COMB0", ""),
        ("array.controller.\\$71_LUT4_Z", "controller"),
        ("array.controller.port$879$19_LUT4_Z_1", "controller"),
        ("top_signal_LUT4_Z", "top_signal"),
    ],
)
def test_own_name(cell: str, name: str) -> None:
    assert own_name(cell, ROUTE) == name


def segment(kind: str, delay: float, begin: str, end: str) -> dict[str, Any]:
    return {"type": kind, "delay": delay, "from": {"cell": begin}, "to": {"cell": end}}


def report() -> dict[str, Any]:
    a, b, carry, c = (
        "array.u.a_TRELLIS_FF_Q",
        "array.u.b_LUT4_Z",
        "$nextpnr_CCU2C_1$CCU2_COMB0",
        "array.u.c_TRELLIS_FF_Q",
    )
    path = [
        segment("clk-to-q", 0.5, a, a),
        segment("routing", 1.0, a, b),
        segment("logic", 0.25, b, b),
        segment("routing", 0.5, b, carry),
        segment("logic", 0.25, carry, carry),
        segment("routing", 2.0, carry, c),
        segment("setup", 0.0, c, c),
    ]
    return {
        "fmax": {"clk": {"achieved": 222.2, "constraint": 130.0}},
        "utilization": {name: {"used": 3, "available": 9} for name in ROUTE.resources},
        "critical_paths": [
            {"from": "<async>", "to": "posedge clk", "path": [segment("logic", 99.0, c, c)]},
            {"from": "posedge clk", "to": "posedge clk", "path": path},
        ],
    }


def test_the_report_is_read(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps(report()))
    placement = read_report(tmp_path / "report.json", ROUTE)
    assert placement.fmax_mhz == 222.2
    assert placement.used["DP16KD"] == 3
    assert placement.available["DP16KD"] == 9
    assert [(step.name, step.ns, step.routing_ns) for step in placement.critical_path] == [
        ("u.a", 1.5, 1.0),
        ("u.b", 4.5, 2.5),
        ("u.c", 4.5, 0.0),
    ]


@pytest.mark.parametrize("text", ["", "{}", '{"fmax": {}}'])
def test_another_file_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(EieError, match=r"wanted a report of nextpnr with one clock in .*report\.json, got "):
        read_report(tmp_path / "report.json", ROUTE)


@pytest.mark.parametrize(("router", "options"), [(None, []), ("router2", ["--router", "router2"])])
def test_the_router_is_asked_for(
    router: str | None, options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def note(_: object, arguments: list[str], *__: object) -> None:
        asked.append(arguments)
        (tmp_path / "nextpnr.json").write_text(json.dumps(report()))

    monkeypatch.setattr(sim.synthesis.place, "run_tool", note)
    place(tmp_path, ROUTE, device_named("ecp5-25k")[1], None, speed=6, seed=1, clock_mhz=25, router=router)
    (arguments,) = asked
    where = arguments.index("--router") if router else 0
    assert arguments[where : where + len(options)] == options
    assert ("--router" in arguments) == bool(router)


def test_a_design_too_slow_for_its_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    board = BOARDS["ulx3s"]
    slow = Placement(fmax_mhz=12.5, used={}, available={}, critical_path=())
    monkeypatch.setattr(sim.synthesis.place, "run_tool", nothing)
    monkeypatch.setattr(sim.synthesis.place, "read_report", lambda *_: slow)
    with pytest.raises(EieError, match=r"board ulx3s has a clock of 25 MHz, the placed design only reaches 12\.5 MHz"):
        place(tmp_path, ROUTE, device_named(board.device)[1], board, speed=6, seed=1, clock_mhz=25)
