"""The cocotb test bench of `sim.rtl.line`: a UART written plainly, at the pins of the board's design."""

from collections import deque
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge

from sim.rtl.server import connect, serve
from sw.host.transports.transport import TransportError

CLOCK_NS = 10
FRAME_BITS = 10


@cocotb.test()
async def serve_line(dut: Any) -> None:
    """Requests: write (bytes) and read (how many)."""
    connection, hello = connect()
    divisor, patience = hello
    received: deque[int] = deque()
    framing: list[int] = []

    async def listen() -> None:
        while True:
            await FallingEdge(dut.tx)
            await ClockCycles(dut.clk, divisor + divisor // 2)
            byte = 0
            for number in range(8):
                byte |= int(dut.tx.value) << number
                await ClockCycles(dut.clk, divisor)
            if not int(dut.tx.value):
                framing.append(byte)
            received.append(byte)

    async def handle(name: str, arguments: tuple[Any, ...]) -> Any:
        (argument,) = arguments
        if name == "write":
            for byte in argument:
                for bit in (0, *(byte >> number & 1 for number in range(8)), 1):
                    dut.rx.value = bit
                    await ClockCycles(dut.clk, divisor)
            return None
        silent = 0
        while len(received) < argument and silent < patience:
            before = len(received)
            await ClockCycles(dut.clk, FRAME_BITS * divisor)
            silent = silent + 1 if len(received) == before else 0
        if framing:
            raise TransportError(f"the board sent a frame without a stop bit, after {framing[0]:#04x}")
        return bytes(received.popleft() for _ in range(min(argument, len(received))))

    dut.rx.value = 1
    Clock(dut.clk, CLOCK_NS, "ns").start(start_high=False)
    await ClockCycles(dut.clk, 32)
    cocotb.start_soon(listen())
    await serve(connection, handle)
