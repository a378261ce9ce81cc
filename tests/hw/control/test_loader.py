"""The loader: every section of a packet ends up where it belongs, in a cycle per word."""

import random

import pytest

from model.layouts import Descriptor, LoaderState, Opcode, header
from model.registers import Error
from tests.support.hw.loader import CONFIG, ENTRY, GOOD, Bench, LayerPacket, row_words


@pytest.mark.parametrize("pauses", [0.0, 0.4])
def test_layers_and_inputs_arrive_where_they_belong(pauses: float):
    bench = Bench(pauses=pauses)
    dut, rng = bench.dut, bench.rng
    first = Descriptor(**{**vars(GOOD), "in_rows": 2, "keep": True})
    second = Descriptor(
        in_rows=3, out_rows=4, first_row=0, stream_words=1, shift=0, relu=False, keep=False, bias_scale=1
    )
    packets = [LayerPacket(rng, first), LayerPacket(rng, second)]
    rows = [[rng.getrandbits(16) for _ in range(CONFIG.pes)] for _ in range(5)]

    async def program(ctx):
        await bench.send(ctx, [header(Opcode.LOAD)])
        for number, packet in enumerate(packets):
            await bench.send(ctx, packet.words())
            assert ctx.get(dut.columns) == packet.descriptor.in_rows * CONFIG.pes
            assert bench.tree == dict(enumerate(packet.tree))
            assert ctx.get(dut.layers) == number
            await bench.settle(ctx)
            assert (ctx.get(dut.layers), ctx.get(dut.error)) == (number + 1, Error.NONE)
        await bench.send(ctx, [header(Opcode.INPUT, len(rows)), *row_words(rows)])
        assert ctx.get(dut.state) == LoaderState.HEADER

    bench.run(program)
    assert (bench.loads, bench.begins) == (1, 2)
    for pe in range(CONFIG.pes):
        wanted = {}
        bias_base = CONFIG.bias_base
        for layer, packet in enumerate(packets):
            wanted |= {layer << CONFIG.code_bits | code: value for code, value in enumerate(packet.codebook)}
            wanted |= {bias_base + row: values[pe] for row, values in enumerate(packet.biases)}
            bias_base += len(packet.biases)
        assert bench.constants[pe] == wanted
        assert bench.activations[pe] == {row: values[pe] for row, values in enumerate(rows)}
        assert bench.codes[pe] == [word for packet in packets for word in packet.codes[pe :: CONFIG.pes]]
    placed = [(2, 4, 2, 0, 12, 31, 1, 1, 4096), (3, 4, 0, 13, 12, 0, 0, 0, 1)]
    assert bench.layers == [(number, dict(zip(ENTRY, entry, strict=True))) for number, entry in enumerate(placed)]


def test_of_an_input_of_8_bits_nothing_above_is_looked_at():
    """What is in the constant memory has 16 bits all the same."""
    bench = Bench(config=CONFIG.with_(activation_bits=8))
    packet = LayerPacket(bench.rng)
    rows = [[bench.rng.getrandbits(16) for _ in range(CONFIG.pes)] for _ in range(3)]

    async def program(ctx):
        await bench.send(ctx, [header(Opcode.LOAD), *packet.words()])
        await bench.settle(ctx)
        await bench.send(ctx, [header(Opcode.INPUT, len(rows)), *row_words(rows)])

    bench.run(program)
    for pe in range(CONFIG.pes):
        wanted = dict(enumerate(packet.codebook))
        wanted |= {CONFIG.bias_base + row: values[pe] for row, values in enumerate(packet.biases)}
        assert bench.constants[pe] == wanted
        assert bench.activations[pe] == {row: values[pe] & 0xFF for row, values in enumerate(rows)}


@pytest.mark.parametrize("keep", [False, True])
def test_without_pauses_a_layer_takes_a_cycle_per_word_and_six_more(keep: bool):
    bench = Bench(pauses=0.0)
    states: list[int] = []
    words = LayerPacket(bench.rng, Descriptor(**{**vars(GOOD), "keep": keep})).words()

    async def program(ctx):
        ctx.set(bench.dut.word_ready, (1 << CONFIG.pes) - 1)
        ctx.set(bench.dut.i.valid, 1)
        position = 0
        for _ in range(2 * len(words)):
            if position == len(words) and ctx.get(bench.dut.state) == LoaderState.HEADER:
                break
            states.append(ctx.get(bench.dut.state))
            if position < len(words):
                ctx.set(bench.dut.i.payload, words[position])
            else:
                ctx.set(bench.dut.i.valid, 0)
            position += ctx.get(bench.dut.i.ready)
            await ctx.tick()

    bench.run(program)
    lanes_words = 0 if keep else GOOD.out_rows * CONFIG.groups
    lengths = [1, 4, 4, CONFIG.tree_words, CONFIG.code_symbols, lanes_words, 1, GOOD.stream_words * 6, 1]
    order = [LoaderState(number) for number in range(LoaderState.INPUT)]
    assert states == [state for state, count in zip(order, lengths, strict=True) for _ in range(count)]


def test_transfers_may_end_with_packets():
    bench = Bench()
    packet = LayerPacket(bench.rng).words()
    rows = row_words([[bench.rng.getrandbits(16) for _ in range(CONFIG.pes)] for _ in range(2)])

    async def program(ctx):
        for words in ([header(Opcode.LOAD)], packet, [header(Opcode.INPUT, 2), *rows], [*packet, header(Opcode.LOAD)]):
            await bench.send(ctx, words, len(words) - 1)
            await bench.settle(ctx)
            assert (ctx.get(bench.dut.state), ctx.get(bench.dut.error)) == (LoaderState.HEADER, Error.NONE)

    bench.run(program)


def test_a_soft_reset_keeps_the_layers_and_seals_them():
    """In every state, and instead of whatever its cycle would have changed; then LOAD opens the table again."""
    packet_words = len(LayerPacket(random.Random(0)).words())
    for sent in range(packet_words + 2):
        bench = Bench(seed=sent, pauses=0.0)
        dut = bench.dut

        async def program(ctx, bench=bench, dut=dut, sent=sent):
            await bench.send(ctx, LayerPacket(bench.rng).words())
            await bench.settle(ctx)
            words = [*LayerPacket(bench.rng).words(), header(Opcode.LOAD)]
            await bench.send(ctx, words[:sent])
            layers = ctx.get(dut.layers)
            if sent < packet_words:
                assert layers == 1
            ctx.set(dut.soft_reset, 1)
            ctx.set(dut.i.valid, sent < len(words))
            ctx.set(dut.i.payload, words[min(sent, packet_words)])
            await bench.cycle(ctx)
            ctx.set(dut.soft_reset, 0)
            ctx.set(dut.i.valid, 0)
            assert (ctx.get(dut.state), ctx.get(dut.error), ctx.get(dut.error_pe)) == (LoaderState.HEADER, 0, 0)
            assert (ctx.get(dut.sealed), ctx.get(dut.layers)) == (1, layers)
            await bench.send(ctx, [header(Opcode.LAYER)])
            assert (ctx.get(dut.state), ctx.get(dut.error)) == (LoaderState.ERROR, Error.LAYERS)
            ctx.set(dut.soft_reset, 1)
            await bench.cycle(ctx)
            ctx.set(dut.soft_reset, 0)
            bench.busy_cycles = 0
            bench.layers.clear()
            await bench.send(ctx, [header(Opcode.LOAD), *LayerPacket(bench.rng).words()])
            await bench.settle(ctx)
            assert (ctx.get(dut.sealed), ctx.get(dut.layers)) == (0, 1)
            assert (bench.layers[0][1]["pointer_base"], bench.layers[0][1]["bias_base"]) == (0, CONFIG.bias_base)

        bench.run(program)


def test_a_soft_reset_at_the_end_of_a_layer_does_not_count_it():
    """The memories of the layers before stay theirs: the next start runs them."""
    bench = Bench(pauses=0.0)
    dut = bench.dut

    async def program(ctx):
        await bench.send(ctx, LayerPacket(bench.rng).words())
        ctx.set(dut.decoder_busy, 0)
        assert ctx.get(dut.layer_write.valid) == 1
        ctx.set(dut.soft_reset, 1)
        await ctx.tick()
        assert (ctx.get(dut.state), ctx.get(dut.layers), ctx.get(dut.sealed)) == (LoaderState.HEADER, 0, 1)

    bench.run(program)
