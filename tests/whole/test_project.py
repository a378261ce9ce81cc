"""The project's own rules: targets, packages, the direction of imports, the shipped example."""

import ast
import os
import subprocess
import tomllib
from pathlib import Path

import numpy as np
import pytest
from setuptools import find_packages

from sw.formats.network_file import load_network

FLOORS = {"model": set(), "sw": {"model"}, "hw": {"model"}, "sim": {"model", "sw", "hw"}}
CONTRACT = {
    "model.config",
    "model.layouts",
    "model.registers",
    "model.serial_protocol",
    "model.fixed_point",
    "model.image",
    "model.map_descriptor",
}
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


def imported(path: Path) -> set[str]:
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            modules.add(node.module or "")
    return modules


@pytest.mark.parametrize("package", FLOORS)
def test_imports_run_downwards(project_root: Path, package: str) -> None:
    files = list((project_root / package).rglob("*.py"))
    assert files
    for path in files:
        ours = {module for module in imported(path) if module.split(".")[0] in FLOORS}
        allowed = FLOORS[package] | {package}
        assert {module.split(".")[0] for module in ours} <= allowed, path
        if package == "hw":
            assert {module for module in ours if module.startswith("model")} <= CONTRACT, path


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
    found = {path.parent for package in FLOORS for path in (project_root / package).rglob("__init__.py")}
    assert set(listed) == {".".join(path.relative_to(project_root).parts) for path in found}


def test_readme_names_every_command_and_target(project_root: Path) -> None:
    readme = (project_root / "README.md").read_text()
    for command in ["compress", "inspect", "decompress", "simulate", "verify", "verilog", "config"]:
        assert f"eie {command}" in readme
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
