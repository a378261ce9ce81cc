"""State BROADCAST: what is broadcast in a cycle, when a row is exhausted; docs/contract/architecture.md, section 6."""

from amaranth.hdl import C, Module, Signal

from hw.control.any_full import AnyFull
from hw.control.layer_table import LayerTable
from hw.control.scan_generator import ScanGenerator
from hw.control.selection import Selection
from hw.interfaces import bits
from model.config import ArrayConfig
from model.layouts import ControlState


def decide_broadcasts(m: Module, ccu, config: ArrayConfig, table: LayerTable, descriptor) -> tuple[Signal, Signal]:
    """The lowest pending activations per cycle unless a queue is full; in local mode all of them.

    Drives the ports of the controller `ccu` that have to do with it. Gives two signals: a row is exhausted in this
    cycle; a broadcast waits for a queue.
    """
    state, nonzero = ccu.state, ccu.nonzero
    lanes = config.broadcasts_per_cycle
    m.submodules.selection = selection = Selection(config)
    m.submodules.any_full = any_full = AnyFull(config)
    column_base = Signal(bits(config.pointer_depth))
    local = descriptor.geometry.local if config.maps else C(0, 1)
    fire = Signal()
    exhausted = Signal()
    stalled = Signal()
    is_full = any_full.is_full
    if config.maps:
        # A cycle behind: its registers hold what belongs to the select register's activations.
        m.submodules.scan_generator = scan = ScanGenerator(config)
        was_exhausted = Signal()
        m.d.sync += was_exhausted.eq(exhausted)
        m.d.comb += [
            scan.begin.eq(state == ControlState.PREFETCH_2),
            scan.pointer_base.eq(descriptor.pointer_base),
            scan.scan.eq(descriptor.scan),
            scan.local.eq(local),
            scan.advance.eq(was_exhausted),
            column_base.eq(scan.base),
            selection.chosen.place.eq(scan.place),
            selection.local.eq(local),
            ccu.place.eq(selection.place),
        ]
    else:
        with m.If(state == ControlState.PREFETCH_1):
            m.d.sync += column_base.eq(table.entry.pointer_base)
        with m.Elif(exhausted):
            m.d.sync += column_base.eq(column_base + config.pes)

    m.d.comb += [
        ccu.coming.eq(sum(lane.valid for lane in ccu.selected.lanes)),
        any_full.full.eq(ccu.full),
        any_full.coming.eq(ccu.coming),
    ]
    all_selected = ~nonzero.more | local if config.maps else ~nonzero.more
    with m.If(state == ControlState.BROADCAST):
        m.d.comb += [
            fire.eq(nonzero.lanes[0].valid & ~is_full),
            exhausted.eq(~nonzero.lanes[0].valid | (all_selected & ~is_full)),
            stalled.eq(nonzero.lanes[0].valid & is_full),
        ]
    with m.If(stalled):
        m.d.sync += ccu.stalls.eq(ccu.stalls + 1)
    for number, (chosen, lane) in enumerate(zip(selection.chosen.lanes, nonzero.lanes, strict=True)):
        alone = fire & ~local if config.maps and number else fire
        m.d.comb += [chosen.valid.eq(alone & lane.valid), chosen.pe.eq(lane.index)]
    chosen_pes = ccu.chosen | (ccu.pending & local.replicate(config.pes)) if config.maps else ccu.chosen
    m.d.comb += [
        selection.chosen.base.eq(column_base),
        selection.current.eq(ccu.current),
        ccu.selected.eq(selection.selected),
        ccu.broadcast.eq(selection.broadcast),
        ccu.clear.eq(chosen_pes & fire.replicate(config.pes)),
    ]
    with m.If(fire & ~local if config.maps else fire):
        sent = 1 if lanes == 1 else 1 + nonzero.lanes[1].valid
        m.d.sync += ccu.broadcasts.eq(ccu.broadcasts + sent)
    return exhausted, stalled
