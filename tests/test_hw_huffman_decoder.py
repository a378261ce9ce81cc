import random

import pytest

from hw.huffman_decoder import HuffmanDecoder
from model.config import PRESETS
from tests.support_huffman import Layer, load_tables, random_lengths, skewed_lengths
from tests.support_hw import simulate

TINY = PRESETS["tiny4"]


class Reference:
    """What the decoder has written and shows, symbol by symbol; bit positions count from the layer's first bit."""

    def __init__(self, config):
        self.config = config
        self.row = self.slot = self.pointer = 0
        self.entries = []
        self.run = 0

    def finish_row(self):
        width = self.config.entry_bits
        data = sum(entry << slot * width for slot, entry in enumerate(self.entries))
        written = (self.row, data)
        self.row, self.slot, self.entries = self.row + 1, 0, []
        return written

    def pointer_written(self):
        self.pointer += 1
        return (self.pointer - 1, self.row << self.config.slot_bits | self.slot)

    def second_stage(self, kind, value):
        """(row write or None, pointer write or None) of one symbol."""
        row = pointer = None
        if kind == "run":
            self.run = value
        elif kind == "code":
            self.entries.append(self.run << self.config.code_bits | value)
            self.slot += 1
            if self.slot == self.config.entries_per_row:
                row = self.finish_row()
        else:
            pointer = self.pointer_written()
            if value and self.slot:
                row = self.finish_row()
        return row, pointer


def writes_of(ctx, dut):
    row = (ctx.get(dut.row_write.address), ctx.get(dut.row_write.data)) if ctx.get(dut.row_write.valid) else None
    pointer = None
    if ctx.get(dut.pointer_write.valid):
        pointer = (ctx.get(dut.pointer_write.address), ctx.get(dut.pointer_write.data))
    return row, pointer


def run_layers(config, layers, word_rate, seed=0):
    """Decode layers one after the other, each output compared in every cycle; returns the cycles of each layer."""
    dut = HuffmanDecoder(config)
    rng = random.Random(seed)
    reference = Reference(config)
    durations = []

    async def run_layer(ctx, layer):
        width = config.stream_bits
        await load_tables(ctx, dut, config, layer)
        ctx.set(dut.begin_codes, 1)
        ctx.set(dut.columns, len(layer.slices))
        assert writes_of(ctx, dut) == (None, reference.pointer_written())
        await ctx.tick()
        ctx.set(dut.begin_codes, 0)

        waiting, accepted, bit, number = list(layer.words), 0, 0, 0
        second, cycle = None, 0
        while number < len(layer.symbols) or second is not None:
            running = number < len(layer.symbols)
            offered = bool(waiting) and rng.random() < word_rate
            ctx.set(dut.word.valid, offered)
            ctx.set(dut.word.payload, waiting[0] if offered else rng.getrandbits(width))
            held = accepted - bit // width
            ready = held < 2 or not running
            decoded = running and bit + len(layer.symbols[number][2]) <= accepted * width
            kind = layer.symbols[number][0] if running else "end"
            state = {
                "running": running,
                "busy": 1,
                "error": 0,
                "high_valid": held >= 1,
                "low_valid": held >= 2,
                "position": bit % width,
                "alphabet": kind == "code",
                "row": reference.row,
                "slot": reference.slot,
                "pointer": reference.pointer,
                "decoded": decoded,
            }
            got = {name: ctx.get(getattr(dut, name)) for name in state} | {"ready": ctx.get(dut.word.ready)}
            assert (cycle, got) == (cycle, state | {"ready": ready})
            expected_writes = reference.second_stage(*second[:2]) if second else (None, None)
            assert (cycle, writes_of(ctx, dut)) == (cycle, expected_writes)
            await ctx.tick()
            second = None
            if decoded:
                second = layer.symbols[number]
                bit += len(second[2])
                number += 1
            if offered and ready:
                waiting.pop(0)
                accepted += running
            cycle += 1
        assert (ctx.get(dut.busy), ctx.get(dut.error)) == (0, 0)
        # Padding words are accepted and leave no trace.
        ctx.set(dut.word.valid, 1)
        before = [ctx.get(s) for s in (dut.high_valid, dut.low_valid, dut.position)]
        for _ in range(3):
            assert ctx.get(dut.word.ready) == 1
            await ctx.tick()
        assert [ctx.get(s) for s in (dut.high_valid, dut.low_valid, dut.position)] == before
        ctx.set(dut.word.valid, 0)
        durations.append(cycle)

    async def testbench(ctx):
        for layer in layers:
            await run_layer(ctx, layer)

    simulate(dut, testbench)
    return durations


def random_layer(config, rng, columns, *, skewed=False):
    runs, codes = list(range(config.run_symbols)), list(range(config.code_symbols))
    rng.shuffle(runs)
    rng.shuffle(codes)
    if skewed:
        runs = [*[s for s in runs if s != config.end_symbol][: config.max_code_length], config.end_symbol]
        codes = codes[: config.max_code_length + 1]
        run_lengths = skewed_lengths(runs, config.max_code_length)
        code_lengths = skewed_lengths(codes, config.max_code_length)
    else:
        run_lengths = random_lengths(rng, runs, config.max_code_length)
        code_lengths = random_lengths(rng, codes, config.max_code_length)
    used = [run for run in runs if run != config.end_symbol]
    slices = [
        [(rng.choice(used), rng.choice(codes)) for _ in range(rng.choice([0, 0, 1, 2, 3, 9]))] for _ in range(columns)
    ]
    return Layer(config, slices, run_lengths, code_lengths)


SIZES = [
    {},
    {"row_bits": 41, "stream_bits": 64},
    {"code_bits": 5, "index_bits": 3, "row_bits": 24, "stream_bits": 128, "constant_depth": 200},
    {"code_bits": 1, "index_bits": 1, "row_bits": 4, "max_code_length": 2},
    {"code_bits": 8, "index_bits": 8, "row_bits": 48, "max_code_length": 16, "layers": 1, "constant_depth": 260},
    {"code_bits": 8, "index_bits": 2, "row_bits": 64, "max_code_length": 9, "layers": 1, "constant_depth": 260},
]


@pytest.mark.parametrize("sizes", SIZES, ids=range(len(SIZES)))
@pytest.mark.parametrize("word_rate", [1.0, 0.15, 0.05])
def test_random_layers_in_every_cycle(sizes, word_rate):
    config = TINY.with_(**sizes)
    rng = random.Random(7)
    run_layers(config, [random_layer(config, rng, columns) for columns in (12, 1, 5)], word_rate)


@pytest.mark.parametrize(("stream_bits", "longest"), [(32, 8), (32, 16), (128, 16)])
@pytest.mark.parametrize("word_rate", [1.0, 0.1])
def test_longest_codes(stream_bits, longest, word_rate):
    config = TINY.with_(stream_bits=stream_bits, max_code_length=longest)
    layer = random_layer(config, random.Random(3), 20, skewed=True)
    assert max(layer.runs.lengths) == longest
    run_layers(config, [layer], word_rate)


@pytest.mark.parametrize("stream_bits", [32, 128])
def test_a_symbol_per_cycle_while_words_are_available(stream_bits):
    config = TINY.with_(stream_bits=stream_bits, max_code_length=16)
    runs = {config.end_symbol: 1, **dict.fromkeys(range(16), 16)}
    codes = dict.fromkeys(range(16), 16)
    layer = Layer(config, [[(run, 15 - run) for run in range(16)] for _ in range(4)], runs, codes)
    symbols = len(layer.symbols)
    # One cycle for the first word, one per symbol, one for the last symbol's second stage.
    assert run_layers(config, [layer], 1.0) == [1 + symbols + 1]


def test_alphabets_of_one_symbol_and_of_none():
    only = Layer(TINY, [[]] * 50, {TINY.end_symbol: 1}, {})
    one_code = Layer(TINY, [[(2, 5)] * 3] * 9, {2: 1, TINY.end_symbol: 1}, {5: 1})
    assert len(only.words) == 2
    run_layers(TINY, [only, one_code, only], 1.0)


def test_a_layer_starts_on_a_fresh_row():
    layer = Layer(TINY, [[(1, 1)], [(1, 1)] * 4], {1: 1, TINY.end_symbol: 1}, {1: 1})
    full = Layer(TINY, [[(1, 1)] * 4], {1: 1, TINY.end_symbol: 1}, {1: 1})
    reference = Reference(TINY)
    run_layers(TINY, [full, layer, full], 1.0)
    for symbol in layer.symbols:
        reference.second_stage(*symbol[:2])
    assert (reference.row, reference.slot) == (2, 0)


def drive(config, layer, words, *, ended=False, columns=None, rate=1):
    """A list of what every cycle showed, from the cycle after `begin`, for streams that end in an error."""
    dut = HuffmanDecoder(config)
    seen = []

    async def testbench(ctx):
        await load_tables(ctx, dut, config, layer)
        ctx.set(dut.begin_codes, 1)
        ctx.set(dut.columns, columns or len(layer.slices))
        await ctx.tick()
        ctx.set(dut.begin_codes, 0)
        waiting = list(words)
        for cycle in range(200):
            offered = bool(waiting) and cycle % rate == 0
            ctx.set(dut.word.valid, offered)
            ctx.set(dut.word.payload, waiting[0] if offered else 0)
            ctx.set(dut.stream_ended, ended and not waiting)
            names = ("decoded", "error", "running", "busy", "row", "slot", "pointer", "position")
            row, pointer = writes_of(ctx, dut)
            seen.append({name: ctx.get(getattr(dut, name)) for name in names} | {"writes": (row, pointer)})
            if offered and ctx.get(dut.word.ready):
                waiting.pop(0)
            await ctx.tick()
        assert not waiting

    simulate(dut, testbench)
    return seen


def error_cycle(seen):
    """The cycle in which the error happened; from the next one on it shows and nothing else happens."""
    cycle = [at["error"] for at in seen].index(1) - 1
    for at in seen[cycle + 1 :]:
        assert (at["error"], at["running"], at["busy"], at["decoded"], at["writes"]) == (1, 0, 0, 0, (None, None))
    assert seen[cycle]["writes"] == (None, None)
    for name in ("row", "slot", "pointer", "position"):
        assert seen[cycle][name] == seen[-1][name]
    return cycle


ONE_CODE = {"run_lengths": {2: 1, TINY.end_symbol: 1}, "code_lengths": {5: 1}}


def test_a_code_that_does_not_exist():
    # Runs: 0 = run 2, 1 = end; codes: 0 = code 5. The fourth symbol, a code, is 1.
    layer = Layer(TINY, [[(2, 5)]], **ONE_CODE)
    seen = drive(TINY, layer, [0b0001 << 28, 0])
    cycle = error_cycle(seen)
    assert (cycle, sum(at["decoded"] for at in seen)) == (4, 3)
    assert (seen[cycle]["slot"], seen[cycle]["row"], seen[cycle]["pointer"]) == (1, 0, 1)


def test_the_second_stage_is_void_in_the_cycle_of_an_error():
    # The first symbol after an end-of-column does not exist: the end's pointer is not written.
    layer = Layer(TINY, [[(2, 5)]] * 3, {2: 2, TINY.end_symbol: 2}, {5: 1})
    assert layer.runs.codes == {2: "00", TINY.end_symbol: "01"}
    seen = drive(TINY, layer, [0b00001_11 << 25, 0])
    cycle = error_cycle(seen)
    assert (cycle, sum(at["decoded"] for at in seen), seen[cycle]["pointer"]) == (4, 3, 1)


@pytest.mark.parametrize(("entries", "cycle"), [(8, 17), (9, 61)])
def test_a_missing_code_is_an_error_once_enough_bits_are_there(entries, cycle):
    # An entry takes 3 bits. At bit 24 the word still has the 8 bits of the longest code; at bit 27 it takes the second
    # word, offered in cycle 60, to know that no code fits.
    layer = Layer(TINY, [[(2, 5)]], {2: 2, TINY.end_symbol: 2}, {5: 1})
    text = ("000" * entries + "1").ljust(64, "0")
    seen = drive(TINY, layer, [int(text[:32], 2), int(text[32:], 2)], rate=60)
    assert (error_cycle(seen), sum(at["decoded"] for at in seen)) == (cycle, 2 * entries)


def test_full_sparse_matrix_memory():
    config = TINY.with_(sparse_matrix_depth=3)
    layer = Layer(config, [[(2, 5)] * 20], **ONE_CODE)
    seen = drive(config, layer, layer.words)
    cycle = error_cycle(seen)
    # 16 entries are 32 symbols, in cycles 1 to 32; the last one's second stage finds no row in 33.
    assert (cycle, sum(at["decoded"] for at in seen)) == (33, 32)
    rows = [at["writes"][0][0] for at in seen if at["writes"][0]]
    assert (rows, seen[-1]["row"], seen[-1]["slot"]) == ([0, 1, 2], 3, 3)


def test_a_layer_that_fills_the_memory_exactly():
    config = TINY.with_(sparse_matrix_depth=3)
    run_layers(config, [Layer(config, [[(2, 5)] * 12, []], **ONE_CODE)], 1.0)


def test_no_row_for_a_partly_filled_row():
    config = TINY.with_(sparse_matrix_depth=2)
    layer = Layer(config, [[(2, 5)] * 9], **ONE_CODE)
    seen = drive(config, layer, layer.words)
    assert (error_cycle(seen), sum(at["decoded"] for at in seen), seen[-1]["pointer"]) == (20, 19, 1)


def test_a_stream_that_ends_early():
    layer = Layer(TINY, [[(2, 5)] * 20], **ONE_CODE)
    assert len(layer.words) == 2
    seen = drive(TINY, layer, layer.words[:1], ended=True)
    assert (error_cycle(seen), sum(at["decoded"] for at in seen)) == (33, 32)
    assert error_cycle(drive(TINY, layer, [], ended=True)) == 0


def test_the_end_of_the_stream_is_no_error_while_symbols_remain():
    layer = Layer(TINY, [[(2, 5)] * 20], **ONE_CODE)
    seen = drive(TINY, layer, layer.words, ended=True)
    assert [at["error"] for at in seen] == [0] * len(seen)
    assert sum(at["decoded"] for at in seen) == 41


def test_load_returns_to_the_first_row_and_pointer():
    config = TINY
    dut = HuffmanDecoder(config)
    layer = Layer(config, [[(2, 5)] * 3], **ONE_CODE)

    async def testbench(ctx):
        await load_tables(ctx, dut, config, layer)
        for load in (0, 1):
            ctx.set(dut.load, load)
            await ctx.tick()
            ctx.set(dut.load, 0)
            ctx.set(dut.columns, 1)
            ctx.set(dut.begin_codes, 1)
            assert writes_of(ctx, dut) == (None, (0, 0))
            await ctx.tick()
            ctx.set(dut.begin_codes, 0)
            ctx.set(dut.word.valid, 1)
            ctx.set(dut.word.payload, layer.words[0])
            for _ in range(12):
                await ctx.tick()
            ctx.set(dut.word.valid, 0)
            assert [ctx.get(s) for s in (dut.busy, dut.row, dut.slot, dut.pointer)] == [0, 1, 0, 2]

    simulate(dut, testbench)
