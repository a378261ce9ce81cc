"""The decoder of the host registers, generated from `model.registers`."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.interfaces import bits
from model.config import ArrayConfig
from model.registers import ADDRESS, ADDRESS_BITS, ID_VALUE, REGISTERS, PeCounter

WORD_BITS = 32
COUNTERS = tuple(f"PE_{counter.name}" for counter in PeCounter)
CONSTANTS = ("ID", "CONFIG")
SHOWN = tuple(
    register.name for register in REGISTERS if register.access == "ro" and register.name not in (*COUNTERS, *CONSTANTS)
)


def config_word(config: ArrayConfig) -> int:
    """The value of register CONFIG."""
    return config.pes | config.code_bits << 16 | config.index_bits << 20


class HostRegisters(wiring.Component):
    """Reads and writes of the registers in `model.registers`; addresses without a readable register give 0.

    Read latency 2 cycles: the address is registered, then the value it selects. Throughput one read per cycle.
    A write acts in the cycle of its strobe.

    Members
    -------
    address : In(6), of a read in every cycle and of a write with `write`.
    write, write_data : In(1), In(32).
    read_data : Out(32).
    start : Out(1), CONTROL.start is written in this cycle.
    pe_select : Out(bits(pes)), the PE whose counters are read.
    counter_select : Out(bits(len(PeCounter))), the counter wanted in this cycle, one after its address came.
    counter : In(32), its value in this cycle.
    status, layers, cycles, broadcasts, stalls : In(32), what the registers of these names show.
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
        m.d.sync += [address.eq(self.address), self.read_data.eq(value)]
        m.d.comb += self.counter_select.eq(address - ADDRESS[COUNTERS[0]])
        sources = {
            "ID": ID_VALUE,
            "CONFIG": config_word(self._config),
            "PE_SELECT": self.pe_select,
            **{name: getattr(self, name.lower()) for name in SHOWN},
            **dict.fromkeys(COUNTERS, self.counter),
        }
        with m.Switch(address):
            for register in REGISTERS:
                if register.access != "wo":
                    with m.Case(register.address):
                        m.d.comb += value.eq(sources[register.name])
        with m.If(self.write):
            with m.If(self.address == ADDRESS["CONTROL"]):
                m.d.comb += self.start.eq(self.write_data[0])
            with m.If(self.address == ADDRESS["PE_SELECT"]):
                m.d.sync += self.pe_select.eq(self.write_data)
        return m
