"""The loader: packets that do not fit, decoders that fail and starts at the wrong time stop it with their cause."""

import pytest

from model.layouts import Descriptor, LoaderState, Opcode, header
from model.registers import Error
from tests.support_loader import CONFIG, GOOD, Bench, LayerPacket


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
    "no columns": (bad(columns=0), Error.DESCRIPTOR),
    "columns": (bad(columns=40), Error.DESCRIPTOR),
    "huge columns": (bad(columns=(1 << 32) - 1), Error.DESCRIPTOR),
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


@pytest.mark.parametrize("columns", [19, 20, 21])
def test_memories_are_shared_by_the_layers(columns: int):
    """18 and 20 columns, each layer with its last end, just fill 40 pointers."""
    bench = Bench(pauses=0.0)
    first = LayerPacket(bench.rng, Descriptor(**{**vars(GOOD), "columns": 18}))
    second = Descriptor(**{**vars(GOOD), "columns": columns})

    async def program(ctx):
        await bench.send(ctx, first.words())
        await bench.settle(ctx)
        await bench.send(ctx, [header(Opcode.LAYER), *second.pack()])
        await bench.cycle(ctx)
        fits = 19 + columns + 1 <= CONFIG.pointer_depth
        assert ctx.get(bench.dut.state) == (LoaderState.LIMITS if fits else LoaderState.ERROR)

    bench.run(program)


@pytest.mark.parametrize(("out_rows", "fits"), [(4, True), (5, False)])
def test_biases_are_checked_after_the_codebooks(out_rows: int, fits: bool):
    bench = Bench(pauses=0.0)
    second = Descriptor(**{**vars(GOOD), "columns": 1, "out_rows": out_rows})

    async def program(ctx):
        await bench.send(ctx, LayerPacket(bench.rng).words())
        await bench.settle(ctx)
        await bench.send(ctx, [header(Opcode.LAYER), *second.pack()])
        await bench.cycle(ctx)
        assert ctx.get(bench.dut.state) == (LoaderState.LIMITS if fits else LoaderState.ERROR)

    bench.run(program)


def test_a_full_layer_table_refuses_a_layer_until_load():
    bench = Bench(pauses=0.0)
    small = Descriptor(**{**vars(GOOD), "columns": 2, "out_rows": 1})

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


@pytest.mark.parametrize("state", [LoaderState.CODES, LoaderState.WAIT])
def test_a_decoder_error_stops_the_loader_before_anything_else(state: LoaderState):
    bench = Bench(pauses=0.0)
    words = LayerPacket(bench.rng).words()
    sent = len(words) if state == LoaderState.WAIT else len(words) - 1

    async def program(ctx):
        await bench.send(ctx, words[:sent])
        assert ctx.get(bench.dut.state) == state
        bench.busy_cycles = 0
        ctx.set(bench.dut.decoder_error, 1 << 5)
        ctx.set(bench.dut.i.valid, state == LoaderState.CODES)
        assert await bench.cycle(ctx) == (state == LoaderState.CODES)
        assert (ctx.get(bench.dut.state), ctx.get(bench.dut.error)) == (LoaderState.ERROR, Error.CODE)
        assert ctx.get(bench.dut.layers) == 0

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
