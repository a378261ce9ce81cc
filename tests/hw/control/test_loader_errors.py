"""The loader: packets that do not fit, decoders that fail and starts at the wrong time stop it with their cause."""

import random

import pytest

from model.layouts import CHECK_CYCLES, Descriptor, LoaderState, Opcode, header
from model.registers import Error, PeError
from tests.support.hw.loader import CONFIG, GOOD, Bench, LayerPacket


def bad(**changes: int) -> list[int]:
    return [header(Opcode.LAYER), *Descriptor(**{**vars(GOOD), **changes}).pack()]


ERRORS = {
    "opcode": ([header(Opcode.LOAD), 0x77], Error.OPCODE),
    "opcode above": ([0x100 * 5], Error.OPCODE),
    "no input": ([header(Opcode.INPUT, 0)], Error.INPUT),
    "long input": ([header(Opcode.INPUT, 6)], Error.INPUT),
    "huge input": ([header(Opcode.INPUT, 1 << 23 | 1)], Error.INPUT),
    "no rows in": (bad(in_rows=0), Error.DESCRIPTOR),
    "rows in": (bad(in_rows=6), Error.DESCRIPTOR),
    "no rows out": (bad(out_rows=0), Error.DESCRIPTOR),
    "rows out": (bad(out_rows=6), Error.DESCRIPTOR),
    "first row": (bad(first_row=3), Error.DESCRIPTOR),
    "shift": (bad(shift=32), Error.DESCRIPTOR),
    "no codes": (bad(stream_words=0), Error.DESCRIPTOR),
}


@pytest.mark.parametrize("name", ERRORS)
def test_a_bad_packet_stops_the_loader_with_its_cause(name: str):
    words, error = ERRORS[name]
    bench = Bench()

    async def program(ctx):
        await bench.send(ctx, words)
        await bench.settle(ctx)
        assert (ctx.get(bench.dut.state), ctx.get(bench.dut.error)) == (LoaderState.ERROR, error)
        ctx.set(bench.dut.start_refused, 1)
        await bench.send(ctx, [header(Opcode.LOAD), *range(5)])
        assert (ctx.get(bench.dut.state), ctx.get(bench.dut.error)) == (LoaderState.ERROR, error)

    bench.run(program)
    assert not bench.layers


@pytest.mark.parametrize("in_rows", [2, 3, 4])
def test_memories_are_shared_by_the_layers(in_rows: int):
    """18 and 18 columns, each layer with its last end, fit 40 pointers, 18 and 24 do not."""
    bench = Bench(pauses=0.0)
    first = LayerPacket(bench.rng)
    second = Descriptor(**{**vars(GOOD), "in_rows": in_rows, "first_row": 0})

    async def program(ctx):
        await bench.send(ctx, first.words())
        await bench.settle(ctx)
        await bench.send(ctx, [header(Opcode.LAYER), *second.pack()])
        for _ in range(CHECK_CYCLES):
            assert ctx.get(bench.dut.state) == LoaderState.CHECK
            await bench.cycle(ctx)
        fits = 19 + in_rows * CONFIG.pes + 1 <= CONFIG.pointer_depth
        assert ctx.get(bench.dut.state) == (LoaderState.TREE if fits else LoaderState.ERROR)

    bench.run(program)


@pytest.mark.parametrize(("out_rows", "keep", "fits"), [(4, False, True), (5, False, False), (5, True, True)])
def test_biases_are_checked_after_the_codebooks(out_rows: int, keep: bool, fits: bool):
    bench = Bench(pauses=0.0)
    second = Descriptor(**{**vars(GOOD), "in_rows": 1, "out_rows": out_rows, "keep": keep})

    async def program(ctx):
        await bench.send(ctx, LayerPacket(bench.rng).words())
        await bench.settle(ctx)
        await bench.send(ctx, [header(Opcode.LAYER), *second.pack()])
        for _ in range(CHECK_CYCLES):
            assert ctx.get(bench.dut.state) == LoaderState.CHECK
            await bench.cycle(ctx)
        assert ctx.get(bench.dut.state) == (LoaderState.TREE if fits else LoaderState.ERROR)

    bench.run(program)


def test_a_full_layer_table_refuses_a_layer_until_load():
    bench = Bench(pauses=0.0)
    small = Descriptor(**{**vars(GOOD), "in_rows": 1, "out_rows": 1})

    async def program(ctx):
        for _ in range(2):
            for _ in range(CONFIG.layers):
                await bench.send(ctx, LayerPacket(bench.rng, small).words())
                await bench.settle(ctx)
            assert ctx.get(bench.dut.layers) == CONFIG.layers
            await bench.send(ctx, [header(Opcode.LOAD)])
            assert ctx.get(bench.dut.layers) == 0
        for _ in range(CONFIG.layers):
            await bench.send(ctx, LayerPacket(bench.rng, small).words())
            await bench.settle(ctx)
        await bench.send(ctx, [header(Opcode.LAYER)])
        assert ctx.get(bench.dut.error) == Error.LAYERS

    bench.run(program)


CAUSES = {
    PeError.CODE: Error.CODE,
    PeError.MEMORY: Error.MEMORY,
    PeError.STREAM: Error.STREAM,
    PeError.ROW: Error.ROW,
    PeError.POINTER: Error.POINTER,
    PeError.PARITY: Error.PARITY,
}


@pytest.mark.parametrize("pe_error", CAUSES)
@pytest.mark.parametrize("state", [LoaderState.CODES, LoaderState.WAIT])
def test_a_decoder_error_stops_the_loader_before_anything_else(state: LoaderState, pe_error: PeError):
    bench = Bench(pauses=0.0)
    words = LayerPacket(bench.rng).words()
    sent = len(words) if state == LoaderState.WAIT else len(words) - 1

    async def program(ctx):
        await bench.send(ctx, words[:sent])
        assert ctx.get(bench.dut.state) == state
        bench.busy_cycles = 0
        others = [PeError.NONE, pe_error, PeError.STREAM, PeError.NONE, PeError.CODE]
        ctx.set(bench.dut.pe_errors, [PeError.NONE, *others])
        ctx.set(bench.dut.i.valid, state == LoaderState.CODES)
        ctx.set(bench.dut.last, 1)
        assert await bench.cycle(ctx) == (state == LoaderState.CODES)
        assert (ctx.get(bench.dut.state), ctx.get(bench.dut.error)) == (LoaderState.ERROR, CAUSES[pe_error])
        assert (ctx.get(bench.dut.error_pe), ctx.get(bench.dut.layers)) == (2, 0)
        ctx.set(bench.dut.pe_errors, [PeError.CODE] * CONFIG.pes)
        await bench.cycle(ctx)
        assert (ctx.get(bench.dut.error), ctx.get(bench.dut.error_pe)) == (CAUSES[pe_error], 2)

    bench.run(program)
    assert not bench.layers


def test_a_start_wins_over_a_header_and_a_refused_one_shows_until_load():
    bench = Bench(pauses=0.0)
    dut = bench.dut

    async def program(ctx):
        ctx.set(dut.i.valid, 1)
        ctx.set(dut.i.payload, header(Opcode.LOAD))
        ctx.set(dut.control_waiting, 0)
        assert ctx.get(dut.i.ready) == 0
        ctx.set(dut.control_waiting, 1)
        assert ctx.get(dut.i.ready) == 1
        ctx.set(dut.start_strobe, 1)
        ctx.set(dut.start_refused, 1)
        assert ctx.get(dut.i.ready) == 0
        await ctx.tick()
        assert (ctx.get(dut.state), ctx.get(dut.error)) == (LoaderState.HEADER, Error.START)
        ctx.set(dut.start_strobe, 0)
        ctx.set(dut.start_refused, 0)
        await ctx.tick()
        assert (ctx.get(dut.state), ctx.get(dut.error)) == (LoaderState.HEADER, Error.NONE)

    bench.run(program)


@pytest.mark.parametrize("failing", range(CONFIG.pes))
def test_an_error_in_a_run_replaces_a_refused_start(failing: int):
    bench = Bench(pauses=0.0)
    dut = bench.dut

    async def program(ctx):
        ctx.set(dut.control_waiting, 0)
        ctx.set(dut.start_refused, 1)
        await ctx.tick()
        assert (ctx.get(dut.state), ctx.get(dut.error)) == (LoaderState.HEADER, Error.START)
        errors = [PeError.ROW if pe == failing else PeError.NONE for pe in range(CONFIG.pes)]
        ctx.set(dut.pe_errors, errors)
        await ctx.tick()
        assert (ctx.get(dut.state), ctx.get(dut.error)) == (LoaderState.ERROR, Error.ROW)
        assert ctx.get(dut.error_pe) == failing

    bench.run(program)


def test_a_transfer_cut_short_anywhere_is_found():
    """`last` on every word of a packet: only on the packet's last is it right."""
    words = LayerPacket(random.Random(0)).words()
    rows = 2 * CONFIG.groups
    for packet in (words, [header(Opcode.INPUT, 2), *range(rows)]):
        for cut in range(len(packet)):
            bench = Bench(seed=cut, pauses=0.0)

            async def program(ctx, bench=bench, packet=packet, cut=cut):
                await bench.send(ctx, packet[: cut + 1], cut)
                whole = cut == len(packet) - 1
                await bench.settle(ctx)
                wanted = (LoaderState.HEADER, Error.NONE) if whole else (LoaderState.ERROR, Error.TRUNCATED)
                assert (ctx.get(bench.dut.state), ctx.get(bench.dut.error)) == wanted, cut

            bench.run(program)


@pytest.mark.parametrize("name", ["opcode", "no input"])
def test_a_bad_last_word_shows_its_own_cause(name: str):
    words, error = ERRORS[name]
    bench = Bench()

    async def program(ctx):
        await bench.send(ctx, words, len(words) - 1)
        assert (ctx.get(bench.dut.state), ctx.get(bench.dut.error)) == (LoaderState.ERROR, error)

    bench.run(program)
