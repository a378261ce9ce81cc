"""The loader: every section of a packet ends up where it belongs, in a cycle per word."""

import pytest

from model.layouts import Descriptor, LoaderState, Opcode, header
from model.registers import Error
from tests.support_loader import CONFIG, GOOD, Bench, LayerPacket, row_words


@pytest.mark.parametrize("pauses", [0.0, 0.4])
def test_layers_and_inputs_arrive_where_they_belong(pauses: float):
    bench = Bench(pauses=pauses)
    dut, rng = bench.dut, bench.rng
    second = Descriptor(in_rows=4, out_rows=3, columns=20, stream_words=1, shift=0, relu=False, bias_scale=1)
    packets = [LayerPacket(rng), LayerPacket(rng, second)]
    rows = [[rng.getrandbits(16) for _ in range(CONFIG.pes)] for _ in range(5)]

    async def program(ctx):
        await bench.send(ctx, [header(Opcode.LOAD)])
        for number, packet in enumerate(packets):
            await bench.send(ctx, packet.words())
            tables = ctx.get(dut.tables)
            length = CONFIG.max_code_length
            assert [tables.limits[n // length][n % length] for n in range(2 * length)] == packet.limits
            assert [tables.deltas[n // length][n % length] for n in range(2 * length)] == packet.deltas
            assert tables.end_index == packet.end_index
            assert ctx.get(dut.columns) == packet.descriptor.columns
            addresses = [*range(CONFIG.run_symbols), *(8 + index for index in range(CONFIG.code_symbols))]
            assert bench.symbols == dict(zip(addresses, packet.symbols, strict=True))
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
            bias_base += packet.descriptor.out_rows
        assert bench.constants[pe] == wanted
        assert bench.activations[pe] == {row: values[pe] for row, values in enumerate(rows)}
        assert bench.codes[pe] == [word for packet in packets for word in packet.codes[pe :: CONFIG.pes]]
    first = {
        "in_rows": 3,
        "out_rows": 4,
        "pointer_base": 0,
        "bias_base": 12,
        "shift": 37,
        "relu": 1,
        "bias_scale": 4096,
    }
    then = {"in_rows": 4, "out_rows": 3, "pointer_base": 19, "bias_base": 16, "shift": 0, "relu": 0, "bias_scale": 1}
    assert bench.layers == [(0, first), (1, then)]


def test_without_pauses_a_layer_takes_a_cycle_per_word_and_three_more():
    bench = Bench(pauses=0.0)
    states: list[int] = []
    words = LayerPacket(bench.rng).words()

    async def program(ctx):
        ctx.set(bench.dut.word_ready, (1 << CONFIG.pes) - 1)
        ctx.set(bench.dut.i.valid, 1)
        position = 0
        while position < len(words) or ctx.get(bench.dut.state) != LoaderState.HEADER:
            states.append(ctx.get(bench.dut.state))
            if position < len(words):
                ctx.set(bench.dut.i.payload, words[position])
            else:
                ctx.set(bench.dut.i.valid, 0)
            position += ctx.get(bench.dut.i.ready)
            await ctx.tick()

    bench.run(program)
    run, code, lanes_words = CONFIG.run_symbols, CONFIG.code_symbols, GOOD.out_rows * CONFIG.groups
    lengths = [1, 4, 1, 2 * CONFIG.max_code_length, 1, run + code, code, lanes_words, 1, GOOD.stream_words * 6, 1]
    order = [LoaderState(number) for number in range(LoaderState.INPUT)]
    assert states == [state for state, count in zip(order, lengths, strict=True) for _ in range(count)]
