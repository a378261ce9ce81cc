import random
from types import SimpleNamespace

import numpy as np
import pytest

from hw.processing_element import ProcessingElement
from model.config import PRESETS
from model.fixed_point import layer_reference
from model.layouts import FLUSH_CYCLES, PIPELINE_STAGES
from model.registers import PeCounter
from tests.support_huffman import Layer, load_tables, random_lengths
from tests.support_hw import simulate, write

ONE_PE = PRESETS["tiny4"].with_(pes=1)


def slice_entries(codes, max_run):
    """(run, code) of one column slice, with fillers where a gap is too long."""
    entries, previous = [], -1
    for row in np.flatnonzero(codes):
        gap = int(row) - previous - 1
        while gap > max_run:
            entries.append((max_run, 0))
            gap -= max_run + 1
        entries.append((gap, int(codes[row])))
        previous = int(row)
    return entries


def random_layer(config, rng, in_rows, out_rows, density, *, scale=400, shift=6, relu=True):
    generator = np.random.default_rng(rng.getrandbits(32))
    codes = generator.integers(1, config.code_symbols, (out_rows, in_rows))
    codes[generator.random(codes.shape) >= density] = 0
    codebook = generator.integers(-scale, scale, config.code_symbols)
    codebook[0] = 0
    run_lengths = random_lengths(rng, list(range(config.run_symbols)), config.max_code_length)
    code_lengths = random_lengths(rng, list(range(config.code_symbols)), config.max_code_length)
    slices = [slice_entries(codes[:, column], config.max_run) for column in range(in_rows)]
    return SimpleNamespace(
        in_rows=in_rows,
        out_rows=out_rows,
        codebook=codebook.astype(np.int16),
        weights=codebook[codes].astype(np.int16),
        biases=generator.integers(-scale, scale, out_rows).astype(np.int16),
        bias_scale=1 << rng.randrange(6),
        shift=shift,
        relu=relu,
        slices=slices,
        stream=Layer(config, slices, run_lengths, code_lengths),
    )


async def load_network(ctx, dut, config, layers):
    ctx.set(dut.load, 1)
    await ctx.tick()
    ctx.set(dut.load, 0)
    bias_base = config.bias_base
    for number, layer in enumerate(layers):
        values = list(enumerate(layer.codebook.tolist(), number << config.code_bits))
        values += enumerate(layer.biases.tolist(), bias_base)
        for address, value in values:
            write(ctx, dut.constant_write, address, value & 0xFFFF)
            await ctx.tick()
        write(ctx, dut.constant_write)
        bias_base += layer.out_rows
        await load_tables(ctx, dut, config, layer.stream)
        ctx.set(dut.columns, len(layer.slices))
        ctx.set(dut.begin_codes, 1)
        await ctx.tick()
        ctx.set(dut.begin_codes, 0)
        for word in layer.stream.words:
            ctx.set(dut.word.valid, 1)
            ctx.set(dut.word.payload, word)
            await ctx.tick().until(dut.word.ready)
        ctx.set(dut.word.valid, 0)
        ctx.set(dut.stream_ended, 1)
        while ctx.get(dut.decoder_busy):
            await ctx.tick()
        ctx.set(dut.stream_ended, 0)
        assert ctx.get(dut.decoder_error) == 0


class Control:
    """The central control unit of section 6, for an array of this one PE; keeps what every cycle of a layer showed."""

    def __init__(self, ctx, dut):
        self.ctx, self.dut = ctx, dut
        self.trace = []
        self.broadcast = None

    async def cycle(self, *, read=None, take=0, clear=0, computing=0, begin_layer=0, write_back=None):
        ctx, dut = self.ctx, self.dut
        ctx.set(dut.read, read is not None)
        ctx.set(dut.read_row, read or 0)
        ctx.set(dut.take, take)
        ctx.set(dut.clear, clear)
        ctx.set(dut.computing, computing)
        ctx.set(dut.begin_layer, begin_layer)
        row, address = write_back or (0, 0)
        ctx.set(dut.write_back, {"valid": write_back is not None, "row": row, "address": address})
        debug = ctx.get(dut.debug)
        self.trace.append({name: getattr(debug, name) for name in ("queue_count", "p_valid", *VALID)})
        await ctx.tick()

    def show_broadcast(self):
        activation, pointer = self.broadcast or (0, 0)
        value = {"valid": self.broadcast is not None, "activation": activation, "pointer": pointer}
        self.ctx.set(self.dut.broadcast, value)

    async def run_layer(self, layer, number, bank, column_base, bias_base):
        ctx, dut = self.ctx, self.dut
        self.trace = []
        names = {"bias_scale": layer.bias_scale, "shift": layer.shift, "relu": layer.relu}
        ctx.set(dut.layer, {"layer": number, "bank": bank, **names})
        await self.cycle(read=0, begin_layer=1)
        await self.cycle(read=1, take=1)
        row, exhausted = 0, False
        while not (exhausted and row == layer.in_rows - 1):
            self.show_broadcast()
            pending = ctx.get(dut.pending)
            send = pending and not ctx.get(dut.full)
            current = ctx.get(dut.current)
            exhausted = not pending or send
            advance = exhausted and row < layer.in_rows - 1
            last = exhausted and not advance
            read = (row + 2) % layer.in_rows if advance else None
            await self.cycle(read=read, take=advance, clear=send, computing=1)
            self.broadcast = (current, column_base + row) if send else None
            row += advance
            exhausted = last
        drained = False
        while not drained:
            self.show_broadcast()
            drained = self.broadcast is None and ctx.get(dut.queue_empty)
            await self.cycle(computing=1)
            self.broadcast = None
        for row in range(layer.out_rows):
            await self.cycle(write_back=(row, bias_base + row))
        for _ in range(FLUSH_CYCLES):
            await self.cycle()


VALID = [f"{stage}_valid" for stage in PIPELINE_STAGES]


def expected_trace(config, layer, activations):
    """Queue and valid chain of every cycle of the layer, from the recurrence of section 8."""
    depth = config.queue_depth
    active = np.flatnonzero(activations).tolist()
    broadcasts, finished, issued = [], [], []
    for j, column in enumerate(active):
        gap = column - (active[j - 1] if j else 0)
        earliest = broadcasts[-1] + gap if j else 2 + gap
        broadcasts.append(max(earliest, 1 + finished[j - depth]) if j >= depth else earliest)
        entries = layer.slices[column]
        begins = max(finished[-1] if finished else 0, broadcasts[j] + 2) + 1
        issued += [(begins + at, code) for at, (_, code) in enumerate(entries)]
        finished.append(begins + max(len(entries), 1) - 1)
    exhausted = broadcasts[-1] + layer.in_rows - 1 - active[-1] if active else 1 + layer.in_rows
    drained = max(exhausted + 1, 1 + max(finished, default=0))
    cycles = drained + layer.out_rows + 10

    trace = [dict.fromkeys(("queue_count", "p_valid", *VALID), 0) for _ in range(cycles)]
    for begin, end in zip(broadcasts, finished, strict=True):
        trace[begin + 2]["p_valid"] = 1
        for cycle in range(begin + 3, end + 1):
            trace[cycle]["queue_count"] += 1
    write_backs = [(drained + 1 + row, None) for row in range(layer.out_rows)]
    for cycle, code in issued + write_backs:
        stages = "msd" if code == 0 else "msdwxrck" if code else "msdwxrcko"
        for age, stage in enumerate(stages, 1):
            trace[cycle + age][f"{stage}_valid"] = 1
    starved = sum(at["queue_count"] == 0 for at in trace[2 : drained + 1])
    return trace, starved


def row_reads(config, layers, sources):
    """Sparse-matrix rows read: one whenever an entry's row differs from the entry's before, per layer."""
    reads, row_base = 0, 0
    for layer, activations in zip(layers, sources, strict=True):
        starts = np.cumsum([0] + [len(entries) for entries in layer.slices])
        held = None
        for column in np.flatnonzero(activations):
            for at in range(starts[column], starts[column + 1]):
                row = row_base + at // config.entries_per_row
                reads += row != held
                held = row
        row_base += -(-int(starts[-1]) // config.entries_per_row)
    return reads


def run_network(config, layers, activations):
    """Load and run layers on one PE; every cycle, output and counter is compared. Returns (outputs, overflow)."""
    dut = ProcessingElement(config)
    results = []

    async def read_outputs(ctx, rows, bank):
        ctx.set(dut.layer.bank, bank)
        outputs = []
        for row in range(rows):
            ctx.set(dut.read, 1)
            ctx.set(dut.read_row, row)
            await ctx.tick()
            ctx.set(dut.read, 0)
            ctx.set(dut.take, 1)
            await ctx.tick()
            ctx.set(dut.take, 0)
            outputs.append(ctx.get(dut.current))
        return np.array(outputs, dtype=np.uint16).astype(np.int16)

    nothing = dict.fromkeys(PeCounter, 0)

    def counters(ctx):
        got = {}
        for counter in PeCounter:
            ctx.set(dut.counter_select, counter)
            got[counter] = ctx.get(dut.counter)
            if config.pe_counters:
                assert getattr(ctx.get(dut.debug), counter.name.lower()) == got[counter]
        return got

    async def testbench(ctx):
        await load_network(ctx, dut, config, layers)
        for row, value in enumerate(activations.tolist()):
            write(ctx, dut.activation_write, row, value & 0xFFFF)
            await ctx.tick()
        write(ctx, dut.activation_write)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        control = Control(ctx, dut)
        column_base, bias_base = 0, config.bias_base
        source, sources, starved, overflow = activations, [], 0, False
        for number, layer in enumerate(layers):
            await control.run_layer(layer, number, number % 2, column_base, bias_base)
            expected, layer_starved = expected_trace(config, layer, source)
            assert list(enumerate(control.trace)) == list(enumerate(expected))
            sources.append(source)
            starved += layer_starved
            source, layer_overflow = layer_reference(
                layer.weights,
                layer.biases,
                layer.bias_scale,
                source,
                layer.shift,
                layer.relu,
                config.accumulator_bits,
            )
            overflow |= layer_overflow
            column_base += layer.in_rows + 1
            bias_base += layer.out_rows
        outputs = await read_outputs(ctx, layers[-1].out_rows, len(layers) % 2)
        assert outputs.tolist() == source.tolist()
        assert ctx.get(dut.overflow) == overflow
        results.append((outputs, overflow))

        used = [
            layer.slices[column] for layer, at in zip(layers, sources, strict=True) for column in np.flatnonzero(at)
        ]
        entries = sum(map(len, used))
        fillers = sum(code == 0 for entries in used for _, code in entries)
        sums = entries - fillers + sum(layer.out_rows for layer in layers)
        expected = {
            PeCounter.ENTRIES: entries,
            PeCounter.FILLERS: fillers,
            PeCounter.STARVED_CYCLES: starved,
            PeCounter.EMPTY_SLICES: sum(not entries for entries in used),
            PeCounter.ROW_READS: row_reads(config, layers, sources),
            PeCounter.POINTER_READS: len(used),
            PeCounter.ACCUMULATOR_READS: sums,
            PeCounter.ACCUMULATOR_WRITES: sums,
            PeCounter.DECODED_SYMBOLS: sum(len(layer.stream.symbols) for layer in layers),
        }
        assert counters(ctx) == (expected if config.pe_counters else nothing)

        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        symbols = {PeCounter.DECODED_SYMBOLS: expected[PeCounter.DECODED_SYMBOLS]} if config.pe_counters else {}
        assert (counters(ctx), ctx.get(dut.overflow)) == (nothing | symbols, 0)
        ctx.set(dut.load, 1)
        await ctx.tick()
        assert counters(ctx) == nothing

    simulate(dut, testbench)
    return results[0]


def random_activations(rng, rows, density, scale=300):
    return np.array([rng.randint(-scale, scale) if rng.random() < density else 0 for _ in range(rows)], dtype=np.int16)


@pytest.mark.parametrize("density", [0.0, 0.1, 0.4, 1.0])
@pytest.mark.parametrize(
    "sizes",
    [
        {},
        {"queue_depth": 1, "row_bits": 24, "activation_depth": 21, "index_bits": 1},
        {"queue_depth": 3, "code_bits": 5, "index_bits": 2, "row_bits": 45, "accumulator_bits": 41, "layers": 2},
        {"queue_depth": 9, "pe_counters": False, "stream_bits": 128, "index_bits": 6, "row_bits": 20},
    ],
    ids=range(4),
)
def test_a_layer(sizes, density):
    config = ONE_PE.with_(**sizes)
    rng = random.Random(f"{sizes} {density}")
    layer = random_layer(config, rng, 21, 20, density, relu=density < 0.5)
    run_network(config, [layer], random_activations(rng, 21, 0.6))


@pytest.mark.parametrize("density", [0.2, 0.7])
def test_three_layers_swap_the_banks(density):
    config = ONE_PE.with_(index_bits=2, queue_depth=2)
    rng = random.Random(5)
    layers = [random_layer(config, rng, *sizes, density, relu=False) for sizes in ((9, 17), (17, 2), (2, 8))]
    run_network(config, layers, random_activations(rng, 9, 0.8))


def test_no_active_column():
    layer = random_layer(ONE_PE, random.Random(1), 7, 5, 0.5)
    outputs, _ = run_network(ONE_PE, [layer], np.zeros(7, dtype=np.int16))
    assert outputs.any()


def test_the_smallest_layer():
    layer = random_layer(ONE_PE, random.Random(1), 1, 1, 1.0)
    run_network(ONE_PE, [layer], np.array([-77], dtype=np.int16))


def test_overflow_is_seen():
    rng = random.Random(2)
    layer = random_layer(ONE_PE, rng, 30, 2, 1.0, scale=32000, shift=17, relu=False)
    layer.codebook = np.abs(layer.codebook)
    layer.weights = np.abs(layer.weights)
    assert run_network(ONE_PE, [layer], np.full(30, 32767, dtype=np.int16))[1]
