"""An array of `eie verilog --bus axi-lite` as a core of a LiteX SoC: registers and stream window on the SoC's bus."""

from pathlib import Path

from litex.gen import LiteXModule
from litex.soc.integration.soc import SoC, SoCRegion
from litex.soc.interconnect.axi import AXILiteInterface
from litex.soc.interconnect.csr_eventmanager import EventManager, EventSourceLevel
from migen import ClockSignal, Instance, ResetSignal, Signal

ADDRESS_BITS = 8  # of the array's bytes
REQUESTS = {"aw": ("addr", "prot"), "w": ("data", "strb"), "ar": ("addr", "prot")}
ANSWERS = {"b": ("resp",), "r": ("resp", "data")}


class Eie(LiteXModule):
    """The array; `folder` is what `eie verilog --bus axi-lite -o` wrote.

    Members
    -------
    bus : AXI4-Lite of 32 bits; the lowest eight of an address count.
    ev : LiteX's events; `ev.interrupt` is the array's interrupt, a level.
    """

    def __init__(self, platform, folder: Path):
        self.bus = bus = AXILiteInterface(data_width=32, address_width=32)
        self.ev = EventManager()
        self.ev.interrupt = EventSourceLevel()
        self.ev.finalize()

        ports = {"i_aclk": ClockSignal(), "i_aresetn": ~ResetSignal(), "o_interrupt": self.ev.interrupt.trigger}
        for channels, there, back in ((REQUESTS, "i", "o"), (ANSWERS, "o", "i")):
            for name, fields in channels.items():
                channel = getattr(bus, name)
                ports[f"{there}_s_axi_{name}valid"] = channel.valid
                ports[f"{back}_s_axi_{name}ready"] = channel.ready
                for field in fields:
                    signal: Signal = getattr(channel, field)
                    ports[f"{there}_s_axi_{name}{field}"] = signal[:ADDRESS_BITS] if field == "addr" else signal
        self.specials += Instance("eie_axi_lite", **ports)
        for file in (folder / "eie.f").read_text(encoding="utf-8").split():
            platform.add_source(str(folder / file))


def add_eie(soc: SoC, folder: Path, name: str = "eie", origin: int | None = None) -> None:
    """Put the array on the SoC's bus, of whichever standard, with its interrupt. Without `origin` LiteX chooses it.

    In LiteX's `mem.h` that is EIE_BASE: the context of the C driver's `eie_memory_read` and `eie_memory_write`.
    """
    core = Eie(soc.platform, folder.resolve())
    soc.add_module(name, core)
    soc.bus.add_slave(name, core.bus, SoCRegion(origin=origin, size=1 << ADDRESS_BITS, cached=False))
    if soc.irq.enabled:
        soc.irq.add(name)
