"""What a host does to the machine, cycle by cycle: one generator drives the stepped model and the RTL alike.

It says what happens in every cycle, pauses included, which `sw.host.transports.port_host`, a driver's way to the same
ports, leaves to the array. Actions are plain data, so that a test bench running inside a simulator can be handed them.
A test bench that need not look at every cycle lets a simulator run on while the host only waits (`waiting_actions`).
"""

from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any, Literal, TypeVar

from model.config import ArrayConfig
from model.registers import ADDRESS, READ_LATENCY, Control, PeCounter, Status
from model.stepped.signals import Inputs
from sw.host.transports.port_host import PortOutputs, Program

T = TypeVar("T")

RUN_REGISTERS = ("STATUS", "LAYERS", "CYCLES", "BROADCASTS", "STALLS")


class HostTimeout(RuntimeError):
    """The machine did not answer in the cycles it was given."""


@dataclass(frozen=True)
class Until:
    """The same inputs in every cycle, up to and including that in which the port is 1, and for `cycles` at most.

    What it receives are the outputs of the last of these cycles.
    """

    inputs: Inputs
    port: Literal["i_ready", "o_valid"]
    cycles: int


Waiting = Generator[Inputs | Until, PortOutputs, T]


@dataclass(frozen=True)
class Reset:
    """Hold reset for some cycles."""

    cycles: int = 1


@dataclass(frozen=True)
class SoftReset:
    """Write CONTROL.reset, and let the cycle pass in which it has its effect: a word taken then would be lost."""


@dataclass(frozen=True)
class Idle:
    """Let some cycles pass; with `take`, output words that come are taken and dropped."""

    cycles: int
    take: bool = False


@dataclass(frozen=True)
class Send:
    """Send stream words; before each, wait with probability `stall` per cycle. `limit` cycles may pass per word.

    `last`: the final word ends the host's transfer, as `i_last` says.
    """

    words: Sequence[int]
    stall: float = 0.0
    limit: int = 100_000
    last: bool = False


@dataclass(frozen=True)
class Start:
    """Write CONTROL.start, with what else it asks for."""

    resume: bool = False
    hold: bool = False


@dataclass(frozen=True)
class Collect:
    """Take output words up to and including the one marked last; result: list of data words.

    `limit` cycles may pass before each word; with `stall`, the probability of a pause in each cycle, before the last.
    """

    stall: float = 0.0
    limit: int = 10_000_000


@dataclass(frozen=True)
class Wait:
    """Read STATUS until a bit of it is 1: WAITING between a LAYER packet and a start, DONE after one with hold."""

    status: Status
    limit: int = 1_000_000


@dataclass(frozen=True)
class Write:
    """Write a register."""

    register: str
    value: int


@dataclass(frozen=True)
class Read:
    """Read registers; result: dict of their values."""

    registers: Sequence[str]


@dataclass(frozen=True)
class ReadCounters:
    """Read the run registers and every PE's counters; result: (dict of registers, list of counter lists per PE)."""


@dataclass(frozen=True)
class Cut:
    """The first `cycles` cycles of these actions, whatever they were about to do then; no result."""

    actions: Sequence["Action"]
    cycles: int


Action = Reset | SoftReset | Idle | Send | Start | Collect | Wait | Write | Read | ReadCounters | Cut


def run_actions(config: ArrayConfig, actions: Sequence[Action], seed: int = 0) -> Program[list[Any]]:
    """The actions in order; returns the results of the Collect, Read and ReadCounters actions."""
    program = waiting_actions(config, actions, seed)
    try:
        wanted = next(program)
        while True:
            if isinstance(wanted, Until):
                outputs = yield wanted.inputs
                for _ in range(wanted.cycles - 1):
                    if getattr(outputs, wanted.port):
                        break
                    outputs = yield wanted.inputs
            else:
                outputs = yield wanted
            wanted = program.send(outputs)
    except StopIteration as stop:
        results: list[Any] = stop.value
        return results


def waiting_actions(config: ArrayConfig, actions: Sequence[Action], seed: int = 0) -> Waiting[list[Any]]:
    """`run_actions` that says where it only waits."""
    random = Random(seed)
    results: list[Any] = []
    for action in actions:
        match action:
            case Reset(cycles):
                for _ in range(cycles):
                    yield Inputs(reset=1)
            case Idle(cycles, take):
                for _ in range(cycles):
                    yield Inputs(o_ready=int(take))
            case Send():
                yield from _send(action, random)
            case SoftReset():
                yield _write("CONTROL", 1 << Control.RESET)
                yield Inputs()
            case Start(resume, hold):
                yield _write("CONTROL", 1 << Control.START | resume << Control.RESUME | hold << Control.HOLD)
            case Wait(status, limit):
                yield from _wait(status, limit)
            case Write(register, value):
                yield _write(register, value)
            case Collect():
                results.append((yield from _collect(action, random)))
            case Read(registers):
                values = yield from _read([ADDRESS[name] for name in registers])
                results.append(dict(zip(registers, values, strict=True)))
            case ReadCounters():
                results.append((yield from _read_counters(config)))
            case Cut(begun, cycles):
                yield from _cut(run_actions(config, begun, seed), cycles)
    return results


def _send(action: Send, random: Random) -> Waiting[None]:
    for number, word in enumerate(action.words):
        while random.random() < action.stall:
            yield Inputs()
        ends = action.last and number == len(action.words) - 1
        offer = Inputs(i_valid=1, i_data=word, i_last=int(ends))
        outputs = yield Until(offer, "i_ready", action.limit)
        if not outputs.i_ready:
            raise HostTimeout(f"the machine did not take an input word for {action.limit} cycles")


def _collect(action: Collect, random: Random) -> Waiting[list[int]]:
    words: list[int] = []
    take, wait = Inputs(o_ready=1), Inputs()
    for _ in range(action.limit):
        ready = action.stall == 0.0 or random.random() >= action.stall
        pause = take if ready else wait
        outputs = yield Until(take, "o_valid", action.limit) if action.stall == 0.0 else pause
        if ready and outputs.o_valid:
            words.append(outputs.o_data)
            if outputs.o_last:
                return words
        elif action.stall == 0.0:
            break
    raise HostTimeout(f"the machine gave {len(words)} output words and no last one in {action.limit} cycles")


def _cut(program: Program[list[Any]], cycles: int) -> Program[None]:
    with suppress(StopIteration):
        inputs = next(program)
        for _ in range(cycles):
            outputs = yield inputs
            inputs = program.send(outputs)


def _write(register: str, value: int) -> Inputs:
    return Inputs(reg_address=ADDRESS[register], reg_write=1, reg_write_data=value)


def _wait(status: Status, limit: int) -> Program[None]:
    """One read of STATUS after the other, until a value read has the bit."""
    for cycle in range(limit):
        outputs = yield Inputs(reg_address=ADDRESS["STATUS"])
        if cycle >= READ_LATENCY and outputs.reg_read_data >> status & 1:
            return
    raise HostTimeout(f"the machine was not {status.name} after {limit} cycles")


def _read(addresses: Sequence[int]) -> Program[list[int]]:
    """Pipelined register reads: an address per cycle."""
    values: list[int] = []
    for cycle in range(len(addresses) + READ_LATENCY):
        address = addresses[min(cycle, len(addresses) - 1)]
        outputs = yield Inputs(reg_address=address)
        if cycle >= READ_LATENCY:
            values.append(outputs.reg_read_data)
    return values


def _read_counters(config: ArrayConfig) -> Program[tuple[dict[str, int], list[list[int]]]]:
    values = yield from _read([ADDRESS[name] for name in RUN_REGISTERS])
    per_pe: list[list[int]] = []
    if config.pe_counters:
        for pe in range(config.pes):
            yield _write("PE_SELECT", pe)
            per_pe.append((yield from _read([ADDRESS[f"PE_{counter.name}"] for counter in PeCounter])))
    return dict(zip(RUN_REGISTERS, values, strict=True)), per_pe
