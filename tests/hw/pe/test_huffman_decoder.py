"""The Huffman decoder against section 5 of the contract in every cycle: layers, errors, any trees and words."""

import random

import pytest

from model.layouts import CODE_ALPHABET, TreeKind, tree_address, tree_word
from tests.support.hw.huffman_bench import (
    ERRORS,
    TINY,
    Bench,
    decode,
    expected_writes,
    layer_tree,
    random_layer,
    written,
)
from tests.support.hw.units import simulate
from tests.support.images.huffman import Layer

MAPS = {"maps": True, "accumulator_depth": 24}
SIZES = [
    {},
    {"row_bits": 41, "stream_bits": 64},
    {"code_bits": 5, "index_bits": 3, "row_bits": 24, "stream_bits": 128, "constant_depth": 200},
    {"code_bits": 1, "index_bits": 1, "row_bits": 4, "max_code_length": 2},
    {"row_bits": 24, **MAPS},
    {"code_bits": 8, "index_bits": 8, "row_bits": 48, "max_code_length": 16, "layers": 1, "constant_depth": 260},
    {"code_bits": 8, "index_bits": 2, "row_bits": 64, "max_code_length": 9, "layers": 1, "constant_depth": 260},
]


@pytest.mark.parametrize("sizes", SIZES, ids=range(len(SIZES)))
@pytest.mark.parametrize("word_rate", [1.0, 0.15, 0.05])
def test_random_layers_in_every_cycle(sizes, word_rate):
    config = TINY.with_(**sizes)
    rng = random.Random(7)
    layers = [random_layer(config, rng, columns) for columns in (12, 1, 5)]
    assert decode(config, layers, word_rate)[1] == expected_writes(config, layers)


@pytest.mark.parametrize(("stream_bits", "longest"), [(32, 8), (32, 16), (128, 16)])
@pytest.mark.parametrize("word_rate", [1.0, 0.1])
def test_longest_codes(stream_bits, longest, word_rate):
    config = TINY.with_(stream_bits=stream_bits, max_code_length=longest)
    layer = random_layer(config, random.Random(3), 20, skewed=True)
    assert max(layer.runs.lengths) == longest
    assert decode(config, [layer], word_rate)[1] == expected_writes(config, [layer])


@pytest.mark.parametrize("stream_bits", [32, 128])
def test_a_bit_per_cycle_while_words_are_available(stream_bits):
    config = TINY.with_(stream_bits=stream_bits)
    layer = random_layer(config, random.Random(4), 30)
    bits = sum(len(code) for _, _, code in layer.symbols)
    # A cycle for each word, one per bit, one in which the last bit is acted on.
    assert decode(config, [layer])[0] == [bits + len(layer.words) + 1]
    assert decode(config.with_(**MAPS), [layer])[0] == [bits + len(layer.words) + 2]


def test_alphabets_of_one_symbol_and_of_none():
    only = Layer(TINY, [[]] * 50, {TINY.end_symbol: 1}, {})
    one_code = Layer(TINY, [[(2, 5)] * 3] * 9, {2: 1, TINY.end_symbol: 1}, {5: 1})
    assert len(only.words) == 2
    assert decode(TINY, [only, one_code, only])[1] == expected_writes(TINY, [only, one_code, only])


def test_a_layer_starts_on_a_fresh_row():
    layer = Layer(TINY, [[(1, 1)], [(1, 1)] * 4], {1: 1, TINY.end_symbol: 1}, {1: 1})
    full = Layer(TINY, [[(1, 1)] * 4], {1: 1, TINY.end_symbol: 1}, {1: 1})
    rows, pointers = decode(TINY, [full, layer, full])[1]
    assert (rows, pointers) == expected_writes(TINY, [full, layer, full])
    assert (len(rows), pointers[2]) == (4, (2, 1 << TINY.slot_bits))


ONE_CODE = {"run_lengths": {2: 1, TINY.end_symbol: 1}, "code_lengths": {5: 1}}


def fail(config, tree, words, *, columns=20, ended=False, cycles=300):
    """What every cycle showed, of a layer that ends in an error: nothing happens after it, whatever words come."""
    bench = Bench(config)

    async def testbench(ctx):
        await bench.write_tree(ctx, tree)
        await bench.begin(ctx, columns)
        assert await bench.feed(ctx, words, cycles=cycles, ended=ended) == []

    simulate(bench.dut, testbench)
    cycle = next(number for number, at in enumerate(bench.seen) if any(at[name] for name in ERRORS))
    for at in bench.seen[cycle + 1 :]:
        assert [at[name] for name in ("busy", "walked", "decoded", "bits_left", *ERRORS)] == [0] * 7
        assert at["writes"] == (None, None)
        for name in ("row", "slot", "pointer"):
            assert at[name] == bench.seen[cycle][name]
    error = next(name for name in ERRORS if bench.seen[cycle][name])
    return error, cycle, sum(at["decoded"] for at in bench.seen), bench.seen[cycle]


def test_a_code_that_does_not_exist():
    # Runs: 0 = run 2, 1 = end; codes: 0 = code 5. The fourth bit, a code, is 1.
    layer = Layer(TINY, [[(2, 5)]], **ONE_CODE)
    error, cycle, decoded, at = fail(TINY, layer_tree(TINY, layer), [0b0001 << 28, 0])
    # The word is taken in cycle 0, its bits are walked in 1 to 4, the fourth is acted on in 5.
    assert (error, cycle, decoded) == ("code_error", 5, 3)
    assert (at["slot"], at["row"], at["pointer"]) == (1, 0, 1)


def test_the_end_of_a_column_has_no_place_among_the_codes():
    tree = layer_tree(TINY, Layer(TINY, [[(2, 5)]], **ONE_CODE))
    tree[tree_address(TINY, CODE_ALPHABET, 0, 0)] = tree_word(TreeKind.END)
    assert fail(TINY, tree, [0, 0])[:3] == ("code_error", 3, 1)


def test_an_empty_tree_and_a_tree_that_loops():
    assert fail(TINY, [0] * TINY.tree_words, [0, 0])[:3] == ("code_error", 2, 0)
    loop = [tree_word(TreeKind.NODE, address >> 1 & 15) for address in range(TINY.tree_words)]
    # The loop eats all words; then the stream is at its end.
    assert fail(TINY, loop, [0, 1 << 30, 3], ended=True)[:3] == ("stream_error", 3 * 33 + 1, 0)


def test_full_sparse_matrix_memory():
    config = TINY.with_(sparse_matrix_depth=3)
    layer = Layer(config, [[(2, 5)] * 20], **ONE_CODE)
    error, cycle, decoded, at = fail(config, layer_tree(config, layer), layer.words)
    # 16 entries are the 32 bits of the first word, walked in cycles 1 to 32; the last one finds no row in 33.
    assert (error, cycle, decoded, at["row"], at["slot"]) == ("memory_error", 33, 31, 3, 3)


def test_a_layer_that_fills_the_memory_exactly():
    config = TINY.with_(sparse_matrix_depth=3)
    layers = [Layer(config, [[(2, 5)] * 12, []], **ONE_CODE)]
    assert decode(config, layers)[1] == expected_writes(config, layers)


def test_no_row_for_a_partly_filled_row():
    config = TINY.with_(sparse_matrix_depth=2)
    layer = Layer(config, [[(2, 5)] * 9], **ONE_CODE)
    error, cycle, decoded, at = fail(config, layer_tree(config, layer), layer.words, columns=1)
    assert (error, cycle, decoded, at["pointer"], at["slot"]) == ("memory_error", 20, 18, 1, 1)


def test_a_stream_that_ends_early():
    layer = Layer(TINY, [[(2, 5)] * 20], **ONE_CODE)
    assert len(layer.words) == 2
    tree = layer_tree(TINY, layer)
    assert fail(TINY, tree, layer.words[:1], columns=1, ended=True)[:3] == ("stream_error", 34, 32)
    assert fail(TINY, tree, [], ended=True)[:2] == ("stream_error", 0)


def test_the_end_of_the_stream_is_no_error_while_bits_remain():
    layer = Layer(TINY, [[(2, 5)] * 20], **ONE_CODE)
    bench = Bench(TINY)

    async def testbench(ctx):
        await bench.write_tree(ctx, layer_tree(TINY, layer))
        await bench.begin(ctx, 1)
        await bench.feed(ctx, layer.words, ended=True, cycles=90)

    simulate(bench.dut, testbench)
    assert not any(at[name] for at in bench.seen for name in ERRORS)
    assert sum(at["decoded"] for at in bench.seen) == 41


@pytest.mark.parametrize("maps", [{}, MAPS], ids=["", "maps"])
@pytest.mark.parametrize("seed", range(6))
def test_any_tree_and_any_words(seed, maps):
    # Whatever the trees and the stream hold, the decoder does as the contract says and stops.
    config = TINY.with_(sparse_matrix_depth=5, pointer_depth=64, **({"index_bits": 2} if seed % 2 else {}), **maps)
    rng = random.Random(seed)
    for columns in (1, 3, 40):
        bench = Bench(config)
        kinds = [TreeKind.NODE, TreeKind.SYMBOL, TreeKind.SYMBOL, TreeKind.END]
        if seed > 2:
            kinds.append(TreeKind.NONE)
        tree = [tree_word(rng.choice(kinds), rng.randrange(1 << config.node_bits)) for _ in range(config.tree_words)]
        words = [rng.getrandbits(32) for _ in range(12)]

        async def testbench(ctx, bench=bench, tree=tree, words=words, columns=columns):
            await bench.write_tree(ctx, tree)
            await bench.begin(ctx, columns)
            await bench.feed(ctx, words, rate=0.5, rng=rng, ended=True)
            assert not bench.reference.running

        simulate(bench.dut, testbench)


def test_load_returns_to_the_first_row_and_pointer():
    bench = Bench(TINY)
    layer = Layer(TINY, [[(2, 5)] * 3], **ONE_CODE)

    async def testbench(ctx):
        for load in (0, 1):
            ctx.set(bench.dut.load, load)
            await ctx.tick()
            ctx.set(bench.dut.load, 0)
            bench.reference.row = bench.reference.pointer = 0
            await bench.write_tree(ctx, layer_tree(TINY, layer))
            await bench.begin(ctx, 1)
            await bench.feed(ctx, layer.words)

    simulate(bench.dut, testbench)
    assert written(bench.seen)[1] == [(0, 0), (1, 3)] * 2
