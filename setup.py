"""How a wheel is built: `eie.py` becomes the package `eie`, and `hw`, `model`, `sim`, `sw` go inside it.

In a checkout they stand beside each other and import each other by these names. Installed like that they would take
four common names from every user: `import model` would give ours, or ours would find the user's. So a wheel holds
`eie.model` in place of `model`, and every import statement says so. An editable install leaves everything where it is.
"""

import ast
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

FRONT = "eie"
ROOMS = ("hw", "model", "sim", "sw")


class BuildInside(build_py):
    """Builds as setuptools does, then moves the rooms into the front's package and rewrites their imports."""

    def run(self) -> None:
        if not self.editable_mode:
            # What an earlier build left would be in the wheel too.
            shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        if not self.editable_mode:
            move_inside(Path(self.build_lib))


def move_inside(folder: Path) -> None:
    """Make one package of what was built in a folder."""
    house = folder / FRONT
    house.mkdir()
    (folder / f"{FRONT}.py").rename(house / "__init__.py")
    (house / "py.typed").touch()
    for room in ROOMS:
        (folder / room).rename(house / room)
    for path in house.rglob("*.py"):
        path.write_text(imports_inside(path.read_text(encoding="utf-8")), encoding="utf-8")


def imports_inside(source: str) -> str:
    """Source whose import statements name the rooms inside the front; ValueError for an import it cannot rewrite."""
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and _room(node.module or ""):
            _replace(lines, node, f"from {node.module}", f"from {FRONT}.{node.module}")
        elif isinstance(node, ast.Import) and any(_room(name.name) for name in node.names):
            (name,) = node.names
            if name.asname is None and "." in name.name:
                raise ValueError(f"`import {name.name}` binds {name.name.split('.')[0]}; wanted `from ... import ...`")
            _replace(
                lines,
                node,
                f"import {name.name}",
                f"import {FRONT}.{name.name}" + ("" if name.asname else f" as {name.name}"),
            )
    return "".join(lines)


def _room(module: str) -> bool:
    return module.split(".")[0] in ROOMS


def _replace(lines: list[str], node: ast.stmt, old: str, new: str) -> None:
    line = lines[node.lineno - 1]
    if line[node.col_offset :].startswith(old) is False:
        raise ValueError(f"line {node.lineno} must begin with `{old}`, got {line.strip()!r}")
    lines[node.lineno - 1] = line[: node.col_offset] + new + line[node.col_offset + len(old) :]


if __name__ == "__main__":
    setup(cmdclass={"build_py": BuildInside})
