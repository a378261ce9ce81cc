"""A UART, 8 data bits, no parity, one stop bit: bytes to and from a serial line."""

from amaranth import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

UART_FRAME_BITS = 10  # start, data, stop
MIN_DIVISOR = 4


def _checked(divisor: int) -> int:
    if divisor < MIN_DIVISOR:
        raise ValueError(f"a bit must last at least {MIN_DIVISOR} clock cycles, got {divisor}")
    return divisor


class UartReceiver(wiring.Component):
    """Bytes of a serial line. A byte is offered for one cycle, in the middle of its stop bit, and is gone then.

    A byte whose stop bit is 0 is dropped. Latency: 9.5 bits from the edge of the start bit, and 3 cycles.

    Parameters
    ----------
    divisor : clock cycles per bit, at least 4.

    Members
    -------
    rx : the line, not synchronised.
    o : Out(stream of 8 bits); `ready` is not waited for.
    """

    def __init__(self, divisor: int):
        self._divisor = _checked(divisor)
        super().__init__({"rx": In(1), "o": Out(stream.Signature(8))})

    def elaborate(self, platform):
        m = Module()
        line = Signal(init=1)
        m.submodules.synchroniser = FFSynchronizer(self.rx, line, init=1)
        bits_left = Signal(range(UART_FRAME_BITS + 1))
        timer = Signal(range(self._divisor))
        byte = Signal(8)
        m.d.comb += self.o.payload.eq(byte)
        with m.If(bits_left == 0):
            m.d.sync += timer.eq(self._divisor // 2 - 1)
            with m.If(~line):
                m.d.sync += bits_left.eq(UART_FRAME_BITS)
        with m.Elif(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Else():
            m.d.sync += [timer.eq(self._divisor - 1), bits_left.eq(bits_left - 1)]
            with m.If(bits_left == 1):
                m.d.comb += self.o.valid.eq(line)
            with m.Elif((bits_left == UART_FRAME_BITS) & line):
                m.d.sync += bits_left.eq(0)  # a glitch, no start bit
            with m.Else():
                m.d.sync += byte.eq(Cat(byte[1:], line))
        return m


class UartTransmitter(wiring.Component):
    """Sends bytes on a serial line. Throughput: a byte per 10 bits; `ready` in a frame's last cycle and between frames.

    Parameters
    ----------
    divisor : clock cycles per bit, at least 4.

    Members
    -------
    i : In(stream of 8 bits).
    tx : the line, a register; high when idle.
    """

    def __init__(self, divisor: int):
        self._divisor = _checked(divisor)
        super().__init__({"i": In(stream.Signature(8)), "tx": Out(1, init=1)})

    def elaborate(self, platform):
        m = Module()
        bits_left = Signal(range(UART_FRAME_BITS + 1))
        timer = Signal(range(self._divisor))
        frame = Signal(UART_FRAME_BITS - 1)
        m.d.comb += self.i.ready.eq((bits_left == 0) | ((bits_left == 1) & (timer == 0)))
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [
                self.tx.eq(0),
                frame.eq(Cat(self.i.payload, 1)),
                bits_left.eq(UART_FRAME_BITS),
                timer.eq(self._divisor - 1),
            ]
        with m.Elif(bits_left != 0):
            with m.If(timer != 0):
                m.d.sync += timer.eq(timer - 1)
            with m.Else():
                m.d.sync += [
                    timer.eq(self._divisor - 1),
                    bits_left.eq(bits_left - 1),
                    self.tx.eq(frame[0]),
                    frame.eq(Cat(frame[1:], 1)),
                ]
        return m
