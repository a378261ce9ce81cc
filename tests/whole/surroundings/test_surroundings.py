"""Every command that needs no simulator, in surroundings that people have: it says the same, or one sentence."""

import contextlib
import locale
import os
import resource
import shutil
import signal
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.support.networks.network_file import write_network
from tests.support.tools.child import Change, in_child, standard_output_is, standard_output_is_closed

NETWORK = ["net.eie", "--input", "x.npy", "--preset", "tiny4"]

COMMANDS: dict[str, list[str]] = {
    "compress": ["compress", "net.safetensors", "-o", "made"],
    "inspect": ["inspect", "net.eie"],
    "decompress": ["decompress", "net.eie", "-o", "made.npz"],
    "plan": ["plan", "net.eie", "--preset", "tiny4"],
    "simulate": ["simulate", *NETWORK, "-o", "made.npy"],
    "queue": ["queue", *NETWORK],
    "trace": ["trace", *NETWORK, "-o", "made.json"],
    "sweep": ["sweep", *NETWORK, "--jobs", "1", "-o", "made.csv"],
    "energy": ["energy"],
    "area": ["area", "--preset", "tiny4"],
    "config": ["config", "--preset", "tiny4", "-o", "made.toml"],
}
QUICK = ("config", "inspect", "simulate")
EVERY = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in COMMANDS]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with a network in its files, and nothing else."""
    folder = tmp_path_factory.mktemp("network")
    with contextlib.chdir(folder):
        write_network()
    return folder


@pytest.fixture
def folder(tmp_path: Path, network: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with the network."""
    for path in network.iterdir():
        shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")  # a page says when it was made
    return tmp_path


def made(folder: Path) -> dict[str, bytes]:
    """Every file that a command made."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.relative_to(folder).parts[0][:4] == "made"]
    found = {str(path.relative_to(folder)): path.read_bytes() for path in paths}
    for path in folder.glob("made*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return found


def without_seconds(text: str) -> str:
    """What was printed, but for how long it took."""
    return "\n".join(line for line in text.splitlines() if "seconds that this took" not in line)


def variables(**values: str | None) -> Change:
    def change() -> None:
        for name, value in values.items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)

    return change


def clock_that_jumps_back() -> None:
    start, real = time.time(), time.time
    time.time = lambda: start - 3600 * (real() - start)


def no_network() -> None:
    def refused(*_: object, **__: object) -> socket.socket:
        raise OSError("the network is cut")

    socket.socket = refused
    socket.create_connection = refused


def decimal_commas() -> None:
    """Of a locale that writes them, if this computer has one; C libraries heed it, and Python's own numbers do not."""
    for name in ("de_DE.UTF-8", "fr_FR.UTF-8", "nl_NL.UTF-8", "de_DE.utf8"):
        with contextlib.suppress(locale.Error):
            locale.setlocale(locale.LC_ALL, name)
            break
    variables(LC_ALL="de_DE.UTF-8", LANG="de_DE.UTF-8", LC_NUMERIC="de_DE.UTF-8")()


def one_core() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


HARMLESS: Mapping[str, Change] = {
    "no terminal": variables(TERM=None, COLUMNS=None, LINES=None),
    "a dumb and narrow terminal": variables(TERM="dumb", COLUMNS="20"),
    "no home": variables(HOME=None, XDG_CACHE_HOME=None, XDG_CONFIG_HOME=None),
    "a home that is not there": variables(HOME="/proc/none", XDG_CACHE_HOME=None),
    "a home that cannot be written": variables(HOME="/proc", XDG_CACHE_HOME=None),
    "LANG=C": variables(LANG="C", LC_ALL="C", LC_CTYPE="C"),
    "decimal commas": decimal_commas,
    "a clock that jumps back": clock_that_jumps_back,
    "no network": no_network,
    "one core": one_core,
}


@pytest.mark.parametrize("command", EVERY)
def test_surroundings_change_nothing(folder: Path, command: str) -> None:
    """Neither what is printed nor what is written, byte for byte."""
    usual = in_child(COMMANDS[command])
    assert usual.code == 0, usual.err
    files = made(folder)
    for name, change in HARMLESS.items():
        found = in_child(COMMANDS[command], change)
        assert (found.code, without_seconds(found.out)) == (0, without_seconds(usual.out)), name
        assert "Traceback" not in found.err, name
        assert made(folder) == files, name


@pytest.mark.parametrize("command", QUICK)
def test_a_disk_that_is_full(folder: Path, command: str) -> None:
    """Wherever the command writes: no half a file, one sentence, exit code 2; and so for its standard output."""

    def full() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, resource.RLIM_INFINITY))

    whole = in_child(COMMANDS[command])
    files = made(folder)
    found = in_child(COMMANDS[command], standard_output_is("/dev/full"))
    assert "Traceback" not in found.err
    assert (found.code == 2) == bool(whole.out), found.err
    assert found.err.count("error: ") == bool(whole.out)
    made(folder)
    if files:
        found = in_child(COMMANDS[command], standard_output_is("/dev/null"), full)
        assert found.code == 2
        left = made(folder)
        assert all(files.get(name) == data for name, data in left.items() if not name.endswith(".journal"))


@pytest.mark.parametrize("command", QUICK[:1])
def test_a_standard_output_that_is_closed(folder: Path, command: str) -> None:
    usual = in_child(COMMANDS[command])
    files = made(folder)
    found = in_child(COMMANDS[command], standard_output_is_closed)
    assert "Traceback" not in found.err
    assert found.code in (0, 2, 141), (found.code, usual.code)
    assert made(folder) in (files, {})


@pytest.mark.parametrize("command", QUICK[:1])
def test_little_memory(folder: Path, command: str) -> None:
    """`ulimit -v`: it works or says so; no traceback and no half a file, whatever allocation is refused."""
    assert in_child(COMMANDS[command]).code == 0
    files = made(folder)

    def limit(more: int) -> Callable[[], None]:
        def change() -> None:
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + more, resource.RLIM_INFINITY))

        return change

    for more in (1 << 20, 1 << 24):
        found = in_child(COMMANDS[command], limit(more))
        assert found.code in (0, 2), found.err
        assert "Traceback" not in found.err
        left = made(folder)
        assert all(files.get(name) == data for name, data in left.items() if not name.endswith(".journal"))


def test_another_folder_than_the_checkout(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("ein Ordner mit Umläuten")

    def change() -> None:
        os.chdir(elsewhere)

    words = [str(folder / word) if word in ("net.eie", "x.npy") else word for word in COMMANDS["simulate"]]
    found = in_child(words, change)
    assert found.code == 0, found.err
    assert (elsewhere / "made.npy").exists()
    shutil.copy(folder / "net.eie", elsewhere / "ein Netz ü.eie")
    shutil.copy(folder / "x.npy", elsewhere / "Eingänge 1.npy")
    words = ["simulate", "ein Netz ü.eie", "--input", "Eingänge 1.npy", "--preset", "tiny4", "-o", "Aus gabe.npy"]
    assert in_child(words, change).code == 0
    assert (elsewhere / "Aus gabe.npy").read_bytes() == (elsewhere / "made.npy").read_bytes()
