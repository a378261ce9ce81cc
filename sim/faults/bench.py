"""The cocotb test bench of `sim.faults.campaign`: trials of one network, each with a bit upset on the way."""

from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, RisingEdge

from model.config import ArrayConfig
from model.stepped.signals import Inputs
from sim.faults.trial import Seen, Trial, Upset, run_trial
from sim.rtl.cosim_bench import RtlOutputs, apply_inputs
from sim.rtl.server import connect, serve


@cocotb.test()
async def serve_trials(dut: Any) -> None:
    """A request is "reset", or "trial" with an Upset or None; answers to trials are what was seen."""
    connection, hello = connect()
    config: ArrayConfig = hello[0]
    trial: Trial = hello[1]
    rtl = RtlOutputs(dut, config)
    handles: dict[tuple[str, ...], Any] = {}
    Clock(dut.clk, 10, "ns").start(start_high=False)
    previous: Inputs | None = None

    async def cycle(inputs: Inputs) -> None:
        nonlocal previous
        apply_inputs(dut, inputs, previous)
        previous = inputs
        await RisingEdge(dut.clk)

    def upset(bit: Upset) -> None:
        """In the middle of a cycle: what the registers got at its beginning is there, and is still to be used."""
        handle = handles.get(bit.path)
        if handle is None:
            handle = dut
            for name in bit.path:
                # Icarus takes the name of a register that is called as its module for the module.
                handle = {child._name: child for child in handle}[name]
            handles[bit.path] = handle
        if bit.word is not None:
            handle = handle[bit.word]
        handle.value = int(handle.value) ^ (1 << bit.bit)

    async def handle(name: str, arguments: tuple[Any, ...]) -> Seen | None:
        if name == "reset":
            await cycle(Inputs(reset=1))
            await cycle(Inputs(reset=1))
            return None
        bit: Upset | None = arguments[0]
        program = run_trial(trial)
        inputs = next(program)
        number = 0
        try:
            while True:
                if bit is not None and number == bit.cycle:
                    apply_inputs(dut, inputs, previous)
                    await FallingEdge(dut.clk)
                    upset(bit)
                await cycle(inputs)
                inputs = program.send(rtl)
                number += 1
        except StopIteration as stop:
            return stop.value

    await serve(connection, handle)
