"""examples/notebooks: every notebook runs from the first cell to the last, and is committed without outputs."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "notebooks"
NOTEBOOKS = sorted(path.name for path in FOLDER.glob("*.ipynb"))
SLOW = {"network_to_fpga.ipynb", "bring_your_own_network.ipynb", "choose_an_array.ipynb"}  # minutes
EXECUTE = """import sys, nbclient, nbformat
nbclient.NotebookClient(nbformat.read(sys.argv[1], 4), timeout=3600).execute()"""


def test_there_are_notebooks() -> None:
    assert set(NOTEBOOKS) >= SLOW


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_no_outputs_are_committed(name: str) -> None:
    cells = json.loads((FOLDER / name).read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in NOTEBOOKS])
def test_it_runs(name: str, tmp_path: Path, project_root: Path) -> None:
    notebooks = tmp_path / "examples" / "notebooks"
    notebooks.mkdir(parents=True)
    shutil.copy(FOLDER / name, notebooks)
    shutil.copy(project_root / "examples" / "lenet-300-100.eie", notebooks.parent)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(project_root),
        "MPLBACKEND": "agg",
    }
    done = subprocess.run(
        [sys.executable, "-c", EXECUTE, name],
        cwd=notebooks,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
