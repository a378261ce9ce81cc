"""How to get packages that not every installation has, from a clone and from a wheel alike."""

import re
from importlib.metadata import PackageNotFoundError, requires

from packaging.requirements import Requirement

EXTRA = re.compile(r"extra == ['\"]([^'\"]+)['\"]")


def pip_install(extra: str, *packages: str) -> str:
    """The command that brings an extra's packages, or these of them, in the versions that eie states.

    It names packages, not eie: that is on no index, and whoever has a wheel has no folder of the project.
    """
    try:
        stated = [Requirement(text) for text in requires("eie") or []]
    except PackageNotFoundError:  # the sources on a path, not installed
        stated = []
    brought = {
        requirement.name: f"'{requirement.name}{requirement.specifier}'"
        for requirement in stated
        if (named := EXTRA.search(str(requirement.marker or ""))) and named[1] == extra
    }
    wanted = packages or tuple(brought) or (f"eie[{extra}]",)
    return " ".join(["pip install", *(brought.get(name, f"'{name}'") for name in wanted)])
