"""sim/provenance.py: every file that can hold it says which eie and which command made it."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from model.config import PRESETS, load_config
from sim.provenance import made_by, made_by_line, one_line, remember
from sim.version import version_text
from tests.support.networks.network_file import write_network
from tests.support.tools.commands import runner

ARRAY = ("--preset", "tiny4")


def test_the_line_is_one_comment_whatever_the_command_holds() -> None:
    remember(["sweep", "two\nlines", "/* a */", "\udc80"])
    assert made_by() == {"version": version_text(), "command": "eie sweep 'two\nlines' '/* a */' '\udc80'"}
    line = made_by_line()
    assert line == f"{version_text()}: eie sweep 'two\\nlines' '/ * a * /' '\\udc80'"
    assert line.encode().decode() == line
    remember([])
    assert made_by()["command"] == "eie"
    assert one_line("plain ü") == "plain ü"


def first_comment(path: Path) -> str:
    return path.read_text().splitlines()[0].removeprefix("# ").removeprefix("/* ").removesuffix(" */")


def manifest(path: Path) -> str:
    made = json.loads(path.read_text())["made_by"]
    return f"{made['version']}: {made['command']}"


def trace(path: Path) -> str:
    made = json.loads(path.read_text())["otherData"]["made_by"]
    return f"{made['version']}: {made['command']}"


def accelergy(path: Path) -> str:
    assert "action_counts" in yaml.safe_load(path.read_text())
    return first_comment(path).partition("; ")[2]


RUN = ("net.eie", "--input", "x.npy", "--pes", "4")
FILES: list[tuple[tuple[str, ...], str, Callable[[Path], str]]] = [
    (("config", *ARRAY, "-o", "a.toml"), "a.toml", first_comment),
    (("driver", "net.eie", "--pes", "4", "-o", "c"), "c/eie_network.h", first_comment),
    (("driver", "-o", "c"), "c/eie_driver.c", first_comment),
    (("verilog", *ARRAY, "--bus", "axi", "-o", "v"), "v/manifest.json", manifest),
    (("trace", *RUN, "-o", "t.json"), "t.json", trace),
    (("accelergy", *RUN, "-o", "acc"), "acc/action_counts.yaml", accelergy),
]


@pytest.mark.parametrize(("command", "file", "said"), FILES, ids=[" ".join(command[:2]) for command, _, _ in FILES])
def test_a_file_says_what_made_it_and_is_the_same_again(
    command: tuple[str, ...],
    file: str,
    said: Callable[[Path], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write_network()
    eie = runner(capsys)
    assert eie(*command)[0] == 0
    first = Path(file).read_bytes()
    assert said(Path(file)) == f"{version_text()}: {shlex.join(['eie', *command])}"
    assert eie(*command)[0] == 0
    assert Path(file).read_bytes() == first
    if command[0] == "config":
        assert load_config(Path(file)) == PRESETS["tiny4"]
