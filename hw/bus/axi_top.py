"""The array behind AXI4-Lite and AXI4-Stream, with the port names that block-design tools recognise."""

from amaranth.hdl import Cat, ClockDomain, ClockSignal, Const, Module, ResetInserter, ResetSignal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.array import array_signature
from hw.bus.axi_lite import AXI_LITE_PORTS, AxiLiteSlave
from hw.bus.axi_stream import OutputFrames, SkidBuffer
from hw.bus.windowed_array import ARRAY_MODULE
from hw.instance import VerilogInstance
from model.config import ArrayConfig
from model.registers import ADDRESS, REGISTERS, Control


class AxiTop(wiring.Component):
    """An instance of the Verilog module `eie_array` with buses around it; one clock, `aclk`.

    TLAST of the input is `i_last`; a host without it ties it to 0. TLAST of the output marks the last word of a run. A
    soft reset drops the input words that have not reached the array; a host stops its input stream before it. See
    `AxiLiteSlave` and `OutputFrames` for the rest.

    Parameters
    ----------
    config : sizes and organisation.

    Members
    -------
    aclk, aresetn : In(1), clock and synchronous reset, active low.
    s_axi_* : AXI4-Lite slave, registers.
    s_axis_tdata, tvalid, tready, tlast : AXI4-Stream slave, packets; m_axis_* : AXI4-Stream master, outputs.
    interrupt : Out(1), level, active high.
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        super().__init__(
            {
                "aclk": In(1),
                "aresetn": In(1),
                **{f"s_axi_{name}": member for name, member in AXI_LITE_PORTS.items()},
                "s_axis_tdata": In(config.stream_bits),
                "s_axis_tvalid": In(1),
                "s_axis_tready": Out(1),
                "s_axis_tlast": In(1),
                "m_axis_tdata": Out(config.stream_bits),
                "m_axis_tvalid": Out(1),
                "m_axis_tready": In(1),
                "m_axis_tlast": Out(1),
                "interrupt": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = ClockDomain()
        m.submodules.array = array = VerilogInstance(ARRAY_MODULE, array_signature(self._config), Const(0))
        m.submodules.registers = registers = AxiLiteSlave(REGISTERS)
        m.submodules.output = output = OutputFrames(self._config)
        soft_reset = registers.reg_write & (registers.reg_address == ADDRESS["CONTROL"])
        soft_reset = soft_reset & registers.reg_write_data[Control.RESET]
        words = SkidBuffer(self._config.stream_bits + 1)
        m.submodules.input = ResetInserter(soft_reset)(words)

        m.d.comb += [ClockSignal().eq(self.aclk), ResetSignal().eq(~self.aresetn)]
        for name, member in AXI_LITE_PORTS.items():
            port, inner = getattr(self, f"s_axi_{name}"), getattr(registers, name)
            m.d.comb += inner.eq(port) if member.flow is In else port.eq(inner)
        m.d.comb += [
            array.reg_address.eq(registers.reg_address),
            array.reg_write.eq(registers.reg_write),
            array.reg_write_data.eq(registers.reg_write_data),
            registers.reg_read_data.eq(array.reg_read_data),
            self.interrupt.eq(array.interrupt),
            words.i.payload.eq(Cat(self.s_axis_tdata, self.s_axis_tlast)),
            words.i.valid.eq(self.s_axis_tvalid),
            self.s_axis_tready.eq(words.i.ready),
            Cat(array.i.payload, array.i_last).eq(words.o.payload),
            array.i.valid.eq(words.o.valid),
            words.o.ready.eq(array.i.ready),
            output.soft_reset.eq(soft_reset),
            self.m_axis_tdata.eq(output.o.payload.data),
            self.m_axis_tlast.eq(output.o.payload.last),
            self.m_axis_tvalid.eq(output.o.valid),
            output.o.ready.eq(self.m_axis_tready),
        ]
        wiring.connect(m, array.o, output.i)
        return m
