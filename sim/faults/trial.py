"""One load and one run of a machine that may be hit on the way: what the host does, and what it sees."""

from collections.abc import Sequence
from dataclasses import dataclass

from model.config import ArrayConfig
from model.layouts import patience_bits
from model.registers import ADDRESS, READ_LATENCY, STATUS_ERROR_SHIFT, Control, Status
from model.stepped.signals import Inputs
from sw.host.transports.port_host import PortOutputs, Program

SETTLE = READ_LATENCY + 2  # cycles after a write of CONTROL in which STATUS may still be older


@dataclass(frozen=True)
class Upset:
    """A bit that changes, in the middle of cycle `cycle` of a trial, counted from its soft reset."""

    path: tuple[str, ...]
    word: int | None
    bit: int
    cycle: int


@dataclass(frozen=True)
class Trial:
    """Packets of a network and of an input.

    patience : cycles in which the machine must have taken a word, or have ended a run.
    """

    load: Sequence[int]
    activations: Sequence[int]
    patience: int


@dataclass(frozen=True)
class Seen:
    """What the host has when the trial is over.

    outputs : (word, last) of every output word. status, error_pe : the registers.
    late : no end in the cycles that were given.
    started, cycles : the cycle after the start, 0 if there was none, and how many the trial took.
    """

    outputs: tuple[tuple[int, int], ...]
    status: int
    error_pe: int
    late: bool
    started: int
    cycles: int

    @property
    def error(self) -> int:
        """STATUS.error."""
        return self.status >> STATUS_ERROR_SHIFT & 0xFF


def patience(config: ArrayConfig, model_cycles: int) -> int:
    """Cycles in which a word is taken and a run ends, whatever one bit has become.

    One bit makes a layer longer, or adds layers up to the table's size, which sixteen times the model's cycles of load
    and run allow for; or it breaks a queue, which the machine gives up after 2**patience_bits cycles.
    """
    return 16 * model_cycles + 4 * (1 << patience_bits(config))


def run_trial(trial: Trial) -> Program[Seen]:
    """Soft reset, load, input, run, until the machine is idle; output words are taken whenever they come."""
    outputs: list[tuple[int, int]] = []
    cycles = started = 0

    def step(inputs: Inputs) -> Program[PortOutputs]:
        nonlocal cycles
        cycles += 1
        return (yield inputs)

    def send(words: Sequence[int]) -> Program[bool]:
        for number, word in enumerate(words):
            offer = Inputs(i_valid=1, i_data=word, i_last=int(number == len(words) - 1), o_ready=1)
            for _ in range(trial.patience):
                if (yield from step(offer)).i_ready:
                    break
            else:
                return False
        return True

    def until(bits: int, wanted: int) -> Program[bool]:
        """Looks at STATUS until these bits of it are as wanted, or it shows an error where one ends the waiting."""
        for cycle in range(trial.patience):
            seen = yield from step(Inputs(reg_address=ADDRESS["STATUS"], o_ready=1))
            if wanted == 0 and seen.o_valid:
                outputs.append((seen.o_data, seen.o_last))
            if cycle >= SETTLE:
                status = seen.reg_read_data
                if status & bits == wanted or (wanted and status >> STATUS_ERROR_SHIFT):
                    return True
        return False

    def read(name: str) -> Program[int]:
        for _ in range(READ_LATENCY):
            yield from step(Inputs(reg_address=ADDRESS[name]))
        return (yield from step(Inputs(reg_address=ADDRESS[name]))).reg_read_data

    def control(bit: Control) -> Program[PortOutputs]:
        return step(Inputs(reg_address=ADDRESS["CONTROL"], reg_write=1, reg_write_data=1 << bit))

    def seen(late: bool) -> Program[Seen]:
        status = yield from read("STATUS")
        error_pe = yield from read("ERROR_PE")
        return Seen(tuple(outputs), status, error_pe, late, started, cycles)

    yield from control(Control.RESET)
    yield from step(Inputs(o_ready=1))  # the reset takes effect; a word taken in this cycle would be lost
    waiting = 1 << Status.WAITING
    for words in (trial.load, trial.activations):
        if not (yield from send(words)):
            return (yield from seen(late=True))
        # A loader that waits for more words than there are is told by the start, which it refuses.
        yield from until(waiting, waiting)
        status = yield from read("STATUS")
        if status >> STATUS_ERROR_SHIFT:
            return (yield from seen(late=False))
    yield from control(Control.START)
    started = cycles
    ended = yield from until(1 << Status.RUNNING | 1 << Status.UNLOADING, 0)
    return (yield from seen(late=not ended))
