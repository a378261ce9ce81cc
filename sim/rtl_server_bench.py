"""The simulator's side of `sim.rtl_transport`: does what comes over a socket to the RTL, and answers.

While nobody asks, simulated time stands still.
"""

import os
from multiprocessing.connection import Client
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from model.config import ArrayConfig
from model.stepped.signals import Inputs
from sim.cosim_bench import RtlOutputs, apply_inputs
from sw.transports.port_host import PortHost
from sw.transports.transport import TransportError


@cocotb.test()
async def serve(dut: Any) -> None:
    """Serve one client to its end; a request is the name of a program of `PortHost` and its arguments."""
    with Client(os.environ["EIE_SOCKET"], "AF_UNIX") as client:
        config: ArrayConfig = client.recv()
        host = PortHost(config)
        rtl = RtlOutputs(dut, config)
        Clock(dut.clk, 10, "ns").start(start_high=False)
        previous: Inputs | None = None
        while True:
            try:
                name, arguments = client.recv()
            except EOFError:
                return
            try:
                program = getattr(host, name)(*arguments)
                inputs = next(program)
                while True:
                    apply_inputs(dut, inputs, previous)
                    previous = inputs
                    await RisingEdge(dut.clk)
                    inputs = program.send(rtl)
            except StopIteration as stop:
                client.send((True, stop.value))
            except TransportError as error:
                client.send((False, str(error)))
