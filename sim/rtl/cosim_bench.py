"""The cocotb test bench: runs inside the simulator, drives the array with a host program, compares with the model.

The job (configuration, actions, lock-step or not) comes in the file named by EIE_JOB; results go to the file beside it.
"""

import os
import pickle
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import First, RisingEdge, Timer
from cocotb.utils import get_sim_time

from model.config import ArrayConfig
from model.stepped.signals import Inputs
from sim.rtl.host_program import Action, Until, run_actions, waiting_actions
from sim.rtl.lockstep import Lockstep

PORTS = {
    "i_valid": "i__valid",
    "i_data": "i__payload",
    "i_last": "i_last",
    "o_ready": "o__ready",
    "reg_address": "reg_address",
    "reg_write": "reg_write",
    "reg_write_data": "reg_write_data",
    "reset": "rst",
}
PORTS_WAITED_FOR = {"i_ready": "i__ready", "o_valid": "o__valid"}
CLOCK_NS = 10
_KNOWN = str.maketrans("XZUW", "0000")
_UNKNOWN = str.maketrans("01XZUW", "001111")


@dataclass(frozen=True)
class Job:
    """What to run; `lockstep` needs the RTL built with its debug port."""

    config: ArrayConfig
    actions: tuple[Action, ...]
    lockstep: bool = False
    seed: int = 0


@dataclass(frozen=True)
class Answer:
    """What came of it: results of the actions, cycles simulated, seconds they took, or the failure in words."""

    results: list[Any]
    cycles: int
    seconds: float
    failure: str | None = None


class RtlOutputs:
    """The RTL's outputs just before the clock edge, read when asked for."""

    def __init__(self, dut: Any, config: ArrayConfig):
        self._dut = dut
        self._data_mask = (1 << config.stream_bits) - 1
        self._last_shift = config.stream_bits

    @property
    def i_ready(self) -> int:
        return int(self._dut.i__ready.value)

    @property
    def o_valid(self) -> int:
        return int(self._dut.o__valid.value)

    @property
    def o_data(self) -> int:
        return int(self._dut.o__payload.value) & self._data_mask

    @property
    def o_last(self) -> int:
        return int(self._dut.o__payload.value) >> self._last_shift

    @property
    def reg_read_data(self) -> int:
        return int(self._dut.reg_read_data.value)

    @property
    def interrupt(self) -> int:
        return int(self._dut.interrupt.value)

    @property
    def debug(self) -> tuple[int, int]:
        text = str(self._dut.debug.value)
        if text.isdigit():
            return int(text, 2), 0
        return int(text.translate(_KNOWN), 2), int(text.translate(_UNKNOWN), 2)


def apply_inputs(dut: Any, inputs: Inputs, previous: Inputs | None) -> None:
    """Drive the array's inputs; what has not changed since the cycle before is left."""
    for field, port in PORTS.items():
        value: int = getattr(inputs, field)
        if previous is None or value != getattr(previous, field):
            getattr(dut, port).value = value


def _inputs(wanted: Inputs | Until) -> Inputs:
    return wanted.inputs if isinstance(wanted, Until) else wanted


async def _wait(dut: Any, until: Until) -> int:
    """Let clock edges pass, after the first, until the port is 1 just before one; returns how many passed.

    Python is not asked in the cycles between: of a run of a hundred thousand cycles they are nearly all.
    """
    port = getattr(dut, PORTS_WAITED_FOR[until.port])
    passed = 0
    while passed < until.cycles - 1 and not int(port.value):
        began = get_sim_time("ns")
        changed = RisingEdge(port)
        await First(changed, Timer((until.cycles - 1 - passed) * CLOCK_NS, "ns"))
        await RisingEdge(dut.clk)
        passed += round((get_sim_time("ns") - began) / CLOCK_NS)
    return passed


@cocotb.test()
async def run_job(dut: Any) -> None:
    """Run the job; a failure is an answer, not an exception, so that the caller can word it."""
    path = Path(os.environ["EIE_JOB"])
    job: Job = pickle.loads(path.read_bytes())
    Clock(dut.clk, CLOCK_NS, "ns").start(start_high=False)
    rtl = RtlOutputs(dut, job.config)
    lockstep = Lockstep(job.config) if job.lockstep else None
    if lockstep is None:
        program, look = waiting_actions(job.config, job.actions, job.seed), None
    else:
        program, look = run_actions(job.config, job.actions, job.seed), lockstep.compare
    results: list[Any] = []
    cycle, failure = 0, None
    began = time.perf_counter()
    wanted = next(program)
    inputs = _inputs(wanted)
    apply_inputs(dut, inputs, None)
    while failure is None:
        await RisingEdge(dut.clk)
        if isinstance(wanted, Until):
            cycle += await _wait(dut, wanted)
        try:
            if look is not None:
                failure = look(cycle, inputs, rtl)
            wanted = program.send(rtl)
        except StopIteration as stop:
            results = stop.value
            break
        except (RuntimeError, ValueError) as error:
            failure = f"cycle {cycle}: {error}"
            break
        following = _inputs(wanted)
        apply_inputs(dut, following, inputs)
        inputs = following
        cycle += 1
    answer = Answer(results, cycle + 1, time.perf_counter() - began, failure)
    path.with_suffix(".answer").write_bytes(pickle.dumps(answer))
