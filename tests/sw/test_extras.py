"""sw/extras.py: the packages of an extra as pip takes them, in the versions of pyproject.toml."""

import shlex
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

from sw.extras import pip_install


def test_every_extra_is_what_the_project_states(project_root: Path) -> None:
    stated = tomllib.loads((project_root / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra in ("serial", "train", "cluster"):
        command, what, *packages = shlex.split(pip_install(extra))
        assert (command, what) == ("pip", "install")
        wanted = {(each.name, each.specifier) for each in map(Requirement, stated[extra])}
        assert {(each.name, each.specifier) for each in map(Requirement, packages)} == wanted


def test_one_package_of_an_extra() -> None:
    assert pip_install("serial", "pyserial").startswith("pip install 'pyserial>=")
    assert pip_install("verify", "cocotb").count("'") == 2
    assert pip_install("none", "unknown") == "pip install 'unknown'"
