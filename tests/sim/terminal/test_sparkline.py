"""sim/terminal/sparkline.py: a character per value."""

import pytest

from sim.terminal.sparkline import sparkline


def test_heights():
    assert sparkline(range(9), 8) == " ▁▂▃▄▅▆▇█"
    assert sparkline([0, 50, 100, 200], 100) == " ▄██"


def test_a_little_is_not_nothing():
    assert sparkline([0, 1e-9, 0.4], 8) == " ▁▁"


@pytest.mark.parametrize("encoding", ["UTF-8", "utf8", "utf-16"])
def test_blocks_where_they_can_be_printed(encoding):
    assert sparkline([8], 8, encoding) == "█"


@pytest.mark.parametrize("encoding", ["ascii", "ISO-8859-1", None])
def test_plain_characters_elsewhere(encoding):
    assert sparkline(range(9), 8, encoding) == " .:-=+*#%"


def test_no_values():
    assert sparkline([], 8) == ""
