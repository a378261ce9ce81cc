"""tests/attacks: every hostile file is refused with one sentence, in five seconds and ten times its size of memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.attacks import INDEX
from tests.attacks.__main__ import index
from tests.attacks.commands import COMMANDS
from tests.attacks.runner import PYTHON_BYTES, RESIDENT_BYTES, Outcome

FINE = {"code": 2, "out": "", "err": "error: no\n", "seconds": 0.1, "python_bytes": 0, "resident_bytes": 0, "left": []}


def test_every_attack_is_refused(project_root: Path) -> None:
    for package in ("onnx", "tflite", "pyfive", "h5py", "torch", "pyarrow", "bokeh"):
        pytest.importorskip(package)
    command = [sys.executable, "-m", "tests.attacks", "--json"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=project_root, env=environment, capture_output=True, text=True, check=True)
    outcomes = {identity: Outcome(**found) for identity, found in json.loads(done.stdout).items()}
    assert outcomes.keys() == INDEX.keys()
    faults = {identity: outcome.faults() for identity, outcome in outcomes.items() if outcome.faults()}
    assert not faults


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"code": 0}, "exit code 0"),
        ({"code": None}, "exit code None"),
        ({"out": "half a table"}, "not one sentence"),
        ({"err": "Traceback (most recent call last):\nerror: no\n"}, "more than one sentence"),
        ({"err": "error: \x1b[2Jno\n"}, "not one sentence"),
        ({"err": "error: one\nerror: two\n"}, "more than one sentence"),
        ({"err": ""}, "not one sentence"),
        ({"left": ["out.eie"]}, "left"),
        ({"seconds": 6.0}, "took 6.0 s"),
        ({"python_bytes": PYTHON_BYTES + 10_001}, "python memory"),
        ({"resident_bytes": RESIDENT_BYTES + 10_001}, "resident memory"),
    ],
)
def test_what_an_attack_must_not_do_is_noticed(change: dict[str, object], fault: str) -> None:
    assert Outcome(**{**FINE, "size": 1000}).faults() == []
    (found,) = Outcome(**{**FINE, "size": 1000, **change}).faults()
    assert fault in found


def test_the_index_lists_every_attack(project_root: Path) -> None:
    assert {attack.kind for attack in INDEX.values()} == set(COMMANDS)
    assert (project_root / "tests" / "attacks" / "index.md").read_text() == index(), "python -m tests.attacks --index"


def test_attacks_are_the_same_each_time() -> None:
    small = [attack for attack in INDEX.values() if attack.kind not in ("parquet", "mnist")]
    assert not [attack.identity for attack in small if attack.make() != attack.make()]
