"""sim/synthesis/boards.py: a board's top module and its constraints."""

import re

import pytest
from amaranth.back import rtlil

from hw.bus.serial_top import SerialTop
from model.config import PRESETS
from model.errors import EieError
from sim.rtl.places import DEFAULT_BAUD
from sim.synthesis.boards import BOARDS, Board, board_named, board_top, constraints


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_every_pin_has_a_site_a_level_and_a_port_of_the_top(board: Board) -> None:
    text, lpf = board_top(board), constraints(board)
    ports = re.findall(r"(?:input|output) (\w+)", text)
    assert sorted(ports) == sorted(pin.port for pin in board.pins)
    assert re.findall(r'LOCATE COMP "(\w+)" SITE "(\w+)"', lpf) == [(pin.port, pin.site) for pin in board.pins]
    assert re.findall(r'IOBUF PORT "(\w+)" .*IO_TYPE=LVCMOS33', lpf) == [pin.port for pin in board.pins]
    assert len({pin.site for pin in board.pins}) == len(board.pins)
    assert f'FREQUENCY PORT "{board.clock.port}" {board.clock_mhz:g} MHZ;' in lpf


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
