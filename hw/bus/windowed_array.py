"""The array with a stream window: everything, streams included, through one register port."""

from amaranth.hdl import Const, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.array import array_signature
from hw.bus.stream_window import PIECE_BITS, StreamWindow
from hw.instance import VerilogInstance
from model.config import ArrayConfig
from model.registers import ADDRESS_BITS

ARRAY_MODULE = "eie_array"


class WindowedArray(wiring.Component):
    """An instance of the Verilog module `eie_array` behind a `StreamWindow`; reads have the array's latency.

    Parameters
    ----------
    config : sizes and organisation.

    Members
    -------
    address, write, write_data, read_data : the register port.
    interrupt : Out(1).
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        super().__init__(
            {
                "address": In(ADDRESS_BITS),
                "write": In(1),
                "write_data": In(PIECE_BITS),
                "read_data": Out(PIECE_BITS),
                "interrupt": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.array = array = VerilogInstance(ARRAY_MODULE, array_signature(self._config), Const(0))
        m.submodules.window = window = StreamWindow(self._config)
        wiring.connect(m, window.i, array.i)
        wiring.connect(m, array.o, window.o)
        m.d.comb += [
            window.address.eq(self.address),
            window.write.eq(self.write),
            window.write_data.eq(self.write_data),
            self.read_data.eq(window.read_data),
            array.reg_address.eq(window.reg_address),
            array.reg_write.eq(window.reg_write),
            array.reg_write_data.eq(window.reg_write_data),
            window.reg_read_data.eq(array.reg_read_data),
            array.i_last.eq(window.i_last),
            self.interrupt.eq(array.interrupt),
        ]
        return m
