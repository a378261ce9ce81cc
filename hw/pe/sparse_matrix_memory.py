"""The sparse-matrix memory and its read stages: rows of entries, read a row at a time."""

from functools import reduce
from operator import or_

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.block_memory import BlockMemory
from hw.interfaces import bits, write_layout
from model.config import ArrayConfig


class SparseMatrixMemory(wiring.Component):
    """Entries (weight code, zero run), `entries_per_row` to a row; EIE section IV, sparse matrix read unit.

    The row is kept in a register, so that the next entries of the same row need no read. Latency: `code` and `run` of
    an entry follow three cycles (A, M, S) after its row was presented. Throughput: an entry per cycle.

    Parameters
    ----------
    config : sizes of the array.

    Members
    -------
    write : one row.
    row_enable, row_address : stage A, the row to be read; without enable the row of the entry before is used.
    slot : stage M, the entry's slot, in the cycle after its stage A; past the last slot the entry is 0.
    none : with `maps`: stage M, no entry is wanted: it is 0.
    code, run : the entry, in registers, valid two cycles after `slot`.
    parity_error : stage S, the row that came into the row register has changed in the memory.
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        super().__init__(
            {
                "write": In(write_layout(bits(config.sparse_matrix_depth), config.row_bits)),
                "row_enable": In(1),
                "row_address": In(bits(config.sparse_matrix_depth)),
                "slot": In(config.slot_bits),
                "code": Out(config.code_bits),
                "run": Out(config.index_bits),
                "parity_error": Out(1),
                **({"none": In(1)} if config.maps else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        width = config.row_bits + config.parity
        m.submodules.rows = rows = BlockMemory(depth=config.sparse_matrix_depth, width=width)
        m_read = Signal()
        s_row = Signal(width)
        # One bit per slot chooses in two levels of logic where a slot number would take four.
        s_chosen = Signal(config.entries_per_row)
        chosen = [
            s_row.word_select(slot, config.entry_bits) & s_chosen[slot].replicate(config.entry_bits)
            for slot in range(config.entries_per_row)
        ]
        entry = Signal(config.entry_bits)
        slots = range(config.entries_per_row)
        m.d.comb += [
            rows.write.valid.eq(self.write.valid),
            rows.write.address.eq(self.write.address),
            rows.write.data.eq(self.write.data),
            rows.read_enable.eq(self.row_enable),
            rows.read_address.eq(self.row_address),
            entry.eq(reduce(or_, chosen)),
        ]
        m.d.sync += [
            m_read.eq(self.row_enable),
            s_chosen.eq(Cat((self.slot == slot) & ~self.none if config.maps else self.slot == slot for slot in slots)),
            self.code.eq(entry[: config.code_bits]),
            self.run.eq(entry[config.code_bits :]),
        ]
        with m.If(m_read):
            m.d.sync += s_row.eq(rows.read_data)
        if config.parity:
            s_read = Signal()
            m.d.sync += s_read.eq(m_read)
            m.d.comb += [
                rows.write.data.eq(Cat(self.write.data, self.write.data.xor())),
                self.parity_error.eq(s_read & s_row.xor()),
            ]
        return m
