"""What the tests of hardware units share: one clock, inputs set, outputs read before the edge."""

import warnings

from amaranth.sim import Simulator


def simulate(dut, testbench) -> None:
    """Run the testbench coroutine function to its end; a testbench that returns early fails in `testbench` itself."""
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    finished = []

    async def run(ctx):
        await testbench(ctx)
        finished.append(True)

    simulator.add_testbench(run)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        simulator.run()
    assert finished


def write(ctx, port, address=None, value=0) -> None:
    """Set a `write_layout` port for this cycle; without an address nothing is written."""
    ctx.set(port.valid, address is not None)
    if address is not None:
        ctx.set(port.address, address)
        ctx.set(port.data, value)
