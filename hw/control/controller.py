"""The central control unit (CCU): runs all layers of the layer table, then unloads the last one's outputs."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.control.broadcast import decide_broadcasts
from hw.control.layer_table import LayerTable, layer_entry_layout, layer_write_layout
from hw.control.leading_nonzero import nonzero_layout
from hw.control.loop_counter import LoopCounter
from hw.control.map_sequencing import MOVING, sequence_maps
from hw.control.selection import select_layout
from hw.interfaces import FUNCTIONS, MAPS, OPERATIONS, SEQUENCING, bits, driven_ports, fullness_bits
from model.config import ArrayConfig
from model.function_descriptor import ITERATION_BITS
from model.layouts import COUNTER_BITS, RUNNING_STATES, ControlState, flush_cycles, patience_bits


class Controller(wiring.Component):
    """Sequences the PEs; docs/contract/architecture.md, section 6, gives every state's cycles and actions.

    A layer takes 20 cycles (with `maps` 25, with `functions` 30), its out_rows, and the cycles in which activations are
    broadcast and worked off; at most `broadcasts_per_cycle` broadcasts per cycle, registered twice.

    Members, towards host and loader
    --------------------------------
    start_strobe : In(1) with resume, hold : In(1); accepted, start_refused : Out(1), what became of it in the same
        cycle.
    loader_waiting : In(1), the loader waits for a header; layers : In, entries in the layer table.
    layer_write : In(layer_write_layout(config)).
    waiting, running, unloading : Out(1), states IDLE, PREFETCH_0 to FLUSH, UNLOAD_0 to UNLOAD.
    finished : Out(1), `done` becomes 1 at the end of this cycle.
    fault : Out(1), in this cycle the run is given up.
    state, layer_number, row, bank, holding, done, cycles, broadcasts, stalls : Out, registers.

    Members, towards the PEs
    ------------------------
    Those named in `SEQUENCING` and `OPERATIONS`, with `maps` in `MAPS`, with `functions` in `FUNCTIONS`, of
    `ProcessingElementSignature`.
    nonzero : In(nonzero_layout(pes, broadcasts_per_cycle)), root of the leading-nonzero tree.
    chosen : In(pes), the PEs it names; current : In(ArrayLayout(activation_bits, pes)).
    full : In(ArrayLayout(fullness_bits(config), pes)); queue_empty : In(pes).
    clear : Out(pes), the PEs whose activations are selected.
    pending : In(pes), with `maps`: the PEs that have an activation to be selected.
    output_row : Out, with `maps`: activation-memory address of the output that is in stage O, with `functions` in
        stage L, in the next cycle.
    iteration, source_offset, result_offset : Out, with `functions`: registers.
    selected : Out, the select register.

    Members, towards the unloader
    -----------------------------
    unload_row : Out(1), the PEs hold a row to be sent; last_row : Out(1), it is the last; row_done : In(1).
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        self._most_rows = max(config.activation_depth, config.accumulators)
        broadcasts = config.broadcasts_per_cycle
        maps = {"pending": In(config.pes), "output_row": Out(bits(config.activation_depth))}
        functions = {
            **dict.fromkeys(MOVING, Out(bits(config.activation_depth))),
            "iteration": Out(ITERATION_BITS),
        }
        super().__init__(
            {
                "start_strobe": In(1),
                "resume": In(1),
                "hold": In(1),
                "accepted": Out(1),
                "start_refused": Out(1),
                "loader_waiting": In(1),
                "layers": In(bits(config.layers + 1)),
                "layer_write": In(layer_write_layout(config)),
                "waiting": Out(1),
                "running": Out(1),
                "unloading": Out(1),
                "finished": Out(1),
                "fault": Out(1),
                "state": Out(ControlState, init=ControlState.CLEAR),
                "layer_number": Out(bits(config.layers)),
                "row": Out(bits(self._most_rows)),
                "bank": Out(1),
                "holding": Out(1),
                "done": Out(1),
                "cycles": Out(COUNTER_BITS),
                "broadcasts": Out(COUNTER_BITS),
                "stalls": Out(COUNTER_BITS),
                "nonzero": In(nonzero_layout(config.pes, broadcasts)),
                "chosen": In(config.pes),
                "current": In(data.ArrayLayout(config.activation_bits, config.pes)),
                "full": In(data.ArrayLayout(fullness_bits(config), config.pes)),
                "queue_empty": In(config.pes),
                **driven_ports(config, (*SEQUENCING, *OPERATIONS, *(MAPS if config.maps else ()))),
                **driven_ports(config, FUNCTIONS if config.functions else ()),
                **(maps if config.maps else {}),
                **(functions if config.functions else {}),
                "clear": Out(config.pes),
                "selected": Out(select_layout(config)),
                "unload_row": Out(1),
                "last_row": Out(1),
                "row_done": In(1),
            }
        )
        self._is_last = Signal(name="is_last")  # row is the last of in_rows or out_rows, whatever is being counted

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.layer_table = table = LayerTable(config)
        descriptor = Signal(layer_entry_layout(config))
        flush = Signal(range(flush_cycles(config) + (1 if config.maps else 0)))
        bias_address = Signal(bits(config.constant_depth))
        exhausted, stalled = decide_broadcasts(m, self, config, table, descriptor)
        patience = Signal(patience_bits(config))  # spent on queues that do not move

        m.d.sync += [self.read.eq(0), self.shift.eq(0)]
        loops = None
        if config.maps:
            loops = sequence_maps(m, self, config, table, descriptor, bias_address, flush)
        else:
            with m.If(self.read):
                last_row = config.activation_depth - 1
                m.d.sync += self.read_row.eq(Mux(self.read_row == last_row, 0, self.read_row + 1))
        self._elaborate_outputs(m, table, descriptor, bias_address)
        with m.If(self.running):
            m.d.sync += self.cycles.eq(self.cycles + 1)
        with m.If(stalled | (self.state == ControlState.DRAIN)):
            m.d.sync += patience.eq(patience + 1)
        with m.Else():
            m.d.sync += patience.eq(0)

        with m.Switch(self.state):
            with m.Case(*RUNNING_STATES):
                m.d.comb += self.running.eq(1)
            with m.Case(ControlState.UNLOAD_0, ControlState.UNLOAD_1, ControlState.UNLOAD_2, ControlState.UNLOAD):
                m.d.comb += self.unloading.eq(1)

        with m.Switch(self.state):
            self._elaborate_idle(m, flush)
            self._elaborate_prefetch(m, table, descriptor)
            self._elaborate_layer(m, descriptor, exhausted, bias_address)
            self._elaborate_flush(m, descriptor, flush, loops)
            self._elaborate_unload(m, descriptor)
            with m.Default():
                m.d.comb += self.fault.eq(1)

        with m.If(patience.all()):
            m.d.comb += self.fault.eq(1)
        with m.If(self.fault):
            m.d.sync += self.state.eq(ControlState.IDLE)
        return m

    # A number of rows or layers that is 0, or more than there can be, still has an end: it may have been upset.
    def _first(self, m: Module, rows):
        """Row 0 of that many is next."""
        m.d.sync += [self.row.eq(0), self._is_last.eq(~rows[1:].any())]

    def _following(self, m: Module, rows):
        """The next row of that many is next."""
        before_last = self._most_rows - 2
        m.d.sync += [
            self.row.eq(self.row + 1),
            self._is_last.eq((self.row + 2 == rows) | (self.row == before_last)),
        ]

    def _advance(self, m: Module):
        """The PEs' activations move up by a row in the next cycle; rows after a last one are not taken."""
        m.d.sync += [self.read.eq(1), self.shift.eq(1)]

    def _elaborate_outputs(self, m: Module, table: LayerTable, descriptor, bias_address):
        m.d.comb += [
            table.write.eq(self.layer_write),
            table.address.eq(self.layer_number),
            self.layer.layer.eq(self.layer_number),
            self.layer.geometry.eq(descriptor.geometry) if self._config.maps else self.layer.bank.eq(self.bank),
            self.layer.out_rows.eq(descriptor.out_rows),
            self.layer.bias_scale.eq(descriptor.bias_scale),
            self.layer.shift.eq(descriptor.shift),
            self.layer.relu.eq(descriptor.relu),
            self.waiting.eq(self.state == ControlState.IDLE),
            self.accepted.eq(self.start_strobe & self.waiting & self.loader_waiting & (self.layers != 0)),
            self.start.eq(self.accepted & ~self.resume),
            self.start_refused.eq(self.start_strobe & ~self.accepted),
            self.last_row.eq(self._is_last),
            *([] if self._config.maps else [self.write_back.row.eq(self.row)]),
            self.write_back.address.eq(bias_address),
        ]

    def _elaborate_idle(self, m: Module, flush):
        with m.Case(ControlState.CLEAR):
            if self._config.maps:
                # The pipelines empty before the state is left: nothing that comes out of them is an output.
                with m.If(self.row != self._config.accumulators - 1):
                    m.d.sync += self.row.eq(self.row + 1)
                with m.Elif(flush != flush_cycles(self._config)):
                    m.d.sync += flush.eq(flush + 1)
                with m.Else():
                    m.d.sync += [flush.eq(0), self.state.eq(ControlState.IDLE)]
            else:
                m.d.comb += self.write_back.valid.eq(1)
                with m.If(self.row == self._config.activation_depth - 1):
                    m.d.sync += self.state.eq(ControlState.IDLE)
                with m.Else():
                    m.d.sync += self.row.eq(self.row + 1)

        with m.Case(ControlState.IDLE), m.If(self.accepted):
            m.d.sync += [
                self.layer_number.eq(0),
                self.done.eq(0),
                self.holding.eq(self.hold),
                self.state.eq(ControlState.PREFETCH_0),
            ]
            with m.If(~self.resume):
                m.d.sync += [self.bank.eq(0), self.cycles.eq(0), self.broadcasts.eq(0), self.stalls.eq(0)]

    def _elaborate_prefetch(self, m: Module, table: LayerTable, descriptor):
        with m.Case(ControlState.PREFETCH_0):
            m.d.comb += [self.begin_layer.eq(1), table.read.eq(1)]
            m.d.sync += self.state.eq(ControlState.PREFETCH_1)

        with m.Case(ControlState.PREFETCH_1):
            m.d.sync += descriptor.eq(table.entry)
            if not self._config.maps:
                m.d.sync += self.read_row.eq(table.entry.first_row)
            m.d.sync += [self.read.eq(1), self.state.eq(ControlState.PREFETCH_2)]

        with m.Case(ControlState.PREFETCH_2):
            self._advance(m)
            m.d.sync += self.state.eq(ControlState.PREFETCH_3)

        with m.Case(ControlState.PREFETCH_3):
            m.d.comb += self.take.eq(1)
            self._advance(m)
            self._first(m, descriptor.in_rows)
            m.d.sync += self.state.eq(ControlState.BROADCAST)

    def _elaborate_layer(self, m: Module, descriptor, exhausted, bias_address):
        with m.Case(ControlState.BROADCAST):
            m.d.comb += self.computing.eq(1)
            with m.If(exhausted):
                with m.If(self._is_last):
                    m.d.sync += self.state.eq(ControlState.DRAIN)
                with m.Else():
                    m.d.comb += self.take.eq(1)
                    self._advance(m)
                    self._following(m, descriptor.in_rows)

        with m.Case(ControlState.DRAIN):
            m.d.comb += self.computing.eq(1)
            if not self._config.maps:
                m.d.sync += bias_address.eq(descriptor.bias_base)
            with m.If((self.coming == 0) & self.queue_empty.all()):
                self._first(m, descriptor.out_rows)
                m.d.sync += self.state.eq(ControlState.WRITE_BACK)
                with m.If(descriptor.keep):
                    m.d.sync += self.state.eq(ControlState.FLUSH)

        with m.Case(ControlState.WRITE_BACK):
            if not self._config.maps:
                m.d.comb += self.write_back.valid.eq(1)
                m.d.sync += bias_address.eq(bias_address + 1)
            with m.If(self._is_last):
                m.d.sync += self.state.eq(ControlState.FLUSH)
            with m.Else():
                self._following(m, descriptor.out_rows)

    def _elaborate_flush(self, m: Module, descriptor, flush, loops: LoopCounter | None):
        last = (self.layer_number + 1 >= self.layers) | (self.layer_number == self._config.layers - 1)
        following = self.layer_number + 1
        with m.Case(ControlState.FLUSH):
            m.d.sync += flush.eq(flush + 1)
            if not self._config.maps:
                m.d.sync += self.read_row.eq(0)
            with m.If(flush == flush_cycles(self._config) - 1):
                m.d.sync += flush.eq(0)
                if not self._config.maps:
                    m.d.sync += self.bank.eq(self.bank ^ ~descriptor.keep)
                if loops is not None:
                    m.d.comb += loops.ends.eq(1)
                    last = last & ~loops.again
                    following = Mux(loops.again, self.layer_number - descriptor.functions.loop_back, following)
                with m.If(last):
                    m.d.comb += self.finished.eq(1)
                    m.d.sync += self.done.eq(1)
                    with m.If(self.holding):
                        m.d.sync += self.state.eq(ControlState.IDLE)
                    with m.Else():
                        m.d.sync += [self.read.eq(1), self.state.eq(ControlState.UNLOAD_0)]
                with m.Else():
                    m.d.sync += [
                        self.layer_number.eq(following),
                        self.state.eq(ControlState.PREFETCH_0),
                    ]

    def _elaborate_unload(self, m: Module, descriptor):
        with m.Case(ControlState.UNLOAD_0):
            self._advance(m)
            m.d.sync += self.state.eq(ControlState.UNLOAD_1)

        with m.Case(ControlState.UNLOAD_1):
            self._advance(m)
            m.d.sync += self.state.eq(ControlState.UNLOAD_2)

        with m.Case(ControlState.UNLOAD_2):
            self._first(m, descriptor.out_rows)
            m.d.sync += self.state.eq(ControlState.UNLOAD)

        with m.Case(ControlState.UNLOAD):
            m.d.comb += self.unload_row.eq(~self.shift)
            with m.If(self.shift):
                self._following(m, descriptor.out_rows)
            with m.If(self.row_done):
                with m.If(self._is_last):
                    m.d.sync += self.state.eq(ControlState.IDLE)
                with m.Else():
                    self._advance(m)
