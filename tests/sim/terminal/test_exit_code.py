"""sim/terminal/exit_code.py: what a command's end becomes, in this process and as a program whose reader goes away."""

import subprocess
import sys
from pathlib import Path

import pytest

from model.errors import ConfigError, EieError, SimulatorError
from sim.terminal.exit_code import exit_code

EIE = str(Path(sys.executable).parent / "eie")


@pytest.mark.parametrize(("value", "code"), [(None, 0), (0, 0), (1, 1), ("text", 0)])
def test_a_number_is_the_code(value: object, code: int) -> None:
    assert exit_code(lambda: value) == code


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (EieError("no weights"), 2, "error: no weights\n"),
        (ConfigError("no PEs"), 2, "error: no PEs\n"),
        (SimulatorError("no compiler"), 2, "error: no compiler\n"),
        (MemoryError(), 2, "error: not enough memory for this network"),
        (FileNotFoundError(2, "No such file", "x"), 2, "error: x: No such file\n"),
        (OSError("odd"), 2, "error: odd\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_errors_are_one_sentence(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, sentence: str
) -> None:
    def run() -> None:
        raise error

    assert exit_code(run) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(sentence)
    assert err.count("\n") == bool(sentence)


def test_faults_of_the_program_are_not_hidden() -> None:
    def run() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        exit_code(run)


READER_GONE = "exec 1> >(true); wait $!;"
DISK_FULL = "exec > /dev/full;"
CLOSED = "exec >&-;"


@pytest.mark.parametrize("arguments", ["config", "config --json", "--help"])
@pytest.mark.parametrize(("prepare", "code"), [(READER_GONE, 141), (DISK_FULL, 2), (CLOSED, 0)])
def test_standard_output_that_cannot_be_written(prepare: str, code: int, arguments: str) -> None:
    command = f"{prepare} exec {EIE} {arguments}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == code
    assert done.stderr == ("error: No space left on device\n" if prepare == DISK_FULL else "")
