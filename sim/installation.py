"""What of an installation is there: packages by the extra that brings them, programs of the system, the cache."""

import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

# What each extra is for; the names are those of pyproject.toml.
EXTRAS = {
    "": "eie itself",
    "train": "eie train, the step of --reconstruct over the whole network",
    "onnx": "ONNX models",
    "host": "networks of which parts are the host's",
    "tflite": "TensorFlow Lite models",
    "keras": "Keras models",
    "verify": "eie verify, run --on rtl, faults; the tests",
    "fpga": "eie fpga, asic",
    "litex": "examples/litex",
    "report": "eie report",
    "serial": "boards on a serial port",
    "cluster": "eie sweep --scheduler",
    "parquet": "eie sweep -o FILE.parquet",
    "onnx-test": "tests of ONNX models",
    "keras-test": "tests of Keras models",
    "gguf-test": "tests of GGUF files",
    "vision-test": "slow tests of torchvision's networks",
    "fuzz": "make fuzz",
    "dev": "make check, pages",
}

# A program, what asks for it, and the Debian package that brings it.
PROGRAMS = {
    "g++": ("eie verify in Verilator", "g++"),
    "make": ("eie verify in Verilator", "make"),
    "perl": ("eie verify in Verilator", "perl"),
    "iverilog": ("eie verify --sim icarus", "iverilog"),
    "cc": ("building what eie driver writes", "gcc"),
    "sta": ("eie asic --sta", "no Debian package; OpenSTA"),
    "chromedriver": ("the test that opens a report", "chromium chromium-driver"),
}


@dataclass(frozen=True, kw_only=True)
class Part:
    """Something an installation may have.

    Parameters
    ----------
    name : of the extra or program.
    use : what asks for it.
    found : versions or path of what is there, by name.
    missing : what is not there, or not in a version that is wanted.
    get : a command that brings it, empty if nothing is missing.
    """

    name: str
    use: str
    found: Mapping[str, str]
    missing: tuple[str, ...]
    get: str

    @property
    def complete(self) -> bool:
        """Nothing is missing."""
        return not self.missing


def extras(requirements: Iterable[str] | None = None) -> list[Part]:
    """The project itself and its extras; `requirements` as the package's metadata states them."""
    wanted: dict[str, list[Requirement]] = {name: [] for name in EXTRAS}
    for text in requires("eie") or [] if requirements is None else requirements:
        requirement = Requirement(text)
        named = re.search(r"extra == ['\"]([^'\"]+)['\"]", str(requirement.marker or ""))
        wanted.setdefault(named[1] if named else "", []).append(requirement)
    return [_extra(name, listed) for name, listed in wanted.items()]


def programs() -> list[Part]:
    """The programs that parts of the project call."""
    found = {name: shutil.which(name) for name in PROGRAMS}
    return [
        Part(
            name=name,
            use=use,
            found={} if path is None else {name: path},
            missing=() if path is not None else (name,),
            get=""
            if path is not None
            else (package if " " in package and ";" in package else f"apt install {package}"),
        )
        for (name, path), (use, package) in zip(found.items(), PROGRAMS.values(), strict=True)
    ]


def _extra(name: str, listed: Iterable[Requirement]) -> Part:
    found: dict[str, str] = {}
    missing: list[str] = []
    for requirement in listed:
        try:
            found[requirement.name] = version(requirement.name)
        except PackageNotFoundError:
            missing.append(requirement.name)
            continue
        if not requirement.specifier.contains(found[requirement.name], prereleases=True):
            missing.append(f"{requirement.name}{requirement.specifier}, found {found[requirement.name]}")
    return Part(
        name=name or "eie",
        use=EXTRAS.get(name, ""),
        found=found,
        missing=tuple(missing),
        get=f"pip install '.[{name}]'" if missing and name else "pip install ." if missing else "",
    )
