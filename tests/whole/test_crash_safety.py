"""Interrupted commands: whatever ends them, the previous output is intact and no half-written file is left."""

import contextlib
import io
import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from sim.cli import main
from sw.files import write_whole
from tests.support.networks.network_file import write_network

OLD = b"what the previous run wrote"
MOMENTS = ("os.open", "os.fdopen", "os.fchmod", "os.fsync", "os.link", "os.replace")

# Every command that writes a file, with the name of it.
COMMANDS: dict[str, tuple[str, list[str]]] = {
    "compress": ("out.eie", ["compress", "net.safetensors", "-o", "out.eie"]),
    "decompress": ("out.safetensors", ["decompress", "net.eie", "-o", "out.safetensors"]),
    "simulate": ("out.npy", ["simulate", "net.eie", "--input", "x.npy", "--preset", "tiny4", "-o", "out.npy"]),
    "config": ("out.toml", ["config", "--preset", "tiny4", "-o", "out.toml"]),
    "trace": ("out.json", ["trace", "net.eie", "--input", "x.npy", "--preset", "tiny4", "-o", "out.json"]),
    "sweep": ("out.csv", ["sweep", "net.eie", "--input", "x.npy", "--preset", "tiny4", "--jobs", "1", "-o", "out.csv"]),
    "report": ("out.html", ["report", "net.eie", "--input", "x.npy", "--preset", "tiny4", "-o", "out.html"]),
}


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A network in every form, by name."""
    folder = tmp_path_factory.mktemp("network")
    with contextlib.chdir(folder):
        write_network()
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def folder(tmp_path: Path, network: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with the network."""
    monkeypatch.chdir(tmp_path)
    for name, data in network.items():
        Path(name).write_bytes(data)
    return tmp_path


def in_child(run: Callable[[], int]) -> tuple[int, list[str]]:
    """The exit code of a child process that does it, minus the signal that ended it, and the errors that it prints."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 99
        try:
            words = os.fdopen(writer, "w", buffering=1)
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(words):
                code = run()
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader) as words:
        errors = [line for line in words.read().splitlines() if line.startswith("error: ")]
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), errors


def ending_at(moment: str, number: signal.Signals, after: bool) -> None:
    """Let this process get a signal when it calls a function of the system."""
    name = moment.removeprefix("os.")
    function = getattr(os, name)

    def ended(*arguments: object, **options: object) -> object:
        if not after:
            os.kill(os.getpid(), number)
        result = function(*arguments, **options)
        os.kill(os.getpid(), number)
        return result

    setattr(os, name, ended)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_write_that_is_ended_at_any_moment(tmp_path: Path, number: signal.Signals, moment: str, after: bool) -> None:
    path = tmp_path / "out"
    path.write_bytes(OLD)
    data = bytes(range(256)) * 4096

    def write() -> int:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs in the background begin without it
        ending_at(moment, number, after)
        with contextlib.suppress(KeyboardInterrupt):
            write_whole(path, data)
        return 130

    code, _ = in_child(write)
    assert code == (130 if number == signal.SIGINT else -number)
    others = [other for other in tmp_path.iterdir() if other != path]
    assert path.read_bytes() == (data if (moment, after) == ("os.replace", True) else OLD)
    # Between the two calls that give the whole file its name it has another one; only there can a signal leave it.
    between = (moment, after) in (("os.link", True), ("os.replace", False)) and number != signal.SIGINT
    assert [other.read_bytes() for other in others] == [data] * between


def test_where_files_must_have_names_a_failure_removes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_TMPFILE")
    path = tmp_path / "out"
    write_whole(path, OLD)
    assert path.read_bytes() == OLD
    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, b"new")
    assert path.read_bytes() == OLD
    assert list(tmp_path.iterdir()) == [path]


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def states(folder: Path) -> dict[str, bytes]:
    """Every file there, without the journal of a sweep, which holds what it has done so far."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".journal"}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk(folder: Path, command: str) -> None:
    output, arguments = COMMANDS[command]
    Path(output).write_bytes(OLD)
    before = states(folder)

    def run() -> int:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
        return main(arguments)

    code, errors = in_child(run)
    assert code == 2
    assert states(folder) == before
    assert len(errors) == 1
    assert "File too large" in errors[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_ctrl_c_in_the_write(folder: Path, command: str) -> None:
    output, arguments = COMMANDS[command]
    Path(output).write_bytes(OLD)
    before = states(folder)

    def run() -> int:
        os.fsync = interrupted
        return main(arguments)

    assert in_child(run) == (130, [])
    assert states(folder) == before


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_takes_no_files(folder: Path, command: str, capfd: pytest.CaptureFixture[str]) -> None:
    output, arguments = COMMANDS[command]
    before = states(folder)
    for place in ("/proc", "net.eie", "missing"):
        wanted = [f"{place}/{output}" if argument == output else argument for argument in arguments]
        assert main(wanted) == 2
        out, err = capfd.readouterr()
        assert out == ""
        assert err.splitlines()[-1].startswith("error: cannot write ")
    assert states(folder) == before


@pytest.mark.parametrize("seconds", [0.05, 0.2, 0.5])
def test_a_command_that_is_killed(folder: Path, seconds: float) -> None:
    output, arguments = COMMANDS["compress"]
    assert main(arguments) == 0
    wanted = states(folder)
    Path(output).write_bytes(OLD)

    def run() -> int:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        while True:
            main(arguments)

    assert in_child(run)[0] == -signal.SIGALRM
    found = states(folder)
    assert found.pop(output) in (OLD, wanted.pop(output))
    assert found == wanted
