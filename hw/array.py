"""The machine: input loader, central control unit, leading-nonzero tree, host registers and N processing elements."""

from collections.abc import Callable
from typing import Any

from amaranth.hdl import Cat, Module, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.control.controller import Controller
from hw.control.host_registers import ERROR_BITS, WORD_BITS, HostRegisters
from hw.control.leading_nonzero import LeadingNonzero
from hw.control.loader import Loader
from hw.control.map_sequencing import MOVING
from hw.control.unloader import Unloader, output_layout
from hw.instance import VerilogInstance
from hw.interfaces import (
    FUNCTIONS,
    LOADING,
    MAPS,
    OPERATIONS,
    SEQUENCING,
    ProcessingElementSignature,
    debug_layout,
    driven_alike,
)
from model.config import ArrayConfig
from model.layouts import COUNTER_BITS, LoaderState, array_debug_fields, pe_debug_fields
from model.registers import ADDRESS_BITS

PE_MODULE = "eie_pe"


def pe_instance(config: ArrayConfig, soft_reset: Signal) -> wiring.Component:
    """A PE as an instance of the Verilog module `eie_pe`."""
    return VerilogInstance(PE_MODULE, ProcessingElementSignature(config), soft_reset)


def array_signature(config: ArrayConfig, debug: bool = False) -> wiring.Signature:
    """The ports of the array, as listed in `Array`."""
    debug_bits = debug_layout(array_debug_fields(config)).size + config.pes * debug_layout(pe_debug_fields(config)).size
    return wiring.Signature(
        {
            "i": In(stream.Signature(config.stream_bits)),
            "i_last": In(1),
            "o": Out(stream.Signature(output_layout(config))),
            "reg_address": In(ADDRESS_BITS),
            "reg_write": In(1),
            "reg_write_data": In(WORD_BITS),
            "reg_read_data": Out(WORD_BITS),
            "interrupt": Out(1),
            **({"debug": Out(debug_bits)} if debug else {}),
        }
    )


class Array(wiring.Component):
    """The whole machine. One clock domain, `sync`, with synchronous reset.

    Parameters
    ----------
    config : sizes and organisation.
    debug : adds the port `debug`: the fields of `array_debug_fields`, least significant first, then those of
        `pe_debug_fields` of PE 0, PE 1, ..
    make_pe : builds a PE of `ProcessingElementSignature(config)` whose registers the signal given resets too; the
        default instantiates the Verilog module `eie_pe`.

    Members
    -------
    i : In(stream of stream_bits), packets; i_last : In(1), the word on `i` ends the host's transfer.
    o : Out(stream of output_layout(config)), outputs; in the flat port `o__payload` the data are the low bits and
        `last` is the top bit.
    reg_address, reg_write, reg_write_data, reg_read_data : host registers, see `HostRegisters`.
    interrupt : Out(1), level, a register.
    """

    def __init__(
        self,
        config: ArrayConfig,
        debug: bool = False,
        make_pe: Callable[[ArrayConfig, Signal], Any] = pe_instance,
    ):
        self._config = config
        self._debug = debug
        self._make_pe = make_pe
        self._debug_layout = debug_layout(array_debug_fields(config))
        super().__init__(array_signature(config, debug))

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.host_registers = registers = HostRegisters(config)
        soft_reset = ResetInserter(registers.soft_reset)
        loader, controller, unloader = Loader(config), Controller(config), Unloader(config)
        m.submodules.loader = loader
        m.submodules.controller = soft_reset(controller)
        m.submodules.unloader = soft_reset(unloader)
        m.submodules.leading_nonzero = leading_nonzero = LeadingNonzero(config.pes, config.broadcasts_per_cycle)
        # Constants and inputs are read many cycles after they come, so they may take a cycle on their long way.
        constant_write = Signal.like(loader.constant_write, reset_less=True)
        activation_write = Signal.like(loader.activation_write, reset_less=True)
        m.d.sync += [constant_write.eq(loader.constant_write), activation_write.eq(loader.activation_write)]
        tree_write = loader.tree_write
        if config.maps:
            tree_write = Signal.like(loader.tree_write, reset_less=True)
            m.d.sync += tree_write.eq(loader.tree_write)
            nonzero = Signal(config.lanes, reset_less=True)
            m.d.sync += nonzero.eq(Cat(data.any() for data in loader.activation_write.data))
            inputs = [Cat(data, flag) for data, flag in zip(activation_write.data, nonzero, strict=True)]
            # Outputs and inputs come at different times: their address is chosen here, before a register.
            with m.If(loader.state != LoaderState.INPUT):
                m.d.sync += activation_write.address.eq(controller.output_row)
        else:
            inputs = activation_write.data
        pes = [self._make_pe(config, registers.soft_reset) for _ in range(config.pes)]
        for number, pe in enumerate(pes):
            m.submodules[f"pe_{number}"] = pe
            self._connect_pe(
                m, number, pe, loader, controller, registers, tree_write, constant_write, activation_write, inputs
            )

        # A soft reset would lose the words of its cycle: none passes.
        passing = ~registers.soft_reset
        m.d.comb += [
            loader.i.payload.eq(self.i.payload),
            loader.i.valid.eq(self.i.valid & passing),
            self.i.ready.eq(loader.i.ready & passing),
            self.o.payload.eq(unloader.o.payload),
            self.o.valid.eq(unloader.o.valid & passing),
            unloader.o.ready.eq(self.o.ready),
            leading_nonzero.pending.eq(Cat(pe.pending for pe in pes)),
            *([controller.pending.eq(leading_nonzero.pending)] if config.maps else []),
            controller.nonzero.eq(leading_nonzero.o),
            controller.chosen.eq(leading_nonzero.chosen),
            controller.current.eq(Cat(pe.current for pe in pes)),
            controller.full.eq(Cat(pe.full for pe in pes)),
            controller.queue_empty.eq(Cat(pe.queue_empty for pe in pes)),
            controller.start_strobe.eq(registers.start),
            controller.resume.eq(registers.resume),
            controller.hold.eq(registers.hold),
            controller.loader_waiting.eq(loader.state == LoaderState.HEADER),
            controller.layers.eq(loader.layers),
            controller.layer_write.eq(loader.layer_write),
            controller.row_done.eq(unloader.row_done),
            loader.last.eq(self.i_last),
            loader.start_strobe.eq(registers.start),
            loader.soft_reset.eq(registers.soft_reset),
            loader.start_refused.eq(controller.start_refused),
            loader.control_waiting.eq(controller.waiting),
            loader.control_fault.eq(controller.fault),
            loader.word_ready.eq(Cat(pe.word.ready for pe in pes)),
            loader.decoder_busy.eq(Cat(pe.decoder_busy for pe in pes)),
            loader.pe_errors.eq(Cat(pe.error for pe in pes)),
            unloader.active.eq(controller.unload_row),
            unloader.last_row.eq(controller.last_row),
            unloader.current.eq(controller.current),
        ]
        self._connect_registers(m, pes, loader, controller, registers)
        if self._debug:
            m.d.comb += self.debug.eq(Cat(self._array_debug(m, loader, controller), *(pe.debug for pe in pes)))
        return m

    def _connect_pe(
        self,
        m: Module,
        number: int,
        pe,
        loader: Loader,
        controller: Controller,
        registers: HostRegisters,
        tree_write,
        constant_write,
        activation_write,
        inputs,
    ):
        """All PEs are equal: what is meant for one of them is chosen here."""
        group, lane = divmod(number, self._config.lanes)
        m.d.comb += [
            pe.tree_write.eq(tree_write),
            pe.constant_write.valid.eq(constant_write.groups[group]),
            pe.constant_write.address.eq(constant_write.address),
            pe.constant_write.data.eq(constant_write.data[lane]),
            pe.activation_write.valid.eq(activation_write.groups[group]),
            pe.activation_write.address.eq(activation_write.address),
            pe.activation_write.data.eq(inputs[lane]),
            *driven_alike(LOADING, loader, pe),
            pe.word.payload.eq(self.i.payload),
            pe.word.valid.eq(loader.word_valid[number]),
            pe.stream_ended.eq(loader.stream_ended),
            *driven_alike(SEQUENCING, controller, pe),
            pe.clear.eq(controller.clear[number]),
            *driven_alike(OPERATIONS, controller, pe),
            *driven_alike(MAPS if self._config.maps else (), controller, pe),
            *driven_alike(FUNCTIONS if self._config.functions else (), controller, pe),
            pe.counter_select.eq(registers.counter_select),
        ]

    def _connect_registers(self, m: Module, pes, loader: Loader, controller: Controller, registers: HostRegisters):
        overflow = Cat(pe.overflow for pe in pes).any()
        status = Cat(controller.loader_waiting, controller.running, controller.unloading, controller.done, overflow)
        counters = Cat(pe.counter for pe in pes)
        m.d.comb += [
            registers.address.eq(self.reg_address),
            registers.write.eq(self.reg_write),
            registers.write_data.eq(self.reg_write_data),
            self.reg_read_data.eq(registers.read_data),
            self.interrupt.eq(registers.interrupt),
            registers.finished.eq(controller.finished),
            registers.status.eq(status | (loader.error << ERROR_BITS.start)),
            registers.error_pe.eq(loader.error_pe),
            registers.layers.eq(loader.layers),
            registers.cycles.eq(controller.cycles),
            registers.broadcasts.eq(controller.broadcasts),
            registers.stalls.eq(controller.stalls),
            registers.counter.eq(counters.word_select(registers.pe_select, COUNTER_BITS)),
        ]

    def _array_debug(self, m: Module, loader: Loader, controller: Controller):
        broadcast = {
            f"broadcast_{name}_{lane}": value[name]
            for lane, value in enumerate(controller.broadcast)
            for name in ("valid", "activation", "pointer")
        }
        selected = controller.selected
        select = {
            f"select_{name}_{lane}": value[name]
            for lane, value in enumerate(selected.lanes)
            for name in ("valid", "pe")
        }
        places = (
            {
                f"{register}_{axis}": place[axis]
                for register, place in (("select", selected.place), ("broadcast", controller.place))
                for axis in "yx"
            }
            if self._config.maps
            else {}
        )
        values = {
            **select,
            **places,
            **{name: getattr(controller, name) for name in (MOVING if self._config.functions else ())},
            "select_base": selected.base,
            **broadcast,
            "read": controller.read,
            "shift": controller.shift,
            "loader_state": loader.state,
            "loader_error": loader.error,
            "error_pe": loader.error_pe,
            "sealed": loader.sealed,
            "loaded_layers": loader.layers,
            "control_state": controller.state,
            "layer": controller.layer_number,
            "row": controller.row,
            "bank": controller.bank,
            "hold": controller.holding,
            "done": controller.done,
            "cycles": controller.cycles,
            "broadcasts": controller.broadcasts,
            "stalls": controller.stalls,
            "interrupt": self.interrupt,
        }
        fields = Signal(self._debug_layout)
        m.d.comb += [fields[field.name].eq(values[field.name]) for field in array_debug_fields(self._config)]
        return fields
