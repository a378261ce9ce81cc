"""The wheel, and an environment that has nothing of this checkout but the wheel."""

import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOMS = ("hw", "model", "sim", "sw")


def build_wheel(project_root: Path, folder: Path) -> Path:
    """Built from a copy of what git has, so that nothing is left in the checkout and nothing old is in the wheel."""
    source = folder / "source"
    listed = ["git", "ls-files", "-co", "--exclude-standard", *ROOMS, "*.py", "pyproject.toml", "README.md", "LICENSE"]
    names = subprocess.run(listed, cwd=project_root, capture_output=True, text=True, check=True).stdout.splitlines()
    for name in names:
        if Path(name).parts[0] not in ("tests", "benchmarks", "examples") and (project_root / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(project_root / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", folder, source]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


def environment_of(wheel: Path, folder: Path) -> Path:
    """The programs of a virtual environment with the wheel; what the wheel needs is where these tests have it.

    `python` there cannot import the checkout: the file in which an editable installation names it is not read.
    """
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--no-deps",
        "--no-index",
        "-q",
        str(wheel),
    ]
    subprocess.run(install, check=True, capture_output=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    here = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "packages.pth").write_text("".join(f"{path}\n" for path in here))
    return folder / "bin"
