"""The central control unit (CCU): runs all layers of the layer table, then unloads the last one's outputs."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.interfaces import bits, broadcast_layout, layer_layout, write_back_layout
from hw.layer_table import LayerTable, layer_entry_layout, layer_write_layout
from hw.leading_nonzero import nonzero_layout
from model.config import ArrayConfig
from model.layouts import COUNTER_BITS, FLUSH_CYCLES, RUNNING_STATES, ControlState


class Controller(wiring.Component):
    """Sequences the PEs; docs/architecture.md, section 6, gives every state's cycles and actions.

    A layer takes 15 cycles, its out_rows, and the cycles in which activations are broadcast and worked off;
    at most one broadcast per cycle, registered once.

    Members, towards host and loader
    --------------------------------
    start_strobe : In(1); start, start_refused : Out(1), what became of it in the same cycle.
    loader_waiting : In(1), the loader waits for a header; layers : In, entries in the layer table.
    layer_write : In(layer_write_layout(config)).
    waiting, running, unloading : Out(1), states IDLE, PREFETCH_0 to FLUSH, UNLOAD_0 to UNLOAD.
    state, layer_number, row, bank, done, cycles, broadcasts, stalls : Out, registers.

    Members, towards the PEs (the Out ones are those of `ProcessingElementSignature`)
    ---------------------------------------------------------------------------------
    nonzero : In(nonzero_layout(pes)), root of the leading-nonzero tree.
    full, queue_empty : In(pes).
    begin_layer, layer, computing, read, read_row, take, broadcast, write_back : Out.
    clear : Out(pes), one-hot.

    Members, towards the unloader
    -----------------------------
    unload_row : Out(1), the PEs hold a row to be sent; last_row : Out(1), it is the last; row_done : In(1).
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        super().__init__(
            {
                "start_strobe": In(1),
                "start": Out(1),
                "start_refused": Out(1),
                "loader_waiting": In(1),
                "layers": In(bits(config.layers + 1)),
                "layer_write": In(layer_write_layout(config)),
                "waiting": Out(1),
                "running": Out(1),
                "unloading": Out(1),
                "state": Out(ControlState, init=ControlState.CLEAR),
                "layer_number": Out(bits(config.layers)),
                "row": Out(bits(config.activation_depth)),
                "bank": Out(1),
                "done": Out(1),
                "cycles": Out(COUNTER_BITS),
                "broadcasts": Out(COUNTER_BITS),
                "stalls": Out(COUNTER_BITS),
                "nonzero": In(nonzero_layout(config.pes)),
                "full": In(config.pes),
                "queue_empty": In(config.pes),
                "begin_layer": Out(1),
                "layer": Out(layer_layout(config)),
                "computing": Out(1),
                "read": Out(1),
                "read_row": Out(bits(config.activation_depth)),
                "take": Out(1),
                "clear": Out(config.pes),
                "broadcast": Out(broadcast_layout(config)),
                "write_back": Out(write_back_layout(config)),
                "unload_row": Out(1),
                "last_row": Out(1),
                "row_done": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, state, row = self._config, self.state, self.row
        m.submodules.layer_table = table = LayerTable(config)
        descriptor = Signal(layer_entry_layout(config))
        flush = Signal(range(FLUSH_CYCLES))
        last_out_row = row + 1 == descriptor.out_rows

        m.d.comb += [
            table.write.eq(self.layer_write),
            table.address.eq(self.layer_number),
            self.layer.layer.eq(self.layer_number),
            self.layer.bank.eq(self.bank),
            self.layer.bias_scale.eq(descriptor.bias_scale),
            self.layer.shift.eq(descriptor.shift),
            self.layer.relu.eq(descriptor.relu),
            self.waiting.eq(state == ControlState.IDLE),
            self.start.eq(self.start_strobe & self.waiting & self.loader_waiting & (self.layers != 0)),
            self.start_refused.eq(self.start_strobe & ~self.start),
            self.last_row.eq(last_out_row),
        ]
        with m.If(self.running):
            m.d.sync += self.cycles.eq(self.cycles + 1)
        m.d.sync += self.broadcast.valid.eq(0)

        with m.Switch(state):
            with m.Case(*RUNNING_STATES):
                m.d.comb += self.running.eq(1)
            with m.Case(ControlState.UNLOAD_0, ControlState.UNLOAD_1, ControlState.UNLOAD):
                m.d.comb += self.unloading.eq(1)

        with m.Switch(state):
            with m.Case(ControlState.CLEAR):
                m.d.comb += [self.write_back.valid.eq(1), self.write_back.row.eq(row)]
                with m.If(row == config.activation_depth - 1):
                    m.d.sync += state.eq(ControlState.IDLE)
                with m.Else():
                    m.d.sync += row.eq(row + 1)

            with m.Case(ControlState.IDLE), m.If(self.start):
                m.d.sync += [
                    self.layer_number.eq(0),
                    self.bank.eq(0),
                    self.done.eq(0),
                    self.cycles.eq(0),
                    self.broadcasts.eq(0),
                    self.stalls.eq(0),
                    state.eq(ControlState.PREFETCH_0),
                ]

            with m.Case(ControlState.PREFETCH_0):
                m.d.comb += [self.begin_layer.eq(1), self.read.eq(1), self.read_row.eq(0), table.read.eq(1)]
                m.d.sync += state.eq(ControlState.PREFETCH_1)

            with m.Case(ControlState.PREFETCH_1):
                m.d.comb += [self.take.eq(1), self.read.eq(1), self.read_row.eq(1)]
                m.d.sync += [descriptor.eq(table.entry), row.eq(0), state.eq(ControlState.BROADCAST)]

            with m.Case(ControlState.BROADCAST):
                m.d.comb += self.computing.eq(1)

            with m.Case(ControlState.DRAIN):
                m.d.comb += self.computing.eq(1)
                with m.If(~self.broadcast.valid & self.queue_empty.all()):
                    m.d.sync += [row.eq(0), state.eq(ControlState.WRITE_BACK)]

            with m.Case(ControlState.WRITE_BACK):
                m.d.comb += [
                    self.write_back.valid.eq(1),
                    self.write_back.row.eq(row),
                    self.write_back.address.eq(descriptor.bias_base + row),
                ]
                with m.If(last_out_row):
                    m.d.sync += state.eq(ControlState.FLUSH)
                with m.Else():
                    m.d.sync += row.eq(row + 1)

            with m.Case(ControlState.FLUSH):
                with m.If(flush == FLUSH_CYCLES - 1):
                    m.d.sync += [flush.eq(0), self.bank.eq(~self.bank)]
                    with m.If(self.layer_number + 1 == self.layers):
                        m.d.sync += [self.done.eq(1), state.eq(ControlState.UNLOAD_0)]
                    with m.Else():
                        m.d.sync += [self.layer_number.eq(self.layer_number + 1), state.eq(ControlState.PREFETCH_0)]
                with m.Else():
                    m.d.sync += flush.eq(flush + 1)

            with m.Case(ControlState.UNLOAD_0):
                m.d.comb += [self.read.eq(1), self.read_row.eq(0)]
                m.d.sync += state.eq(ControlState.UNLOAD_1)

            with m.Case(ControlState.UNLOAD_1):
                m.d.comb += [self.take.eq(1), self.read.eq(1), self.read_row.eq(1)]
                m.d.sync += [row.eq(0), state.eq(ControlState.UNLOAD)]

            with m.Case(ControlState.UNLOAD):
                m.d.comb += self.unload_row.eq(1)
                with m.If(self.row_done):
                    with m.If(last_out_row):
                        m.d.sync += state.eq(ControlState.IDLE)
                    with m.Else():
                        m.d.comb += [self.take.eq(1), self.read.eq(1), self.read_row.eq(row + 2)]
                        m.d.sync += row.eq(row + 1)

        self._elaborate_broadcast(m, descriptor, table)
        return m

    def _elaborate_broadcast(self, m: Module, descriptor, table: LayerTable):
        """One pending activation per cycle unless a queue is full; a row's successor waits in the PEs' read ports."""
        config, state, row, nonzero = self._config, self.state, self.row, self.nonzero
        column_base = Signal(bits(config.pointer_depth))
        fire = Signal()
        exhausted = Signal()
        with m.If(state == ControlState.PREFETCH_1):
            m.d.sync += column_base.eq(table.entry.pointer_base)
        with m.If(state == ControlState.BROADCAST):
            m.d.comb += [
                fire.eq(nonzero.valid & ~self.full.any()),
                exhausted.eq(~nonzero.valid | (fire & ~nonzero.more)),
            ]
            with m.If(nonzero.valid & ~fire):
                m.d.sync += self.stalls.eq(self.stalls + 1)
        with m.If(fire):
            m.d.comb += self.clear.eq(1 << nonzero.index)
            m.d.sync += [
                self.broadcast.valid.eq(1),
                self.broadcast.activation.eq(nonzero.activation),
                self.broadcast.pointer.eq(column_base + nonzero.index),
                self.broadcasts.eq(self.broadcasts + 1),
            ]
        with m.If(exhausted):
            with m.If(row + 1 == descriptor.in_rows):
                m.d.sync += state.eq(ControlState.DRAIN)
            with m.Else():
                m.d.comb += [self.take.eq(1), self.read.eq(1), self.read_row.eq(row + 2)]
                m.d.sync += [row.eq(row + 1), column_base.eq(column_base + config.pes)]
