"""Where a bit can be upset: every memory and register of the array, found in its Verilog."""

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass

_MODULE = re.compile(r"^module ([^\s(]+) ?\(.*?^endmodule", re.MULTILINE | re.DOTALL)
_REGISTER = re.compile(r"^  reg (?:\[(\d+):0\] )?(\S+) *(?:= [^;]*)?;", re.MULTILINE)
_MEMORY = re.compile(r"^  reg (?:\[(\d+):0\] )?(\S+) \[(\d+):0\];", re.MULTILINE)
_CLOCKED = re.compile(r"always @\(posedge clk\)(?: begin)?\n(?:    if \([^\n]*\)(?: begin)?\n)?\s+([^\s\[]+)[^\n]*<=")
_INSTANCE = re.compile(r"^  (\S+) +(\S+) \(\n    \.", re.MULTILINE)
_PLAIN = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Site:
    """One memory or register of one instance.

    path : names of the instances from the top module's parts on, and of the memory or register.
    width : bits of a word; words : 1 for a register.
    """

    path: tuple[str, ...]
    width: int
    words: int
    is_memory: bool

    @property
    def bits(self) -> int:
        return self.width * self.words

    @property
    def unit(self) -> str:
        """The instance it is in, all PEs alike: "pe.sparse_matrix.rows"."""
        parts = ["pe" if re.fullmatch(r"pe_\d+", part) else part for part in self.path]
        return ".".join(parts[:-1]) or "array"

    @property
    def group(self) -> str:
        """What it is counted under: a memory by its unit, registers by theirs."""
        return self.unit if self.is_memory else f"{self.unit} (registers)"


@dataclass(frozen=True)
class Sites:
    """What was found; `unnamed` are registers whose names a simulator does not show (their bits)."""

    reached: tuple[Site, ...]
    unnamed: tuple[Site, ...]


def find_sites(texts: Mapping[str, str], top: str) -> Sites:
    """All memories and clocked registers below `top`, of Verilog as `hw.verilog.verilog_text` writes it.

    ValueError if a clocked assignment has no declaration, which would mean that this reader misses something.
    """
    modules: dict[str, str] = {}
    for name, text in texts.items():
        if name.endswith(".v"):
            modules |= {_plain(match[1]): match[0] for match in _MODULE.finditer(text)}
    found = list(_below(modules, top, ()))
    return Sites(
        tuple(site for site in found if _PLAIN.fullmatch(site.path[-1])),
        tuple(site for site in found if not _PLAIN.fullmatch(site.path[-1])),
    )


def _below(modules: Mapping[str, str], module: str, path: tuple[str, ...]) -> Generator[Site]:
    text = modules[module]
    memories = {_plain(name): (int(high or 0) + 1, int(last) + 1) for high, name, last in _MEMORY.findall(text)}
    registers = {_plain(name): (int(high or 0) + 1, 1) for high, name in _REGISTER.findall(text)}
    for name in dict.fromkeys(_plain(name) for name in _CLOCKED.findall(text)):
        shape = memories.get(name) or registers.get(name)
        if shape is None:
            raise ValueError(f"{module}: wanted a declaration of the register {name}, found none")
        yield Site((*path, name), *shape, is_memory=name in memories)
    for kind, name in _INSTANCE.findall(text):
        if _plain(kind) in modules:
            yield from _below(modules, _plain(kind), (*path, _plain(name)))


def _plain(name: str) -> str:
    """A name without the mark of an escaped one."""
    return name.removeprefix("\\")
