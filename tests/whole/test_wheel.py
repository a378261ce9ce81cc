"""setup.py: a wheel takes one name from its users, holds every file, and works beside modules called as ours are."""

import ast
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from setup import imports_inside
from tests.support.tools.wheel import ROOMS, build_wheel

# What a user does in a folder with a `model.py` and a `sim.py` of their own, which were imported before.
USER = """
import sys
import model, sim
import numpy as np
import eie
assert model.NAME == sim.NAME == "the user's"
x = np.random.default_rng(0).uniform(0, 1, (2, 6)).astype(np.float32)
np.savez("net.npz", **{"a.weight": np.random.default_rng(1).normal(size=(9, 6)).astype(np.float32)})
network = eie.compress("net.npz", density=0.5, calibration=x)
run = eie.simulate(network, x, eie.preset("tiny4"))
eie.save(network, "net.eie")
np.save("x.npy", x)
import model as again
assert again is model and eie.load.__module__ == "eie.sw.file.model_file"
assert not [name for name in sys.modules if name.split(".")[0] in ("hw", "sw")]
print(run.total.cycles)
"""
COMMANDS = (
    "simulate net.eie --input x.npy --preset tiny4",
    "verilog --preset tiny4 -o verilog",
    "driver net.eie --preset tiny4 -o c",
    "energy",
)


@pytest.fixture(scope="module")
def wheel(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(project_root, tmp_path_factory.mktemp("wheel"))


def test_it_is_one_package_with_every_file(wheel: Path, project_root: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert {name.split("/")[0] for name in names} == {"eie"}
    command = ["git", "ls-files", "-co", "--exclude-standard", *ROOMS]
    listed = subprocess.run(command, cwd=project_root, capture_output=True, text=True, check=True)
    wanted = {f"eie/{name}" for name in listed.stdout.splitlines() if (project_root / name).is_file()}
    assert names == wanted | {"eie/__init__.py", "eie/py.typed"}


def test_beside_a_users_own_modules(wheel: Path, tmp_path: Path) -> None:
    """Without the checkout: the wheel unpacked, and the packages it needs from where these tests have them."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    (tmp_path / "user").mkdir()
    for name in ("model", "sim"):
        (tmp_path / "user" / f"{name}.py").write_text('NAME = "the user\'s"\n')
    packages = [path for path in sys.path if path.endswith("site-packages")]
    # -S: no .pth file, which would show the checkout, is read.
    start = f"import sys; sys.path[:0] = ['', {str(tmp_path / 'site')!r}]; sys.path += {packages}\n"

    def python(program: str) -> str:
        command = [sys.executable, "-S", "-c", start + program]
        environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}  # compiling takes longer than all the rest
        done = subprocess.run(
            command, cwd=tmp_path / "user", env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert float(python(USER)) > 0
    for command in COMMANDS:
        python(f"import model, eie\nassert eie.main({command.split()}) == 0")
    assert (tmp_path / "user" / "c" / "eie_driver.c").is_file()


@pytest.mark.slow
def test_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "empty", with_pip=True)
    python = tmp_path / "empty" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", f"{wheel}[verify]"], check=True, capture_output=True)
    for name in ("model", "sim"):
        (tmp_path / f"{name}.py").write_text('NAME = "the user\'s"\n')
    subprocess.run([python, "-c", USER], cwd=tmp_path, check=True)
    eie = tmp_path / "empty" / "bin" / "eie"
    for command in (*COMMANDS, "verify net.eie --input x.npy --preset tiny4", "inspect net.eie", "--version"):
        subprocess.run([eie, *command.split()], cwd=tmp_path, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("from model.config import x", "from eie.model.config import x"),
        ("def f():\n    from sw import y as z\n", "def f():\n    from eie.sw import y as z\n"),
        ("import model", "import eie.model as model"),
        ("import hw as h", "import eie.hw as h"),
        ("from modelling import x", "from modelling import x"),
        ('"""from model.config import x"""', '"""from model.config import x"""'),
        ("from sim import (\n    a,\n    b,\n)\n", "from eie.sim import (\n    a,\n    b,\n)\n"),
    ],
)
def test_imports(source: str, wanted: str) -> None:
    assert imports_inside(source) == wanted


def test_an_import_that_cannot_be_moved() -> None:
    with pytest.raises(ValueError, match=r"`import model\.config` binds model; wanted `from \.\.\. import \.\.\.`"):
        imports_inside("import model.config\n")


def test_no_module_is_named_by_a_string(project_root: Path) -> None:
    """In a wheel it has another name; `f\"{__package__}.name\"` is right in both."""
    named: list[str] = []
    for room in ROOMS:
        for path in (project_root / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    words = node.value.split(".")
                    place = project_root.joinpath(*words)
                    if len(words) > 1 and words[0] in ROOMS and (place.is_dir() or place.with_suffix(".py").is_file()):
                        named.append(f"{path}: {node.value}")
    assert not named
