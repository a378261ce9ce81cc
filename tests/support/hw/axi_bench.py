"""The cocotb test bench of tests/hw/bus/test_axi_top.py: bus models of cocotbext-axi around `eie_axi`, at random.

The job comes pickled in the file named by EIE_JOB; the number of transactions goes to the file beside it.
"""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge

from hw.bus.axi_lite import OKAY, SLVERR
from model.layouts import Opcode, header
from model.registers import ADDRESS, REGISTERS, Error
from tests.support.hw.axi_machine import PATIENCE, SOFT_RESET, START, Bench, Hang, Job

UNKNOWN_WORDS = sorted({*range(64)} - {register.address for register in REGISTERS})


def an_address(bench: Bench, name: str) -> tuple[int, bool]:
    """The byte address of a register, or one that is none; whether it is one."""
    random = bench.random
    kind = random.random()
    if kind < 0.7:
        return 4 * ADDRESS[name], True
    if kind < 0.85:
        return 4 * ADDRESS[name] + random.randint(1, 3), False
    return 4 * random.choice(UNKNOWN_WORDS), False


async def registers(bench: Bench) -> None:
    """Back-to-back writes with any strobes beside reads, then every register is read."""
    random = bench.random
    await bench.reset()
    names = [register.name for register in REGISTERS]
    constants = ["ID", "CONFIG", "VERSION", "CONFIG_HASH", "CYCLES"]
    writes = []
    reads = []
    for _ in range(random.randint(1, 5)):
        name = random.choice(["CONTROL", "PE_SELECT", "IRQ_ENABLE", "IRQ_STATUS", random.choice(names)])
        address, known = an_address(bench, name)
        data, strobes = random.choice([random.getrandbits(32), random.getrandbits(2)]), random.choice([15, 1, 0xE, 0])
        bench.post_write(address, data, strobes)
        writes.append((name, known, data, strobes))
    for _ in range(random.randint(0, 4)):
        name = random.choice(constants)
        address, known = an_address(bench, name)
        bench.post_read(address)
        reads.append((name, known))
    for name, known, data, strobes in writes:
        assert await bench.written() == (OKAY if known else SLVERR), (name, known)
        if known and strobes & 1:
            bench.apply(name, data)
    for name, known in reads:
        assert await bench.got() == ((OKAY, bench.expected(name)) if known else (SLVERR, 0)), (name, known)
    for name in random.sample(names, 3):
        assert await bench.read(name) == bench.expected(name), (name, writes)
    wanted = bool(bench.registers["IRQ_STATUS"] & bench.registers["IRQ_ENABLE"])
    assert bool(int(bench.dut.interrupt.value)) == wanted


async def load(bench: Bench) -> None:
    for packet in bench.job.packets:
        bench.send(packet)
    await bench.sent()
    for _ in range(PATIENCE):
        if await bench.read("LAYERS") == len(bench.job.packets) - 1:
            return
    raise Hang("the layers were not loaded")


async def run(bench: Bench, number: int) -> None:
    """One input, its output frame, and the interrupt in between."""
    bench.send(bench.job.inputs[number])
    await bench.sent()
    await bench.write("IRQ_ENABLE", 1)
    await bench.write("CONTROL", START)
    got, wanted = await bench.frame(), list(bench.job.outputs[number])
    assert got == wanted, f"input {number}: wanted {wanted}, got {got}"
    assert await bench.read("STATUS") == 0b1001
    assert await bench.read("IRQ_STATUS") & 1
    assert int(bench.dut.interrupt.value) == 1
    await bench.write("IRQ_STATUS", 1)
    await ClockCycles(bench.dut.aclk, 3)
    assert int(bench.dut.interrupt.value) == 0


async def network(bench: Bench) -> None:
    await bench.reset()
    await load(bench)
    for number in range(len(bench.job.inputs)):
        await run(bench, number)


async def recover(bench: Bench, error: Error) -> None:
    """The cause shows, a soft reset clears it, a network loads and runs."""
    for _ in range(PATIENCE):
        status = await bench.read("STATUS")
        if status >> 8:
            break
    await bench.sent()
    assert (status, await bench.read("IRQ_STATUS")) == (error << 8, 2)
    await bench.write("CONTROL", SOFT_RESET)
    assert await bench.read("STATUS") == 1
    await load(bench)
    await run(bench, 0)


async def short_stream(bench: Bench) -> None:
    await bench.reset()
    packet = bench.random.choice(bench.job.packets[1:])
    bench.send([header(Opcode.LOAD)])
    bench.send(packet[: bench.random.randint(1, len(packet) - 1)])
    await recover(bench, Error.TRUNCATED)


async def long_stream(bench: Bench) -> None:
    """More words than the packet has: the first of them is no header."""
    await bench.reset()
    bench.send([header(Opcode.LOAD)])
    bench.send([*bench.job.packets[1], *[0] * bench.random.randint(1, 9)])
    await recover(bench, Error.OPCODE)


async def soft_reset(bench: Bench) -> None:
    """In any state of a run; frames stay frames, and the network, still there, runs again."""
    await bench.reset()
    await load(bench)
    for number, wanted in enumerate(bench.job.outputs):
        bench.send(bench.job.inputs[number])
        await bench.sent()
        await bench.write("CONTROL", START)
        await ClockCycles(
            bench.dut.aclk, bench.random.choice([bench.random.randint(0, 250), bench.random.randint(0, 20)])
        )
        await bench.write("CONTROL", SOFT_RESET)
        await ClockCycles(bench.dut.aclk, 60)
        bench.sink.set_pause_generator(bench._pause(0.0))
        await ClockCycles(bench.dut.aclk, 20)
        frames = []
        while not bench.sink.empty():
            frames.append(await bench.frame())
        assert len(frames) <= 1
        for got in frames:
            assert got == wanted or (got[-1] == 0 and got[:-1] == list(wanted[: len(got) - 1])), (got, wanted)
        assert int(bench.dut.m_axis_tvalid.value) == 0
        await run(bench, number)


async def pin_reset(bench: Bench) -> None:
    """In any state, of anything."""
    await bench.reset()
    activity = bench.random.choice([registers, network, short_stream, soft_reset])
    task = cocotb.start_soon(activity(bench))
    for _ in range(bench.random.randint(1, 1500)):
        await RisingEdge(bench.dut.aclk)
        if task.done():
            break
    task.cancel()
    await network(bench)


ACTIVITIES: tuple[tuple[Callable[[Bench], Any], int], ...] = (
    (registers, 60),
    (network, 2),
    (short_stream, 2),
    (long_stream, 1),
    (soft_reset, 3),
    (pin_reset, 3),
)


@cocotb.test()
async def random_traffic(dut: Any) -> None:
    path = Path(os.environ["EIE_JOB"])
    job: Job = pickle.loads(path.read_bytes())
    dut.aresetn.value = 0
    Clock(dut.aclk, 10, "ns").start(start_high=False)
    await ClockCycles(dut.aclk, 3)
    bench = Bench(dut, job)
    done = []
    pending = [activity for activity, _ in ACTIVITIES]  # each of them at least once
    choices, weights = zip(*ACTIVITIES, strict=True)
    while bench.transactions < job.transactions or pending:
        bench.pauses()
        activity = pending.pop() if pending else bench.random.choices(choices, weights)[0]
        await activity(bench)
        done.append(activity.__name__)
    path.with_suffix(".answer").write_bytes(pickle.dumps((bench.transactions, sorted({*done}))))
