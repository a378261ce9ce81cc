"""sim/synthesis/boards.py: a board's top module and its constraints."""

import re
from dataclasses import replace

import pytest
from amaranth.back import rtlil

from hw.bus.serial_top import SerialTop
from model.config import PRESETS
from model.errors import EieError
from sim.rtl.places import DEFAULT_BAUD
from sim.synthesis.boards import INPUTS, Board, board_top
from sim.synthesis.families import BOARDS, board_named, device_named


def pins_of(board: Board) -> str:
    route = device_named(board.device)[0].place_and_route
    assert route is not None
    return route.pins(board)


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_every_pin_has_a_site_a_level_and_a_port_of_the_top(board: Board) -> None:
    text, constraints = board_top(board), pins_of(board)
    ports = re.findall(r"(input|output) (\w+)", text)
    assert ports == [("input" if pin.core in INPUTS else "output", pin.port) for pin in board.pins]
    assert len({pin.site for pin in board.pins}) == len(board.pins)
    for pin in board.pins:
        assert pin.port in constraints
        assert pin.site in constraints
        assert pin.settings["IO_TYPE"] == "LVCMOS33"


def test_the_pins_of_the_ulx3s_are_those_of_its_schematic() -> None:
    """github.com/emard/ulx3s, doc/constraints/ulx3s_v20.lpf."""
    board = BOARDS["ulx3s"]
    assert {pin.core: pin.site for pin in board.pins} == {
        "clk": "G2",
        "rx": "M1",
        "tx": "L4",
        "alive": "B2",
        "interrupt": "C2",
        "1": "L2",
    }
    lpf = pins_of(board).splitlines()
    assert lpf[:3] == [
        'FREQUENCY PORT "clk25_0" 25 MHZ;',
        'LOCATE COMP "clk25_0" SITE "G2";',
        'IOBUF PORT "clk25_0" IO_TYPE=LVCMOS33 PULLMODE=NONE;',
    ]
    assert 'IOBUF PORT "uart_0_tx" IO_TYPE=LVCMOS33 PULLMODE=NONE DRIVE=4;' in lpf


def test_without_the_board_files_one_sentence() -> None:
    board = replace(BOARDS["ulx3s"], platform=("amaranth_boards.no_such_board", "Platform"))
    with pytest.raises(EieError, match=r"the pins of ulx3s are those of amaranth-boards, which comes with pip install"):
        board_top(board)


def test_a_signal_that_is_low_when_it_is_true_is_inverted() -> None:
    pins = [replace(pin, inverted=pin.core in ("alive", "1")) for pin in BOARDS["ulx3s"].pins]
    board = replace(BOARDS["ulx3s"])
    vars(board)["pins"] = tuple(pins)
    text = board_top(board)
    assert "  assign led_0 = ~alive;" in text
    assert "  assign esp32_0_gpio0 = 1'b0;" in text
    assert ".alive(alive)" in text


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_every_port_of_the_core_has_a_pin(board: Board) -> None:
    core = SerialTop(PRESETS["tiny4"], board.divisor)
    rtlil.convert(core)  # a component that is made must be used
    assert set(re.findall(r"\.(\w+)\(", board_top(board))) == set(core.signature.members)


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_the_line_is_as_fast_as_the_host_expects(board: Board) -> None:
    assert 1e6 * board.clock_mhz / board.divisor == pytest.approx(DEFAULT_BAUD, rel=0.01)


def test_a_board_that_is_not_known() -> None:
    with pytest.raises(EieError, match="no board 'arty'; boards: ulx3s"):
        board_named("arty")
