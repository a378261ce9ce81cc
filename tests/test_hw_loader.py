"""The loader: every section of a packet ends up where it belongs, and every bad packet stops with its cause."""

import random

import pytest
from amaranth.sim import Simulator

from hw.loader import Loader
from model.config import ArrayConfig
from model.layouts import Descriptor, LoaderState, Opcode, header, pack_limit, symbol_index_bits
from model.registers import Error

CONFIG = ArrayConfig(
    pes=6,
    code_bits=2,
    index_bits=2,
    row_bits=32,
    sparse_matrix_depth=8,
    pointer_depth=40,
    activation_depth=5,
    constant_depth=20,
    max_code_length=4,
    stream_bits=64,
    layers=3,
)
GOOD = Descriptor(in_rows=3, out_rows=4, columns=18, stream_words=2, shift=37, relu=True, bias_scale=1 << 14)


def row_words(rows: list[list[int]]) -> list[int]:
    """Stream words of local rows of all PEs."""
    groups = [row[first : first + CONFIG.lanes] for row in rows for first in range(0, CONFIG.pes, CONFIG.lanes)]
    return [sum(value << 16 * lane for lane, value in enumerate(group)) for group in groups]


class LayerPacket:
    """A LAYER packet of random content, and what must come of it."""

    def __init__(self, rng: random.Random, descriptor: Descriptor = GOOD):
        def numbers(count, width=16):
            return [rng.getrandbits(width) for _ in range(count)]

        self.descriptor = descriptor
        length = CONFIG.max_code_length
        self.limits, self.deltas = numbers(2 * length, 17), numbers(2 * length, 9)
        self.end_index = rng.getrandbits(symbol_index_bits(CONFIG))
        self.symbols = numbers(CONFIG.run_symbols + CONFIG.code_symbols, 2)
        self.codebook = numbers(CONFIG.code_symbols)
        self.biases = [numbers(CONFIG.pes) for _ in range(descriptor.out_rows)]
        self.codes = numbers(descriptor.stream_words * CONFIG.pes, CONFIG.stream_bits)

    def words(self) -> list[int]:
        rows = [
            row[first : first + CONFIG.lanes] for row in self.biases for first in range(0, CONFIG.pes, CONFIG.lanes)
        ]
        return [
            header(Opcode.LAYER),
            *self.descriptor.pack(),
            *(pack_limit(limit, delta) for limit, delta in zip(self.limits, self.deltas, strict=True)),
            self.end_index,
            *self.symbols,
            *self.codebook,
            *row_words(self.biases),
            *self.codes,
        ]


class Bench:
    """A loader between a host that pauses at random and decoders in Python."""

    def __init__(self, seed: int = 0, pauses: float = 0.3):
        self.dut = Loader(CONFIG)
        self.rng = random.Random(seed)
        self.pauses = pauses
        self.symbols: dict[int, int] = {}
        self.constants = [{} for _ in range(CONFIG.pes)]
        self.activations = [{} for _ in range(CONFIG.pes)]
        self.codes: list[list[int]] = [[] for _ in range(CONFIG.pes)]
        self.layers: list[tuple[int, dict]] = []
        self.loads = self.begins = 0
        self.busy_cycles = 0

    async def cycle(self, ctx) -> bool:
        """One clock cycle; whether the input word was taken."""
        dut = self.dut
        ready = [self.rng.random() > self.pauses for _ in range(CONFIG.pes)]
        ctx.set(dut.word_ready, sum(bit << pe for pe, bit in enumerate(ready)))
        ctx.set(dut.decoder_busy, 1 << 4 if self.busy_cycles else 0)
        taken = bool(ctx.get(dut.i.valid) and ctx.get(dut.i.ready))
        payload = ctx.get(dut.i.payload)
        symbol, layer = ctx.get(dut.symbol_write), ctx.get(dut.layer_write)
        if symbol.valid:
            assert taken
            self.symbols[symbol.address] = symbol.data
        for port, memories in ((dut.constant_write, self.constants), (dut.activation_write, self.activations)):
            write = ctx.get(port)
            for pe in range(CONFIG.pes):
                if write.groups >> pe // CONFIG.lanes & 1:
                    assert taken
                    memories[pe][write.address] = write.data[pe % CONFIG.lanes]
        valid = ctx.get(dut.word_valid)
        assert valid.bit_count() <= 1
        for pe in range(CONFIG.pes):
            if valid >> pe & 1:
                assert ctx.get(dut.i.valid)
                assert taken == ready[pe]
                if taken:
                    self.codes[pe].append(payload)
        if layer.valid:
            entry = layer.entry
            names = ("in_rows", "out_rows", "pointer_base", "bias_base", "shift", "relu", "bias_scale")
            self.layers.append((layer.address, {name: entry[name] for name in names}))
        self.loads += ctx.get(dut.load)
        if ctx.get(dut.begin):
            self.begins += 1
            self.busy_cycles = self.rng.randint(10, 40)
        if ctx.get(dut.stream_ended):
            self.busy_cycles = max(0, self.busy_cycles - 1)
        await ctx.tick()
        return taken

    async def send(self, ctx, words: list[int]) -> None:
        for word in words:
            while self.rng.random() < self.pauses:
                ctx.set(self.dut.i.valid, 0)
                await self.cycle(ctx)
            ctx.set(self.dut.i.payload, word)
            ctx.set(self.dut.i.valid, 1)
            for _ in range(200):
                if await self.cycle(ctx):
                    break
            else:
                raise AssertionError(f"word {word:#x} was not taken in state {ctx.get(self.dut.state)}")
        ctx.set(self.dut.i.valid, 0)

    async def settle(self, ctx) -> None:
        for _ in range(100):
            if ctx.get(self.dut.state) in (LoaderState.HEADER, LoaderState.ERROR):
                return
            await self.cycle(ctx)
        raise AssertionError(f"still in state {ctx.get(self.dut.state)}")

    def run(self, program) -> None:
        async def bench(ctx):
            ctx.set(self.dut.control_waiting, 1)
            await program(ctx)

        simulator = Simulator(self.dut)
        simulator.add_clock(1e-8)
        simulator.add_testbench(bench)
        simulator.run()


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
        words = [
            lanes(row[first : first + CONFIG.lanes]) for row in rows for first in range(0, CONFIG.pes, CONFIG.lanes)
        ]
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
        "bias_scale": 16384,
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
