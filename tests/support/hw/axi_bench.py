"""The cocotb test bench of tests/hw/bus/test_axi_top.py: bus models of cocotbext-axi around `eie_axi`, at random.

The job comes pickled in the file named by EIE_JOB; the number of transactions goes to the file beside it.
"""

import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AxiLiteBus, AxiStreamBus, AxiStreamSink, AxiStreamSource
from cocotbext.axi.axil_channels import (
    AxiLiteARSource,
    AxiLiteARTransaction,
    AxiLiteAWSource,
    AxiLiteAWTransaction,
    AxiLiteBSink,
    AxiLiteRSink,
    AxiLiteWSource,
    AxiLiteWTransaction,
)

from hw.bus.axi_lite import OKAY, SLVERR
from hw.control.host_registers import config_word
from model.config import ArrayConfig
from model.layouts import Opcode, header
from model.registers import ADDRESS, ID_VALUE, REGISTERS, VERSION, Error

PATIENCE = 3000  # cycles until a missing answer counts as a hang
CONTROL, STATUS = 4 * ADDRESS["CONTROL"], 4 * ADDRESS["STATUS"]
START, SOFT_RESET = 1, 2
UNKNOWN_WORDS = sorted({*range(64)} - {register.address for register in REGISTERS})


@dataclass(frozen=True)
class Job:
    """A network that fits the array, its inputs and the output words wanted; how much to do."""

    config: ArrayConfig
    packets: Sequence[Sequence[int]]
    inputs: Sequence[Sequence[int]]
    outputs: Sequence[Sequence[int]]
    transactions: int
    seed: int


class Hang(AssertionError):
    """An answer that did not come."""


class Bench:
    """Bus models, what the registers should hold, and the number of transactions so far."""

    def __init__(self, dut: Any, job: Job):
        self.dut, self.job, self.random = dut, job, Random(job.seed)
        self.transactions = 0
        reset: tuple[Any, ...] = (dut.aclk, dut.aresetn, False)
        lite = AxiLiteBus.from_prefix(dut, "s_axi")
        self.aw, self.w = AxiLiteAWSource(lite.write.aw, *reset), AxiLiteWSource(lite.write.w, *reset)
        self.b = AxiLiteBSink(lite.write.b, *reset)
        self.ar, self.r = AxiLiteARSource(lite.read.ar, *reset), AxiLiteRSink(lite.read.r, *reset)
        self.source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), *reset)
        self.sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), *reset)
        self.channels = (self.aw, self.w, self.b, self.ar, self.r, self.source, self.sink)
        self.registers: dict[str, int] = {}
        cocotb.start_soon(self._watch("s_axi_b", ("resp",), self.b))
        cocotb.start_soon(self._watch("s_axi_r", ("resp", "data"), self.r))
        cocotb.start_soon(self._watch("m_axis_t", ("data", "last"), self.sink))

    async def _watch(self, prefix: str, payload: Sequence[str], sink: Any) -> None:
        """What is offered stays offered until it is taken; nothing is offered in reset; no X is."""
        valid, ready = (getattr(self.dut, prefix + name) for name in ("valid", "ready"))
        signals = [getattr(self.dut, prefix + name) for name in payload]
        offered: list[int] | None = None
        was_reset = False
        while True:
            await RisingEdge(self.dut.aclk)
            in_reset = not int(self.dut.aresetn.value)
            if was_reset:
                assert int(valid.value) == 0, f"{prefix}valid in reset"
                offered = None
            elif not in_reset:
                now = [int(signal.value) for signal in signals] if int(valid.value) else None
                assert offered is None or now == offered, f"{prefix}: {offered} became {now} before it was taken"
                offered = None if int(ready.value) else now
            else:
                offered = None
            was_reset = in_reset

    def pauses(self) -> None:
        """A new probability of a pause for every channel."""
        for channel in self.channels:
            channel.set_pause_generator(self._pause(self.random.choice([0.0, 0.0, 0.3, 0.8])))

    def _pause(self, probability: float) -> Iterator[bool]:
        random = Random(self.random.random())
        while True:
            yield random.random() < probability

    async def reset(self) -> None:
        """Reset by the pin; whatever was on its way is forgotten, on both sides."""
        self.dut.aresetn.value = 0
        await ClockCycles(self.dut.aclk, self.random.randint(2, 4))
        for channel in self.channels:
            channel.clear()
        self.dut.aresetn.value = 1
        await ClockCycles(self.dut.aclk, 2)
        self.registers = {"PE_SELECT": 0, "IRQ_ENABLE": 0, "IRQ_STATUS": 0, "error": 0, "layers": 0, "done": 0}

    async def _take(self, sink: Any, what: str) -> Any:
        for _ in range(PATIENCE):
            if not sink.empty():
                return sink.recv_nowait()
            await RisingEdge(self.dut.aclk)
        raise Hang(f"no {what} in {PATIENCE} cycles")

    def post_write(self, address: int, data: int, strobes: int) -> None:
        self.aw.send_nowait(AxiLiteAWTransaction(awaddr=address, awprot=self.random.getrandbits(3)))
        self.w.send_nowait(AxiLiteWTransaction(wdata=data, wstrb=strobes))

    def post_read(self, address: int) -> None:
        self.ar.send_nowait(AxiLiteARTransaction(araddr=address, arprot=self.random.getrandbits(3)))

    async def written(self) -> int:
        response = await self._take(self.b, "write response")
        self.transactions += 1
        return int(response.bresp)

    async def got(self) -> tuple[int, int]:
        response = await self._take(self.r, "read data")
        self.transactions += 1
        return int(response.rresp), int(response.rdata)

    async def write(self, name: str, data: int) -> None:
        self.post_write(4 * ADDRESS[name], data, 15)
        assert await self.written() == OKAY

    async def read(self, name: str) -> int:
        self.post_read(4 * ADDRESS[name])
        response, data = await self.got()
        assert response == OKAY
        return data

    def send(self, words: Sequence[int]) -> None:
        """One frame."""
        width = self.job.config.stream_bits // 8
        self.source.send_nowait(b"".join(word.to_bytes(width, "little") for word in words))

    async def sent(self) -> None:
        """All words sent have reached the array, and those that need no more time have been acted on."""
        for _ in range(PATIENCE):
            if self.source.idle():
                await ClockCycles(self.dut.aclk, self.job.config.activation_depth + 10)
                return
            await RisingEdge(self.dut.aclk)
        raise Hang(f"{self.source.count()} frames not taken in {PATIENCE} cycles")

    async def frame(self) -> list[int]:
        data = bytes((await self._take(self.sink, "output frame")).tdata)
        width = self.job.config.stream_bits // 8
        return [int.from_bytes(data[at : at + width], "little") for at in range(0, len(data), width)]

    def expected(self, name: str) -> int:
        """What a read of an idle machine without a network gives."""
        config, registers = self.job.config, self.registers
        constants = {
            "ID": ID_VALUE,
            "CONFIG": config_word(config),
            "CONFIG_HASH": config.fingerprint,
            "VERSION": VERSION,
            "STATUS": 1 | registers["error"] << 8,
        }
        return constants.get(name, registers.get(name, 0))

    def apply(self, name: str, data: int) -> None:
        """A write of byte 0 to an idle machine without a network."""
        registers, data = self.registers, data & 0xFF
        if name == "PE_SELECT":
            registers[name] = data & (1 << (self.job.config.pes - 1).bit_length()) - 1
        elif name == "IRQ_ENABLE":
            registers[name] = data & 3
        elif name == "IRQ_STATUS":
            registers[name] &= ~data
        elif name == "CONTROL" and data & SOFT_RESET:
            registers["error"] = 0
        elif name == "CONTROL" and data & START and not registers["error"]:
            registers["error"] = Error.START
            registers["IRQ_STATUS"] |= 2


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
