"""The AXI machine under the bus models of cocotbext-axi, and what its registers should hold."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import cocotb
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

from hw.bus.axi_lite import OKAY
from hw.control.host_registers import config_word
from model.config import ArrayConfig
from model.registers import ADDRESS, ID_VALUE, VERSION, Error

PATIENCE = 3000  # cycles until a missing answer counts as a hang
START, SOFT_RESET = 1, 2


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
