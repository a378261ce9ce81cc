"""The array behind AXI4-Lite alone, for hosts without DMA: the streams go through the stream window."""

from amaranth.hdl import ClockDomain, ClockSignal, Module, ResetSignal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.bus.axi_lite import AXI_LITE_PORTS, AxiLiteSlave
from hw.bus.windowed_array import WindowedArray
from model.config import ArrayConfig
from model.registers import REGISTERS, WINDOW_REGISTERS


class AxiLiteTop(wiring.Component):
    """An instance of the Verilog module `eie_array` behind a bus; one clock, `aclk`.

    A write takes 3 cycles, so that a 32-bit piece of a stream takes 3 cycles at best. See `AxiLiteSlave`.

    Parameters
    ----------
    config : sizes and organisation.

    Members
    -------
    aclk, aresetn : In(1), clock and synchronous reset, active low.
    s_axi_* : AXI4-Lite slave, registers and stream window.
    interrupt : Out(1), level, active high.
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        super().__init__(
            {
                "aclk": In(1),
                "aresetn": In(1),
                **{f"s_axi_{name}": member for name, member in AXI_LITE_PORTS.items()},
                "interrupt": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = ClockDomain()
        m.submodules.windowed = windowed = WindowedArray(self._config)
        m.submodules.registers = registers = AxiLiteSlave((*REGISTERS, *WINDOW_REGISTERS))
        m.d.comb += [ClockSignal().eq(self.aclk), ResetSignal().eq(~self.aresetn)]
        for name, member in AXI_LITE_PORTS.items():
            port, inner = getattr(self, f"s_axi_{name}"), getattr(registers, name)
            m.d.comb += inner.eq(port) if member.flow is In else port.eq(inner)
        m.d.comb += [
            windowed.address.eq(registers.reg_address),
            windowed.write.eq(registers.reg_write),
            windowed.write_data.eq(registers.reg_write_data),
            registers.reg_read_data.eq(windowed.read_data),
            self.interrupt.eq(windowed.interrupt),
        ]
        return m
