"""sim/terminal/sweep_tables.py: the command that builds a recommended array makes that array."""

import shlex
from pathlib import Path

import pytest

from model.config import PRESETS
from sim.terminal.options import array_config
from sim.terminal.sweep_tables import build_command


@pytest.mark.parametrize("preset", list(PRESETS))
@pytest.mark.parametrize("as_read", [False, True])
def test_the_command_describes_the_array(preset: str, as_read: bool, tmp_path: Path) -> None:
    wanted = PRESETS[preset].with_(queue_depth=16, clock_mhz=55.5, parity=True)
    fields = wanted.to_dict()
    if as_read:  # from a file of results
        fields = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in fields.items()}
    words = shlex.split(build_command(fields))
    assert words[:3] == ["eie", "verilog", "--preset"]
    changes = [words[at + 1] for at, word in enumerate(words) if word == "--set"]
    assert array_config(words[3], None, None, changes) == wanted
