"""What reads along a map and writes back by position or block, and loops; architecture.md, sections 12 and 13."""

from amaranth.hdl import Module, Mux, Signal

from hw.control.layer_table import LayerTable
from hw.control.loop_counter import LoopCounter
from hw.control.read_generator import ReadGenerator
from hw.control.write_back_blocks import WriteBackBlocks
from hw.control.write_back_sequence import WriteBackSequence
from model.config import ArrayConfig
from model.layouts import ControlState

MOVING = ("iteration", "source_offset", "result_offset")  # registers of loops that the debug port shows


def sequence_maps(
    m: Module, ccu, config: ArrayConfig, table: LayerTable, descriptor, bias_address: Signal, flush: Signal
) -> LoopCounter | None:
    """Drives the ports of the controller `ccu` that only `maps` and `functions` have, `read_row` and write-backs.

    Gives the loop counter, whose `ends` is the caller's.
    """
    state, entry = ccu.state, table.entry
    m.submodules.read_generator = reads = ReadGenerator(config)
    m.submodules.write_back_sequence = writes = WriteBackSequence(config)
    loops = None
    m.d.comb += reads.begin.eq(state == ControlState.PREFETCH_1)
    if config.functions:
        loops = _sequence_functions(m, ccu, config, entry, descriptor, reads, writes)
    else:
        m.d.comb += [
            reads.first_row.eq(entry.first_row),
            reads.jump.eq(state == ControlState.FLUSH),
            reads.target.eq(descriptor.scan.destination),
        ]
    m.d.comb += [
        reads.scan.eq(descriptor.scan),
        reads.read.eq(ccu.read),
        reads.plain.eq(ccu.unloading),
        ccu.read_row.eq(reads.row),
        writes.begin.eq(state == ControlState.DRAIN),
        writes.bias_base.eq(descriptor.bias_base),
        writes.scan.eq(descriptor.scan),
        writes.advance.eq(state == ControlState.WRITE_BACK),
        bias_address.eq(writes.address),
        ccu.output_row.eq(writes.output_row),
        ccu.clearing.eq(state == ControlState.CLEAR),
        ccu.write_back.valid.eq((state == ControlState.WRITE_BACK) | (ccu.clearing & (flush == 0))),
    ]
    return loops


def _sequence_functions(
    m: Module, ccu, config: ArrayConfig, entry, descriptor, reads: ReadGenerator, writes: WriteBackSequence
) -> LoopCounter:
    """Blocks of write-back, whose second operands are read in between, and loops."""
    m.submodules.write_back_blocks = blocks = WriteBackBlocks(config)
    m.submodules.loop_counter = loops = LoopCounter(config)
    m.d.comb += [
        *(getattr(ccu, name).eq(getattr(loops, name)) for name in MOVING),
        loops.clear.eq(ccu.accepted),
        loops.functions.eq(descriptor.functions),
        loops.first.eq(entry.first_row),
        loops.moves.eq(entry.functions.moves),
        reads.first_row.eq(loops.first_row),
        reads.jump.eq(blocks.reads | (ccu.state == ControlState.FLUSH)),
        reads.target.eq(Mux(blocks.reads, blocks.second, descriptor.scan.destination)),
        blocks.begin.eq(ccu.state == ControlState.DRAIN),
        blocks.functions.eq(descriptor.functions),
        blocks.source_offset.eq(loops.source_offset),
        blocks.result_offset.eq(loops.result_offset),
        blocks.advance.eq(ccu.state == ControlState.WRITE_BACK),
        writes.blocked.eq(descriptor.functions.blocked),
        writes.block_row.eq(blocks.row),
        *(ccu.ending[name].eq(blocks.ending[name]) for name in dict(ccu.ending.shape()) if name != "row"),
        ccu.ending.row.eq(writes.o_row),
    ]
    with m.If(blocks.reads):
        m.d.sync += ccu.read.eq(1)
    return loops
