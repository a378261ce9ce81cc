"""The array behind a serial line: a whole design for a board with a clock and a UART."""

from amaranth.hdl import ClockDomain, ClockSignal, Module, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.bus.serial_link import SerialLink
from hw.bus.windowed_array import WindowedArray
from model.config import ArrayConfig

RESET_CYCLES = 16  # after configuration, when an FPGA's registers hold their initial values


class SerialTop(wiring.Component):
    """An instance of the Verilog module `eie_array` behind `SerialLink`; resets itself after power-on.

    Parameters
    ----------
    config : sizes and organisation.
    divisor : clock cycles per bit of the line, at least 4.

    Members
    -------
    clk : In(1).
    rx, tx : the serial line, 8N1.
    alive : Out(1), blinks: a cycle of it takes 2^24 clock cycles.
    interrupt : Out(1), level, active high.
    """

    def __init__(self, config: ArrayConfig, divisor: int):
        self._config = config
        self._divisor = divisor
        super().__init__({"clk": In(1), "rx": In(1), "tx": Out(1), "alive": Out(1), "interrupt": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = ClockDomain()
        m.domains.power_on = power_on = ClockDomain(reset_less=True)
        m.submodules.windowed = windowed = WindowedArray(self._config)
        m.submodules.link = link = SerialLink(self._divisor)
        reset_left = Signal(range(RESET_CYCLES + 1), init=RESET_CYCLES)
        blink = Signal(24)
        with m.If(reset_left != 0):
            m.d.power_on += reset_left.eq(reset_left - 1)
        m.d.sync += blink.eq(blink + 1)
        m.d.comb += [
            ClockSignal().eq(self.clk),
            power_on.clk.eq(self.clk),
            ResetSignal().eq(reset_left != 0),
            link.rx.eq(self.rx),
            self.tx.eq(link.tx),
            windowed.address.eq(link.address),
            windowed.write.eq(link.write),
            windowed.write_data.eq(link.write_data),
            link.read_data.eq(windowed.read_data),
            self.alive.eq(blink[-1]),
            self.interrupt.eq(windowed.interrupt),
        ]
        return m
