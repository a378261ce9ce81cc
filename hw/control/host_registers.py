"""The decoder of the host registers, generated from `model.registers`."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.interfaces import bits
from model.config import ArrayConfig
from model.registers import ADDRESS, ADDRESS_BITS, ID_VALUE, REGISTERS, VERSION, Control, Interrupt, PeCounter

WORD_BITS = 32
COUNTERS = tuple(f"PE_{counter.name}" for counter in PeCounter)
CONSTANTS = ("ID", "CONFIG", "CONFIG_HASH", "VERSION")
SHOWN = tuple(
    register.name for register in REGISTERS if register.access == "ro" and register.name not in (*COUNTERS, *CONSTANTS)
)
ERROR_BITS = slice(8, 16)  # of STATUS


def config_word(config: ArrayConfig) -> int:
    """The value of register CONFIG."""
    has_8_bits = config.activation_bits == 8
    return config.pes | config.code_bits << 16 | config.index_bits << 20 | has_8_bits << 24


class HostRegisters(wiring.Component):
    """Reads and writes of the registers in `model.registers`; addresses without a readable register give 0.

    Read latency 2 cycles: the address is registered, then the value it selects. Throughput one read per cycle.
    A write has its effect in the cycle after; `interrupt` follows its cause by two cycles.

    Members
    -------
    address : In(6), of a read in every cycle and of a write with `write`.
    write, write_data : In(1), In(32).
    read_data : Out(32).
    start, soft_reset : Out(1), CONTROL.start or CONTROL.reset was written a cycle ago; a reset wins over a start.
    resume, hold : Out(1), bits of that write, valid with `start`.
    interrupt : Out(1), level.
    finished : In(1), STATUS.done becomes 1 at the end of this cycle.
    pe_select : Out(bits(pes)), the PE whose counters are read.
    counter_select : Out(bits(len(PeCounter))), the counter wanted in this cycle, one after its address came.
    counter : In(32), its value in this cycle.
    status, layers, cycles, broadcasts, stalls, error_pe : In(32), what the registers of these names show.
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        super().__init__(
            {
                "address": In(ADDRESS_BITS),
                "write": In(1),
                "write_data": In(WORD_BITS),
                "read_data": Out(WORD_BITS),
                "start": Out(1),
                "soft_reset": Out(1),
                "resume": Out(1),
                "hold": Out(1),
                "interrupt": Out(1),
                "finished": In(1),
                "pe_select": Out(bits(config.pes)),
                "counter_select": Out(bits(len(PeCounter))),
                "counter": In(WORD_BITS),
                **{name.lower(): In(WORD_BITS) for name in SHOWN},
            }
        )

    def elaborate(self, platform):
        m = Module()
        address = Signal(ADDRESS_BITS)
        value = Signal(WORD_BITS)
        irq_enable = Signal(len(Interrupt))
        irq_status = Signal(len(Interrupt))
        was_error = Signal()
        is_error = self.status[ERROR_BITS].any()
        m.d.comb += self.counter_select.eq(address - ADDRESS[COUNTERS[0]])
        m.d.sync += [
            address.eq(self.address),
            self.read_data.eq(value),
            was_error.eq(is_error),
            self.interrupt.eq((irq_status & irq_enable).any()),
        ]
        sources = {
            "ID": ID_VALUE,
            "CONFIG": config_word(self._config),
            "CONFIG_HASH": self._config.fingerprint,
            "VERSION": VERSION,
            "PE_SELECT": self.pe_select,
            "IRQ_ENABLE": irq_enable,
            "IRQ_STATUS": irq_status,
            **{name: getattr(self, name.lower()) for name in SHOWN},
            **dict.fromkeys(COUNTERS, self.counter),
        }
        with m.Switch(address):
            for register in REGISTERS:
                if register.access != "wo":
                    with m.Case(register.address):
                        m.d.comb += value.eq(sources[register.name])

        cleared = Signal(len(Interrupt))
        events = Signal(len(Interrupt))
        m.d.comb += [
            events[Interrupt.DONE].eq(self.finished),
            events[Interrupt.ERROR].eq(is_error & ~was_error),
        ]
        # The strobes reach all over the array: they leave from registers.
        m.d.sync += [self.start.eq(0), self.soft_reset.eq(0)]
        with m.If(self.write), m.Switch(self.address):
            with m.Case(ADDRESS["CONTROL"]):
                m.d.sync += [
                    self.soft_reset.eq(self.write_data[Control.RESET]),
                    self.start.eq(self.write_data[Control.START] & ~self.write_data[Control.RESET]),
                    self.resume.eq(self.write_data[Control.RESUME]),
                    self.hold.eq(self.write_data[Control.HOLD]),
                ]
            with m.Case(ADDRESS["PE_SELECT"]):
                m.d.sync += self.pe_select.eq(self.write_data)
            with m.Case(ADDRESS["IRQ_ENABLE"]):
                m.d.sync += irq_enable.eq(self.write_data)
            with m.Case(ADDRESS["IRQ_STATUS"]):
                m.d.comb += cleared.eq(self.write_data)
        # A soft reset takes nothing from the host: its reads and writes of that cycle go on.
        m.d.sync += irq_status.eq(irq_status & ~cleared | (events & ~self.soft_reset.replicate(len(events))))
        with m.If(self.soft_reset):
            m.d.sync += Cat(was_error, self.interrupt).eq(0)
        return m
