"""Runs attacks, each in a process of its own: exit code, words, seconds and memory."""

import contextlib
import importlib
import io
import json
import os
import signal
import sys
import time
import traceback
import tracemalloc
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from model.errors import EieError
from sw.network.host_model import run_host_model
from tests.attacks.commands import COMMANDS, write_good_files
from tests.attacks.corpus import Attack
from tests.attacks.graphs import node
from tests.attacks.host_parts import part_model

HANG = 60  # seconds after which a child is killed
LONGEST = 5.0  # seconds of the processor that a refusal may take
TRACED = 1 << 16  # bytes of a file; of larger ones the memory of the process tells enough, and tracing is slow
TIMES = 10  # a refusal may take so many bytes of memory for each byte of the file,
PYTHON_BYTES = 16 << 20  # and so many more that Python and numpy allocate,
RESIDENT_BYTES = 32 << 20  # or that the process has in all, libraries included
LONGEST_SENTENCE = 1200  # characters; paths are among them
PROGRESS = ("reading ", "compress")  # how a line may begin that is no error


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of an attack.

    Parameters
    ----------
    code : exit code; None if it had to be killed or died.
    out, err : standard output and error.
    seconds : of the processor, in the first run.
    python_bytes : most that Python and numpy had allocated at once, untouched or not (tracemalloc, a second run).
    resident_bytes : most memory of the process, above the beginning (VmHWM, first run).
    left : files that are there afterwards and were not before, the attack itself if it was changed.
    size : bytes of the attack.
    """

    code: int | None
    out: str
    err: str
    seconds: float
    python_bytes: int
    resident_bytes: int
    left: list[str]
    size: int

    def faults(self) -> list[str]:
        """How it breaks the rules: refused with 2, one sentence, nothing left, in time, in little memory."""
        found: list[str] = []
        *progress, last = self.err.split("\n")[:-1] or [""]
        if self.code != 2:
            found.append(f"exit code {self.code}")
        if self.out or not last.startswith("error: ") or len(last) > LONGEST_SENTENCE or not last.isprintable():
            found.append(f"not one sentence: {self.out[:200]!r} {self.err[-300:]!r}")
        if any(not line.startswith(PROGRESS) for line in progress):
            found.append(f"more than one sentence: {self.err[:300]!r}")
        if self.left:
            found.append(f"left {self.left}")
        if self.seconds > LONGEST:
            found.append(f"took {self.seconds:.1f} s")
        for what, most, free in (
            ("python", self.python_bytes, PYTHON_BYTES),
            ("resident", self.resident_bytes, RESIDENT_BYTES),
        ):
            if most > TIMES * self.size + free:
                found.append(f"{most / 1e6:.1f} MB {what} memory for {self.size / 1e6:.3f} MB")
        return found


def run_all(attacks: Sequence[Attack], folder: Path) -> dict[str, Outcome]:
    """The outcome of each attack by identity; the working directory becomes `folder`, which should be empty."""
    os.chdir(folder)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        write_good_files()  # which also brings in what a command imports and compiles
    for library in ("onnx.shape_inference", "pyarrow.parquet", "tflite", "pyfive"):  # whose import is not the attack's
        importlib.import_module(library)
    run_host_model(part_model().SerializeToString(), [np.zeros((1, 3))])  # nor is what onnxruntime begins with,
    with contextlib.suppress(EieError):  # and what it takes to refuse
        run_host_model(part_model(node("Sin", "z")).SerializeToString(), [np.zeros((1, 3))])
    Path("mnist").mkdir()
    return {attack.identity: _settled(attack) for attack in attacks}


def _settled(attack: Attack) -> Outcome:
    """A child that is the first to need a compiled function compiles it, in memory that is not the attack's; the
    next finds it on disk. So what fails once is run once more.
    """
    outcome = run(attack)
    return run(attack) if outcome.faults() else outcome


def run(attack: Attack) -> Outcome:
    """Write the attack, let its command read it in a child, remove it."""
    path, _ = COMMANDS[attack.kind]
    data = attack.make()
    Path(path).write_bytes(data)
    before = _files()
    child = os.fork()
    if child == 0:
        try:
            _child(attack.kind, path)
        except BaseException:  # which must not go on to be a second parent
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(1)
    code = _wait(child)
    found = {"stdout": _take("stdout"), "stderr": _take("stderr"), **json.loads(_take("report.json") or "{}")}
    left = sorted(_files() - before)
    if not Path(path).exists() or Path(path).read_bytes() != data:
        left.append(path)
    for name in (*left, path):
        Path(name).unlink(missing_ok=True)
    return Outcome(
        code=found.get("code") if code == 0 else None,
        out=found["stdout"],
        err=found["stderr"],
        seconds=found.get("seconds", HANG),
        python_bytes=found.get("python_bytes", 0),
        resident_bytes=found.get("resident_bytes", 0),
        left=left,
        size=len(data),
    )


def _take(name: str) -> str:
    """The text of a file that the child wrote, and remove it."""
    path = Path(name)
    text = path.read_text(errors="replace") if path.exists() else ""
    path.unlink(missing_ok=True)
    return text


def _files() -> set[str]:
    return {str(path) for path in Path().rglob("*") if path.is_file()}


def _wait(child: int) -> int | None:
    end = time.monotonic() + HANG
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _child(kind: str, path: str) -> None:
    """Run the command twice, first for time and the memory of the process, then for Python's; never returns."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT), number)
    sys.stdout, sys.stderr = (os.fdopen(number, "w") for number in (1, 2))
    command = COMMANDS[kind][1]
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    start, resident = time.process_time(), _resident()
    code = command(path)
    seconds, resident = time.process_time() - start, _resident() - resident
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    sys.stdout = sys.stderr = io.StringIO()
    peak = 0
    if Path(path).stat().st_size < TRACED:
        tracemalloc.start()
        command(path)
        peak = tracemalloc.get_traced_memory()[1]
    figures = {"code": code, "seconds": seconds, "python_bytes": peak, "resident_bytes": resident}
    Path("report.json").write_text(json.dumps(figures))
    os._exit(0)


def _resident() -> int:
    """Most bytes of memory so far."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def as_json(outcomes: dict[str, Outcome]) -> str:
    """For another process."""
    return json.dumps({identity: asdict(outcome) for identity, outcome in outcomes.items()})
