"""SCALE-Sim from PyPI, in an environment of its own because it needs an older numpy than this project.

The interface used is that of version 3.0.0 as installed: class `scalesim.scale_sim.scalesim`, a configuration file
with the sections that `scale_config.read_conf_file` reads, a topology file of M, N, K, and COMPUTE_REPORT.csv. Its own
command line is not used: in 3.0.0 it writes traces whatever `-s` says.
"""

import csv
import subprocess
import tempfile
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from model.errors import EieError

VERSION = "3.0.0"
PACKAGES = (f"scalesim=={VERSION}", "numpy==1.26.4")
FOLDER = Path(__file__).parents[1] / "build" / "scale_sim"
PIP_OPTIONS = ("--quiet", "--disable-pip-version-check", "--retries", "1", "--timeout", "20")
TIMEOUT_S = 3600

RUNNER = """
import time
from scalesim.scale_sim import scalesim
run = scalesim(save_disk_space=True, verbose=False, config="array.cfg", topology="layer.csv", layout="layout.csv",
               input_type_gemm=True)
began, processor_began = time.perf_counter(), time.process_time()
run.run_scale(top_path="out")
print("seconds", time.perf_counter() - began, time.process_time() - processor_began)
"""

CONFIGURATION = """[general]
run_name = run
[architecture_presets]
ArrayHeight = {rows}
ArrayWidth = {columns}
IfmapSramSzkB = 128
FilterSramSzkB = 8192
OfmapSramSzkB = 128
IfmapOffset = 0
FilterOffset = 100000000
OfmapOffset = 200000000
Dataflow = os
ReadRequestBuffer = 64
WriteRequestBuffer = 64
[layout]
IfmapCustomLayout = False
IfmapSRAMBankBandwidth = 10
IfmapSRAMBankNum = 10
IfmapSRAMBankPort = 2
FilterCustomLayout = False
FilterSRAMBankBandwidth = 10
FilterSRAMBankNum = 10
FilterSRAMBankPort = 2
[sparsity]
SparsitySupport = False
[run_presets]
InterfaceBandwidth = CALC
UseRamulatorTrace = False
"""


@dataclass(frozen=True, kw_only=True)
class Gemm:
    """An (M, K) by (K, N) product on an output-stationary systolic array of rows x columns PEs."""

    m: int
    n: int
    k: int
    rows: int
    columns: int


@dataclass(frozen=True, kw_only=True)
class ScaleSimRun:
    """What SCALE-Sim reports, and what it took.

    Parameters
    ----------
    cycles : that it simulated.
    utilisation : products over PEs times cycles, 0 to 1.
    seconds, processor_seconds : of the simulation, without starting Python.
    """

    cycles: int
    utilisation: float
    seconds: float
    processor_seconds: float


def environment(folder: Path = FOLDER, packages: Sequence[str] = PACKAGES) -> Path:
    """The Python of an environment with these packages, made on first use.

    Raises EieError with one sentence if it cannot be made, above all without a network.
    """
    python, stamp = folder / "bin" / "python", folder / "installed"
    wanted = "\n".join(packages)
    if stamp.is_file() and stamp.read_text() == wanted:
        return python
    try:
        venv.create(folder, clear=True, with_pip=True)
        _run([str(python), "-m", "pip", "install", *PIP_OPTIONS, *packages], folder)
        stamp.write_text(wanted)
    except (OSError, subprocess.SubprocessError) as error:
        raise EieError(f"{packages[0]} could not be installed into {folder}: {_reason(error)}") from error
    return python


def simulate(gemm: Gemm, python: Path) -> ScaleSimRun:
    """Run it; raises EieError with one sentence if SCALE-Sim fails or reports something else than it should."""
    with tempfile.TemporaryDirectory(prefix="scale-sim-") as name:
        folder = Path(name)
        write_inputs(gemm, folder)
        try:
            out = _run([str(python), "-c", RUNNER], folder)
            return read_report((folder / "out" / "run" / "COMPUTE_REPORT.csv").read_text(), out)
        except (OSError, subprocess.SubprocessError) as error:
            raise EieError(f"SCALE-Sim failed: {_reason(error)}") from error


def write_inputs(gemm: Gemm, folder: Path) -> None:
    """Configuration, topology and an empty layout."""
    (folder / "array.cfg").write_text(CONFIGURATION.format(rows=gemm.rows, columns=gemm.columns))
    (folder / "layer.csv").write_text(f"Layer, M, N, K,\nlayer, {gemm.m}, {gemm.n}, {gemm.k},\n")
    (folder / "layout.csv").write_text("Layer,\n")


def read_report(report: str, out: str) -> ScaleSimRun:
    """What COMPUTE_REPORT.csv and the runner's output say of one layer."""
    rows = [[cell.strip() for cell in row] for row in csv.reader(report.splitlines())]
    if len(rows) != 2 or not {"Total Cycles", "Overall Util %"} <= set(rows[0]):
        raise EieError(f"one layer wanted in SCALE-Sim's report, got {report!r}")
    cells = dict(zip(rows[0], rows[1], strict=True))
    seconds = [float(word) for line in out.splitlines() if line.startswith("seconds ") for word in line.split()[1:]]
    if len(seconds) != 2:
        raise EieError(f"one line of two seconds wanted from SCALE-Sim, got {out!r}")
    return ScaleSimRun(
        cycles=int(cells["Total Cycles"]),
        utilisation=float(cells["Overall Util %"]) / 100,
        seconds=seconds[0],
        processor_seconds=seconds[1],
    )


def _run(command: Sequence[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    return done.stdout


def _reason(error: Exception) -> str:
    """The last line that the program wrote to its error stream, or what the system says."""
    if isinstance(error, subprocess.CalledProcessError):
        lines = [line.strip() for line in (error.stderr or "").splitlines() if line.strip()]
        return lines[-1] if lines else f"exit code {error.returncode}"
    return getattr(error, "strerror", None) or str(error)
