"""sim/computer.py: what /proc/cpuinfo says, and what is said without it."""

from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from sim.computer import this_computer, usable_threads

TWO_CORES_OF_TWO_THREADS = "\n".join(
    f"processor\t: {number}\nmodel name\t: Some CPU @ 3.00GHz: fast\nphysical id\t: 0\ncore id\t\t: {number % 2}\n"
    for number in range(4)
)


def test_model_and_physical_cores(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(TWO_CORES_OF_TWO_THREADS)
    machine = this_computer(tmp_path / "cpuinfo")
    assert machine.cpu == "Some CPU @ 3.00GHz: fast"
    assert machine.cores == 2


def test_a_system_that_does_not_say(tmp_path: Path) -> None:
    machine = this_computer(tmp_path / "absent")
    assert machine.cpu
    assert machine.cores is None
    assert machine.threads == usable_threads() >= 1


def test_versions_load_and_date() -> None:
    machine = this_computer()
    assert machine.versions["numpy"] == version("numpy")
    assert machine.versions["scipy"] == version("scipy")
    assert machine.load >= 0
    assert abs((datetime.now(UTC) - datetime.fromisoformat(machine.date)).total_seconds()) < 60
