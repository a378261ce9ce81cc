"""A processing element against sections 6 and 8 of the contract: every cycle, output, counter and error."""

import random
from types import SimpleNamespace

import numpy as np
import pytest

from hw.pe.processing_element import ProcessingElement
from model.config import PRESETS
from model.fixed_point import layer_reference
from model.registers import PeCounter, PeError
from tests.support.hw.faults import faulty_memory
from tests.support.hw.pe_bench import (
    Control,
    load_network,
    random_activations,
    random_layer,
    read_outputs,
    shown,
    write_activations,
)
from tests.support.hw.units import simulate

ONE_PE = PRESETS["tiny4"].with_(pes=1)


def expected_trace(config, layer, activations):
    """Queue and valid chain of every cycle of the layer, from the recurrence of section 8."""
    lanes, pes = config.broadcasts_per_cycle, config.pes
    room = config.queue_depth - lanes
    active = np.flatnonzero(activations).tolist()
    decided, finished, lane_of, issued, held = [], [], [], [], []
    queued = []  # of the slices that enter the queue: cycle of the decision and of the last entry
    for j, column in enumerate(active):
        paired = j > 0 and lane_of[-1] + 1 < lanes and active[j - 1] // pes == column // pes
        lane_of.append(lane_of[-1] + 1 if paired else 0)
        if not paired:
            gap = column // pes - (active[j - 1] // pes if j else 0)
            at = decided[-1] + max(gap, 1) if j else 4 + gap
            while sum(c >= at - 5 for c in decided) + sum(b < at - 5 and p >= at - 1 for b, p in queued) > room:
                at += 1
        decided.append(at)
        entries = layer.slices[column]
        if config.skip_empty_slices and not entries:
            continue
        begins = max(finished[-1] if finished else 0, at + 5) + 1
        issued += [(begins + number, code) for number, (_, code) in enumerate(entries)]
        finished.append(begins + max(len(entries), 1) - 1)
        queued.append((at, finished[-1]))
        held += range(begins, finished[-1] + 1)
    exhausted = decided[-1] + layer.in_rows - 1 - active[-1] // pes if active else 3 + layer.in_rows
    drained = max(exhausted + 1, decided[-1] + 5 if active else 0, 1 + max(finished, default=0))
    cycles = drained + layer.out_rows + 10

    trace = [dict.fromkeys(shown(config), 0) for _ in range(cycles)]
    for begin, lane in zip(decided, lane_of, strict=True):
        trace[begin + 3][f"p_valid_{lane}"] = 1
        trace[begin + 4][f"q_valid_{lane}"] = 1
    for begin, end in queued:
        for cycle in range(begin + 5, end + 1):
            trace[cycle]["queue_count"] += 1
    for cycle in held:
        trace[cycle]["issue_valid"] = 1
    write_backs = [(drained + 1 + row, None) for row in range(layer.out_rows)]
    for cycle, code in issued + write_backs:
        stages = "msd" if code == 0 else "msdwxrck" if code else "msdwxrcko"
        for age, stage in enumerate(stages, 1):
            trace[cycle + age][f"{stage}_valid"] = 1
    starved = sum(not at["issue_valid"] for at in trace[4 : drained + 1])
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
        await write_activations(ctx, dut, config, activations)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        control = Control(ctx, dut, config)
        column_base, bias_base = 0, config.bias_base
        source, sources, starved, overflow = activations, [], 0, False
        for number, layer in enumerate(layers):
            await control.run_layer(layer, source, number, number % 2, column_base, bias_base)
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
            column_base += len(layer.slices) + 1
            bias_base += layer.out_rows
        outputs = await read_outputs(ctx, dut, layers[-1].out_rows, len(layers) % 2)
        assert outputs.tolist() == source.tolist()
        assert (ctx.get(dut.overflow), ctx.get(dut.error)) == (overflow, PeError.NONE)
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


@pytest.mark.parametrize("density", [0.0, 0.1, 0.4, 1.0])
@pytest.mark.parametrize(
    "sizes",
    [
        {},
        {"queue_depth": 1, "row_bits": 24, "activation_depth": 21, "index_bits": 1},
        {"queue_depth": 3, "code_bits": 5, "index_bits": 2, "row_bits": 45, "accumulator_bits": 41, "layers": 2},
        {"queue_depth": 9, "pe_counters": False, "stream_bits": 128, "index_bits": 6, "row_bits": 20},
        {"queue_depth": 2, "skip_empty_slices": True, "parity": True},
        {"pes": 2, "broadcasts_per_cycle": 2, "queue_depth": 4, "parity": True},
        {"pes": 3, "broadcasts_per_cycle": 2, "queue_depth": 6, "skip_empty_slices": True, "sparse_matrix_depth": 400},
    ],
    ids=range(7),
)
def test_a_layer(sizes, density):
    config = ONE_PE.with_(**sizes)
    rng = random.Random(f"{sizes} {density}")
    layer = random_layer(config, rng, 21, 20, density, relu=density < 0.5)
    run_network(config, [layer], random_activations(rng, 21 * config.pes, 0.6))


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


def test_an_entry_past_the_last_row_is_dropped_and_told():
    rng = random.Random(3)
    config = ONE_PE
    layer = random_layer(config, rng, 9, 20, 0.7, relu=False)
    short = SimpleNamespace(**vars(layer) | {"out_rows": 6})
    dut = ProcessingElement(config)
    activations = random_activations(rng, 9, 1.0)

    async def testbench(ctx):
        await load_network(ctx, dut, config, [layer])
        await write_activations(ctx, dut, config, activations)
        control = Control(ctx, dut, config)
        outputs = []
        for source, of in ((activations, short), (np.zeros(9, dtype=np.int16), layer)):
            await control.run_layer(of, source, bias_base=config.bias_base)
            outputs.append((await read_outputs(ctx, dut, of.out_rows, 1)).tolist())
            await write_activations(ctx, dut, config, np.zeros(9, dtype=np.int16))
            assert ctx.get(dut.error) == PeError.ROW
        options = (layer.shift, layer.relu, config.accumulator_bits)
        whole, _ = layer_reference(layer.weights, layer.biases, layer.bias_scale, activations, *options)
        nothing, _ = layer_reference(layer.weights, layer.biases, layer.bias_scale, activations * 0, *options)
        # The rows of the short layer are right, and the accumulators of the others were not touched.
        assert outputs == [whole[:6].tolist(), nothing.tolist()]
        ctx.set(dut.counter_select, PeCounter.ACCUMULATOR_WRITES)
        columns = np.flatnonzero(activations)
        assert ctx.get(dut.counter) == np.count_nonzero(layer.weights[:6, columns]) + 6 + 20

    simulate(dut, testbench)


@pytest.mark.parametrize("parity", [False, True])
@pytest.mark.parametrize("row_bits", [32, 24])
@pytest.mark.parametrize("seed", range(3))
def test_changed_pointers_never_keep_it_from_finishing(seed, row_bits, parity, monkeypatch):
    rng = random.Random(seed)
    config = ONE_PE.with_(row_bits=row_bits, parity=parity, sparse_matrix_depth=90, skip_empty_slices=seed == 2)
    layer = random_layer(config, rng, 20, 20, 0.5)
    bits = config.pointer_bits + parity
    faults = {address: rng.getrandbits(bits) for address in rng.sample(range(1, 10), 6)}
    monkeypatch.setattr("hw.pe.pointer_memory.BlockMemory", faulty_memory(faults))
    dut = ProcessingElement(config)
    activations = random_activations(rng, 20, 1.0)

    async def testbench(ctx):
        await load_network(ctx, dut, config, [layer])
        await write_activations(ctx, dut, config, activations)
        control = Control(ctx, dut, config)
        await control.run_layer(layer, activations, bias_base=config.bias_base)
        assert ctx.get(dut.error) in (PeError.ROW, PeError.POINTER, PeError.PARITY)
        assert len(control.trace) < 20 << config.pointer_bits

    simulate(dut, testbench)


@pytest.mark.parametrize(("memory", "wrong"), [("pointer_memory", {4: 1 << 11}), ("sparse_matrix_memory", {5: 1})])
def test_a_changed_word_is_told_by_parity(memory, wrong, monkeypatch):
    rng = random.Random(9)
    config = ONE_PE.with_(parity=True)
    assert config.pointer_bits == 11
    layer = random_layer(config, rng, 20, 20, 0.5)
    monkeypatch.setattr(f"hw.pe.{memory}.BlockMemory", faulty_memory(wrong))
    dut = ProcessingElement(config)
    seen = []

    async def testbench(ctx):
        await load_network(ctx, dut, config, [layer])
        control = Control(ctx, dut, config)
        # Columns that do not use the word, then all.
        for used in (2, 20):
            activations = np.array([1] * used + [0] * (20 - used), dtype=np.int16)
            await write_activations(ctx, dut, config, activations)
            await control.run_layer(layer, activations, bias_base=config.bias_base)
            seen.append(ctx.get(dut.error))

    simulate(dut, testbench)
    assert seen == [PeError.NONE, PeError.PARITY]


def test_of_two_errors_in_a_cycle_the_lower_is_told(monkeypatch):
    """A changed pointer that lies behind the end of its slice."""
    config = ONE_PE.with_(parity=True)
    layer = random_layer(config, random.Random(9), 20, 20, 0.5)
    monkeypatch.setattr("hw.pe.pointer_memory.BlockMemory", faulty_memory({4: 1 << config.pointer_bits - 1}))
    dut = ProcessingElement(config)
    activations = np.zeros(20, dtype=np.int16)
    activations[9] = 1  # from a pointer in word 4 to one in word 5

    async def testbench(ctx):
        await load_network(ctx, dut, config, [layer])
        await write_activations(ctx, dut, config, activations)
        await Control(ctx, dut, config).run_layer(layer, activations, bias_base=config.bias_base)
        assert ctx.get(dut.error) == PeError.POINTER

    simulate(dut, testbench)


def test_the_first_error_stays():
    config = ONE_PE
    dut = ProcessingElement(config)

    async def testbench(ctx):
        ctx.set(dut.columns, 1)
        ctx.set(dut.begin_codes, 1)
        await ctx.tick()
        ctx.set(dut.begin_codes, 0)
        ctx.set(dut.word.valid, 1)
        # The tree is empty: taken, walked, acted on.
        for error in (0, 0, 0, PeError.CODE, PeError.CODE):
            assert (ctx.get(dut.error), ctx.get(dut.decoder_busy)) == (error, not error)
            await ctx.tick()
        ctx.set(dut.begin_codes, 1)
        await ctx.tick()
        ctx.set(dut.begin_codes, 0)
        ctx.set(dut.word.valid, 0)
        ctx.set(dut.stream_ended, 1)
        for busy in (1, 0, 0):
            assert (ctx.get(dut.error), ctx.get(dut.decoder_busy)) == (PeError.CODE, busy)
            await ctx.tick()

    simulate(dut, testbench)
