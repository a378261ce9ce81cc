"""The project's own rules: targets, packages, the direction of imports, the shipped example."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from setuptools import find_packages

from sim.cli import app
from sw.formats.network_file import load_network

PACKAGES = ("hw", "model", "sim", "sw")
FULLEST = 30  # Python files of a folder, of which a reader still sees what there is
LONGEST = 350  # lines of a Python file
BODY = 55  # lines of the body of a command
README = 180  # lines
TARGETS = [
    "help",
    "setup",
    "demo",
    "test",
    "check",
    "pages",
    "prove",
    "fuzz",
    "coverage",
    "mutate",
    "same-verilog",
    "clean",
]


@pytest.fixture
def python_files(project_root: Path) -> list[Path]:
    """Of the packages and the tests; what is an attack is data."""
    command = ["git", "ls-files", "-co", "--exclude-standard", *(f"{room}/*.py" for room in (*PACKAGES, "tests"))]
    listed = subprocess.run(command, cwd=project_root, capture_output=True, text=True, check=True).stdout.splitlines()
    return [Path(name) for name in listed if not name.startswith("tests/attacks/") and (project_root / name).is_file()]


def test_a_folder_reads_as_a_list_of_ideas(python_files: list[Path]) -> None:
    files = Counter(path.parent.as_posix() for path in python_files)
    assert not {folder for folder, number in files.items() if number > FULLEST}


def test_a_file_holds_one_idea(project_root: Path, python_files: list[Path]) -> None:
    lines = {path.as_posix(): len((project_root / path).read_text().splitlines()) for path in python_files}
    assert not {name for name, number in lines.items() if number > LONGEST}


def takes_options(function: ast.FunctionDef) -> bool:
    """Whether a parameter is declared as typer's argument or option, there or by a name of `sim.terminal`."""
    annotations = [each.annotation for each in (*function.args.args, *function.args.kwonlyargs) if each.annotation]
    words = {node.attr for each in annotations for node in ast.walk(each) if isinstance(node, ast.Attribute)}
    return bool(words & {"Argument", "Option"}) or function.name.endswith("_command")


def test_a_command_reads_at_a_glance(project_root: Path, python_files: list[Path]) -> None:
    bodies: dict[str, int] = {}
    for path in python_files:
        for node in ast.walk(ast.parse((project_root / path).read_text())):
            if path.parts[0] == "sim" and isinstance(node, ast.FunctionDef) and takes_options(node):
                first = node.body[1 if ast.get_docstring(node) else 0]
                bodies[node.name] = (node.body[-1].end_lineno or 0) - first.lineno + 1
    assert len(bodies) > 20
    assert {name: lines for name, lines in bodies.items() if lines > BODY} == {}


def test_imports_are_absolute(project_root: Path, python_files: list[Path]) -> None:
    for path in python_files:
        for node in ast.walk(ast.parse((project_root / path).read_text())):
            assert not (isinstance(node, ast.ImportFrom) and node.level), f"{path} has a relative import"


def test_contracts_of_imports_are_kept_and_checked(project_root: Path, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache", "--no-logo"]
    environment = {**os.environ, "PYTHONPATH": str(project_root)}
    done = subprocess.run(command, cwd=project_root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "lint-imports" in (project_root / "Makefile").read_text()


def test_make_lists_its_targets(project_root: Path) -> None:
    listed = subprocess.run(["make", "-s"], cwd=project_root, capture_output=True, text=True, check=True).stdout
    assert [line.split()[1] for line in listed.splitlines()] == TARGETS


def test_ci_runs_check_test_and_demo(project_root: Path) -> None:
    script = project_root / ".ci" / "run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True)
    lines = script.read_text().splitlines()
    assert [line for line in lines if line.startswith("make ")] == ["make check", "make test", "make demo"]


def test_every_package_is_installed(project_root: Path) -> None:
    include = tomllib.loads((project_root / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]
    listed = find_packages(str(project_root), **include)
    found = {path.parent for package in PACKAGES for path in (project_root / package).rglob("__init__.py")}
    assert set(listed) == {".".join(path.relative_to(project_root).parts) for path in found}


def test_readme_names_every_command_and_target(project_root: Path) -> None:
    readme = (project_root / "README.md").read_text()
    assert len(readme.splitlines()) <= README
    commands: Any = typer.main.get_command(app)  # a group that imports a command when it runs
    names = commands.list_commands(typer.Context(commands))
    assert len(names) > 20
    for name in names:
        assert re.search(rf"`(eie )?{name}\b", readme), name
    for target in TARGETS:
        assert f"make {target}" in readme


def test_example_is_what_its_readme_says(project_root: Path) -> None:
    dense, network = (
        load_network(project_root / "examples" / f"digits_{name}.safetensors") for name in ("dense", "network")
    )
    with np.load(project_root / "examples" / "digits.npz", allow_pickle=False) as digits:
        images, labels, calibration = digits["images"], digits["labels"], digits["calibration"]
    assert (images.shape, labels.shape, calibration.shape) == ((360, 64), (360,), (100, 64))
    scaled = images.astype(np.float32) / 16
    np.testing.assert_array_equal(np.load(project_root / "examples" / "digits_inputs.npy"), scaled[:16])
    assert not {row.tobytes() for row in images} & {row.tobytes() for row in calibration}
    for each in (dense, network):
        assert [layer.weight.shape for layer in each.layers] == [(300, 64), (100, 300), (10, 100)]
        assert np.mean(each.forward(scaled).argmax(axis=1) == labels) >= 0.98
    kept = sum(np.count_nonzero(layer.weight) for layer in network.layers)
    assert kept <= 0.1 * sum(layer.weight.size for layer in network.layers)
    assert all(
        np.unique(values[values != 0]).size <= 15 for layer in network.layers for values in (layer.weight, layer.bias)
    )
