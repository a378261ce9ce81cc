"""Which computer this is: its CPU, what of it may be used, and the versions of what runs on it."""

import os
import platform
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

CPU_INFORMATION = Path("/proc/cpuinfo")
PACKAGES = ("numpy", "scipy", "threadpoolctl", "torch", "sparse-dot-mkl", "mkl", "nvidia-ml-py")


@dataclass(frozen=True, kw_only=True)
class Computer:
    """A computer, as results name it.

    Parameters
    ----------
    cpu : the model.
    cores : physical cores; None where the system does not say.
    threads : hardware threads that this process may use.
    system : operating system and architecture.
    versions : of Python and of the installed packages that compute or measure.
    load : processes running or waiting to run, mean of the last minute.
    date : when this was asked, UTC, ISO 8601.
    """

    cpu: str
    cores: int | None
    threads: int
    system: str
    versions: dict[str, str]
    load: float
    date: str


def this_computer(cpu_information: Path = CPU_INFORMATION) -> Computer:
    """The computer this runs on; `cpu_information` is in the format of Linux's /proc/cpuinfo, or absent."""
    processors = _processors(cpu_information)
    names = [processor["model name"] for processor in processors if "model name" in processor]
    cores = {(processor.get("physical id"), processor["core id"]) for processor in processors if "core id" in processor}
    return Computer(
        cpu=names[0] if names else platform.processor() or platform.machine(),
        cores=len(cores) or None,
        threads=usable_threads(),
        system=f"{platform.system()} {platform.machine()}",
        versions={"python": platform.python_version(), **_installed()},
        load=os.getloadavg()[0],
        date=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def usable_threads() -> int:
    """Hardware threads that this process may use: "all" of them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processors(path: Path) -> list[dict[str, str]]:
    try:
        text = path.read_text()
    except OSError:
        return []
    blocks = [[line.partition(":") for line in block.splitlines()] for block in text.strip().split("\n\n")]
    return [{name.strip(): value.strip() for name, _, value in block} for block in blocks]


def _installed() -> dict[str, str]:
    versions: dict[str, str] = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


THREADPOOLS: Any = import_module("threadpoolctl")  # without types, which strict checking refuses in an import statement


@contextmanager
def blas_threads(wanted: int) -> Generator[int | None]:
    """At most `wanted` threads in BLAS and OpenMP; the number they report, None where they cannot be asked."""
    with THREADPOOLS.threadpool_limits(limits=wanted):
        pools: list[dict[str, Any]] = THREADPOOLS.threadpool_info()
        yield min((int(pool["num_threads"]) for pool in pools if pool["user_api"] == "blas"), default=None)


class _Together:
    """A limit that all threads of this process share: the first that comes sets it, the last that goes lifts it."""

    def __init__(self) -> None:
        self.lock, self.inside = threading.Lock(), 0
        self.limit: Any = None

    def enter(self) -> None:
        with self.lock:
            if not self.inside:
                self.limit = THREADPOOLS.threadpool_limits(limits=1)
            self.inside += 1

    def leave(self) -> None:
        with self.lock:
            self.inside -= 1
            if not self.inside:
                self.limit.restore_original_limits()


_TOGETHER = _Together()


@contextmanager
def one_thread() -> Generator[None]:
    """One thread in BLAS and OpenMP until all threads that are in here have left, which is when it is as it was."""
    _TOGETHER.enter()
    try:
        yield
    finally:
        _TOGETHER.leave()
