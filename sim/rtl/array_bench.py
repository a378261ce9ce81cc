"""The cocotb test bench of `sim.rtl.transport`: the bare array, driven through `PortHost`."""

from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from model.config import ArrayConfig
from model.stepped.signals import Inputs
from sim.rtl.cosim_bench import RtlOutputs, apply_inputs
from sim.rtl.server import connect, serve
from sw.host.transports.port_host import PortHost


@cocotb.test()
async def serve_array(dut: Any) -> None:
    """A request is the name of a program of `PortHost` and its arguments."""
    connection, hello = connect()
    config: ArrayConfig = hello
    host = PortHost(config)
    rtl = RtlOutputs(dut, config)
    Clock(dut.clk, 10, "ns").start(start_high=False)
    previous: Inputs | None = None

    async def handle(name: str, arguments: tuple[Any, ...]) -> Any:
        nonlocal previous
        program = getattr(host, name)(*arguments)
        try:
            inputs = next(program)
            while True:
                apply_inputs(dut, inputs, previous)
                previous = inputs
                await RisingEdge(dut.clk)
                inputs = program.send(rtl)
        except StopIteration as stop:
            return stop.value

    await serve(connection, handle)
