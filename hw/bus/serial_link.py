"""The serial link: register accesses over a UART, for boards without a processor (`model.serial_protocol`)."""

from amaranth import Cat, Module, Signal
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

from hw.bus.uart import UART_FRAME_BITS, UartReceiver, UartTransmitter
from model.registers import ADDRESS, ADDRESS_BITS, READ_LATENCY
from model.serial_protocol import DONE, TIMEOUT_BYTES, UNKNOWN, WORD_BYTES, Command

WORD_BITS = 8 * WORD_BYTES


class LinkState(enum.Enum):
    """What the link waits for or does."""

    COMMAND = 0
    ADDRESS = 1
    COUNT = 2
    VALUE = 3  # four bytes
    FETCH = 4  # a register read is on its way
    ANSWER = 5  # four bytes
    FINISH = 6  # one byte, DONE or UNKNOWN


class SerialLink(wiring.Component):
    """Executes the commands of `model.serial_protocol`, one at a time, each to its end.

    Throughput: as many bytes as the line carries; a byte is handled in one cycle, a register read takes READ_LATENCY.

    Parameters
    ----------
    divisor : clock cycles per bit, at least 4.

    Members
    -------
    rx, tx : the lines; high when idle.
    address, write, write_data, read_data : towards the register port of a `StreamWindow`.
    """

    def __init__(self, divisor: int):
        self._divisor = divisor
        super().__init__(
            {
                "rx": In(1),
                "tx": Out(1, init=1),
                "address": Out(ADDRESS_BITS),
                "write": Out(1),
                "write_data": Out(WORD_BITS),
                "read_data": In(WORD_BITS),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.receiver = receiver = UartReceiver(self._divisor)
        m.submodules.transmitter = transmitter = UartTransmitter(self._divisor)
        state = Signal(LinkState)
        command = Signal(8)
        address = Signal(ADDRESS_BITS)
        pieces = Signal(8)  # still to come or to go, of SEND, SEND_LAST and GET
        byte = Signal(range(WORD_BYTES))
        value = Signal(WORD_BITS)
        fetched = Signal(range(READ_LATENCY + 1))
        reply = Signal(8)
        timeout = UART_FRAME_BITS * TIMEOUT_BYTES * self._divisor
        silence = Signal(range(timeout + 1))
        write = Signal()
        pop = Signal()
        came, received = receiver.o.valid, receiver.o.payload
        m.d.comb += [
            receiver.rx.eq(self.rx),
            self.tx.eq(transmitter.tx),
            receiver.o.ready.eq(1),
            self.address.eq(address),
            self.write.eq(write | pop),
            self.write_data.eq(value),
        ]
        with m.If(pop):
            m.d.comb += self.address.eq(ADDRESS["STREAM_POP"])
        m.d.sync += write.eq(0)

        with m.Switch(state):
            with m.Case(LinkState.COMMAND):
                m.d.sync += [command.eq(received), byte.eq(0), fetched.eq(0)]
                with m.If(came), m.Switch(received):
                    with m.Case(Command.READ, Command.WRITE):
                        m.d.sync += [pieces.eq(1), state.eq(LinkState.ADDRESS)]
                    with m.Case(Command.SEND, Command.SEND_LAST):
                        m.d.sync += [address.eq(ADDRESS["STREAM_IN"]), state.eq(LinkState.COUNT)]
                    with m.Case(Command.GET):
                        m.d.sync += [address.eq(ADDRESS["STREAM_OUT"]), state.eq(LinkState.COUNT)]
                    with m.Default():
                        m.d.sync += [reply.eq(UNKNOWN), state.eq(LinkState.FINISH)]

            with m.Case(LinkState.ADDRESS), m.If(came):
                m.d.sync += address.eq(received)
                with m.If(command == Command.READ):
                    m.d.sync += state.eq(LinkState.FETCH)
                with m.Else():
                    m.d.sync += state.eq(LinkState.VALUE)

            with m.Case(LinkState.COUNT), m.If(came):
                m.d.sync += pieces.eq(received)
                with m.If(received == 0):
                    m.d.sync += [reply.eq(UNKNOWN), state.eq(LinkState.FINISH)]
                with m.Elif(command == Command.GET):
                    m.d.sync += state.eq(LinkState.FETCH)
                with m.Else():
                    m.d.sync += state.eq(LinkState.VALUE)

            with m.Case(LinkState.VALUE), m.If(came):
                m.d.sync += [value.eq(Cat(value[8:], received)), byte.eq(byte + 1)]
                with m.If(byte == WORD_BYTES - 1):
                    m.d.sync += [write.eq(1), pieces.eq(pieces - 1)]
                    with m.If(pieces == 1):
                        m.d.sync += [reply.eq(DONE), state.eq(LinkState.FINISH)]
                        with m.If(command == Command.SEND_LAST):
                            m.d.sync += address.eq(ADDRESS["STREAM_LAST"])

            with m.Case(LinkState.FETCH):
                m.d.sync += fetched.eq(fetched + 1)
                with m.If(fetched == READ_LATENCY):
                    m.d.sync += [fetched.eq(0), value.eq(self.read_data), state.eq(LinkState.ANSWER)]
                    m.d.comb += pop.eq(command == Command.GET)

            with m.Case(LinkState.ANSWER):
                m.d.comb += [transmitter.i.valid.eq(1), transmitter.i.payload.eq(value[:8])]
                with m.If(transmitter.i.ready):
                    m.d.sync += [value.eq(value >> 8), byte.eq(byte + 1)]
                    with m.If(byte == WORD_BYTES - 1):
                        m.d.sync += [pieces.eq(pieces - 1), state.eq(LinkState.FETCH)]
                        with m.If(pieces == 1):
                            m.d.sync += state.eq(LinkState.COMMAND)

            with m.Case(LinkState.FINISH):
                m.d.comb += [transmitter.i.valid.eq(1), transmitter.i.payload.eq(reply)]
                with m.If(transmitter.i.ready):
                    m.d.sync += state.eq(LinkState.COMMAND)

        awaiting = (state == LinkState.ADDRESS) | (state == LinkState.COUNT) | (state == LinkState.VALUE)
        with m.If(~awaiting | came):
            m.d.sync += silence.eq(0)
        with m.Elif(silence == timeout):
            m.d.sync += state.eq(LinkState.COMMAND)
        with m.Else():
            m.d.sync += silence.eq(silence + 1)
        return m
