"""The stream window: both streams through registers, for hosts without AXI4-Stream or DMA."""

from amaranth import Cat, Module, Mux, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from hw.control.unloader import output_layout
from model.config import ArrayConfig
from model.registers import ADDRESS, ADDRESS_BITS, WINDOW_START, Control

PIECE_BITS = 32
DEPTH = 512  # pieces in each direction: one block RAM each on most devices


class StreamWindow(wiring.Component):
    """Sits between a host's register port and the array; answers `model.registers.WINDOW_REGISTERS` itself.

    A piece written in cycle t is at the array in t + 4 or later, one piece per cycle; an output word is taken apart at
    a piece per cycle. Register reads keep the array's latency. A soft reset empties both directions.

    Parameters
    ----------
    config : sizes of the array.

    Members
    -------
    address, write, write_data, read_data : the host's register port, as the array's.
    reg_address, reg_write, reg_write_data, reg_read_data : towards the array.
    i, i_last : Out, towards the array's input.
    o : In, from the array's output.
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        super().__init__(
            {
                "address": In(ADDRESS_BITS),
                "write": In(1),
                "write_data": In(PIECE_BITS),
                "read_data": Out(PIECE_BITS),
                "reg_address": Out(ADDRESS_BITS),
                "reg_write": Out(1),
                "reg_write_data": Out(PIECE_BITS),
                "reg_read_data": In(PIECE_BITS),
                "i": Out(stream.Signature(config.stream_bits)),
                "i_last": Out(1),
                "o": In(stream.Signature(output_layout(config))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        pieces = self._config.stream_bits // PIECE_BITS
        reset = Signal()

        def fifo(name: str, width: int) -> SyncFIFOBuffered:
            queue = SyncFIFOBuffered(width=width, depth=DEPTH)
            m.submodules[name] = ResetInserter(reset)(queue)
            return queue

        in_pieces = fifo("in_pieces", PIECE_BITS + 1)  # the top bit says that the piece came through STREAM_LAST
        out_pieces = fifo("out_pieces", PIECE_BITS)

        written = {name: Signal(name=f"write_{name.lower()}") for name in ADDRESS if ADDRESS[name] >= WINDOW_START}
        for name, strobe in written.items():
            m.d.comb += strobe.eq(self.write & (self.address == ADDRESS[name]))
        m.d.comb += [
            reset.eq(self.write & (self.address == ADDRESS["CONTROL"]) & self.write_data[Control.RESET]),
            self.reg_address.eq(self.address),
            self.reg_write.eq(self.write & (self.address < WINDOW_START)),
            self.reg_write_data.eq(self.write_data),
            in_pieces.w_en.eq(written["STREAM_IN"] | written["STREAM_LAST"]),
            in_pieces.w_data.eq(Cat(self.write_data, written["STREAM_LAST"])),
            out_pieces.r_en.eq(written["STREAM_POP"]),
        ]

        lost = Signal()
        with m.If(in_pieces.w_en & ~in_pieces.w_rdy):
            m.d.sync += lost.eq(1)
        with m.Elif(written["STREAM_STATUS"] | reset):
            m.d.sync += lost.eq(0)

        taken = self._assemble(m, in_pieces, pieces, reset)
        self._read(m, in_pieces, taken, out_pieces, lost)
        self._take_apart(m, out_pieces, pieces, reset)
        return m

    def _read(self, m: Module, in_pieces: SyncFIFOBuffered, taken: Signal, out_pieces: SyncFIFOBuffered, lost: Signal):
        """The address is registered, then the value it selects, as in the array."""
        read_address = Signal(ADDRESS_BITS)
        own = Signal()
        value = Signal(PIECE_BITS)
        m.d.sync += [read_address.eq(self.address), own.eq(read_address >= WINDOW_START), value.eq(0)]
        with m.Switch(read_address):
            with m.Case(ADDRESS["STREAM_STATUS"]):
                room, available = Signal(15), Signal(15)
                m.d.comb += [room.eq(DEPTH - in_pieces.w_level), available.eq(out_pieces.r_level)]
                m.d.sync += value.eq(Cat(room, taken, available, lost))
            with m.Case(ADDRESS["STREAM_OUT"]):
                m.d.sync += value.eq(Mux(out_pieces.r_rdy, out_pieces.r_data, 0))
        m.d.comb += self.read_data.eq(Mux(own, value, self.reg_read_data))

    def _assemble(self, m: Module, in_pieces: SyncFIFOBuffered, pieces: int, reset: Signal) -> Signal:
        """Pieces to words, the lowest bits first; the last piece of a word says whether the word is the last.

        What is returned says that the array has taken every piece that was written.
        """
        word = Signal(self._config.stream_bits)
        count = Signal(range(pieces + 1))
        whole = Signal()
        m.d.comb += [
            whole.eq(count == pieces),
            self.i.valid.eq(whole),
            self.i.payload.eq(word),
            in_pieces.r_en.eq(~whole | self.i.ready),
        ]
        with m.If(in_pieces.r_rdy & in_pieces.r_en):
            m.d.sync += [
                word.eq(Cat(word[PIECE_BITS:], in_pieces.r_data[:PIECE_BITS])),
                self.i_last.eq(in_pieces.r_data[PIECE_BITS]),
                count.eq(Mux(whole, 1, count + 1)),
            ]
        with m.Elif(whole & self.i.ready):
            m.d.sync += count.eq(0)
        with m.If(reset):
            m.d.sync += count.eq(0)
        taken = Signal()
        m.d.comb += taken.eq((in_pieces.w_level == 0) & (count == 0))
        return taken

    def _take_apart(self, m: Module, out_pieces: SyncFIFOBuffered, pieces: int, reset: Signal):
        """Words to pieces; a word is held here until its last piece is in the queue."""
        word = Signal(self._config.stream_bits)
        left = Signal(range(pieces + 1))
        m.d.comb += [
            self.o.ready.eq(left == 0),
            out_pieces.w_en.eq(left != 0),
            out_pieces.w_data.eq(word[:PIECE_BITS]),
        ]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [word.eq(self.o.payload.data), left.eq(pieces)]
        with m.Elif((left != 0) & out_pieces.w_rdy):
            m.d.sync += [word.eq(word >> PIECE_BITS), left.eq(left - 1)]
        with m.If(reset):
            m.d.sync += left.eq(0)
