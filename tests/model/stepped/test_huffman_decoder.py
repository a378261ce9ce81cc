"""The Huffman decoder of the stepped model: what it writes, its errors (section 5) and their cycles."""

import numpy as np
import pytest

from model.layouts import CODE_ALPHABET, RUN_ALPHABET, LoaderState, TreeKind, tree_address, tree_word
from model.registers import ADDRESS, Error, PeError
from model.stepped.array import SteppedArray
from model.stepped.signals import Inputs
from tests.support.hw.stepped import Host
from tests.support.images.random_images import encode_layer, layer_from_codes, random_network_image, small_config

CODEBOOK = np.arange(16, dtype=np.int16)


def load(config, words) -> Host:
    """Send a LAYER packet to a fresh array and let it be decoded."""
    host = Host(SteppedArray(config))
    host.send(words)
    for _ in range(400):
        host.tick()
    return host


@pytest.mark.parametrize("stream_bits", [32, 128])
@pytest.mark.parametrize("shape", ["balanced", "longest", "random"])
def test_memories_hold_the_image(stream_bits, shape):
    config = small_config(pes=3, stream_bits=stream_bits, max_code_length=12)
    rng = np.random.default_rng(4)
    layer = random_network_image(rng, config, [12, 20], 0.4).layers[0]
    host = load(config, encode_layer(config, layer, rng, shape))
    assert host.error() == Error.NONE
    per_row, symbols = config.entries_per_row, layer.decoded_symbols()
    for number, pe in enumerate(host.array.pes):
        low, high = layer.offsets[number], layer.offsets[number + 1]
        entries = layer.runs[low:high].astype(int) << config.code_bits | layer.codes[low:high]
        rows = pe.sparse_matrix_memory.rows.words
        stored = [
            rows[at // per_row] >> at % per_row * config.entry_bits & (1 << config.entry_bits) - 1
            for at in range(high - low)
        ]
        assert stored == entries.tolist()
        banks = pe.pointer_memory.banks
        pointers = [banks[at & 1].words[at >> 1] for at in range(layer.columns + 1)]
        wanted = [at // per_row << config.slot_bits | at % per_row for at in layer.pointers[number].tolist()]
        assert pointers == wanted
        debug = pe.debug()
        assert debug["decoder_row"] == -(-(high - low) // per_row)
        assert debug["decoder_slot"] == 0
        assert debug["decoder_pointer"] == layer.columns + 1
        assert debug["decoded_symbols"] == symbols[number]


def single_layer(config, codes):
    return layer_from_codes(config, np.array(codes), CODEBOOK, [0] * len(codes))


def word_position(config, layer) -> int:
    """Where the first code word lies in a LAYER packet."""
    biases = 0 if layer.keep else layer.out_rows * config.groups
    return 1 + 4 + config.tree_words + config.code_symbols + biases


def test_a_bit_per_cycle():
    """Two bits per entry and one for the end: the word of 32 is asked for anew once every bit has been read."""
    config = small_config(pes=1)
    layer = single_layer(config, [[1] * 9])
    words = encode_layer(config, layer)
    assert len(words) == word_position(config, layer) + 1
    host = Host(SteppedArray(config))
    host.send(words[:-1])
    host.tick()
    (before,) = host.array.debug()[1]
    assert (before["decoder_running"], before["decoder_fresh"], before["decoder_bits_left"]) == (1, 1, 0)
    host.send(words[-1:])
    seen = []
    while host.array.debug()[1][0]["decoder_running"]:
        (pe,) = host.array.debug()[1]
        seen.append((pe["decoder_bits_left"], pe["decoder_walked"], pe["decoded_symbols"]))
        host.tick()
    bits = 9 * 3
    assert seen == [(32 - cycle, int(cycle > 0), max(0, cycle - 1)) for cycle in range(bits + 1)]
    assert host.array.debug()[1][0]["decoder_bits_left"] == 0
    assert host.array.debug()[1][0]["decoded_symbols"] == bits


def test_a_word_is_taken_when_every_bit_of_the_one_before_was_read():
    config = small_config(pes=1)
    host = Host(SteppedArray(config))
    host.send(encode_layer(config, single_layer(config, [[1] * 16]))[:-1])
    waited = 0
    while not host.array.outputs(Inputs(i_valid=1)).i_ready:
        host.tick()
        waited += 1
    assert waited == config.stream_bits
    assert host.array.debug()[1][0]["decoder_bits_left"] == 0


def changed_tree(config, layer, alphabet, node, bit, word):
    """The packet of a layer with another word in its trees."""
    words = encode_layer(config, layer)
    words[5 + tree_address(config, alphabet, node, bit)] = word
    return words


def pe_errors(host):
    return [pe["error"] for pe in host.array.debug()[1]]


def test_code_that_does_not_exist():
    config = small_config(pes=2)
    words = encode_layer(config, single_layer(config, np.ones((4, 2), dtype=int)))
    words[-1] |= 1 << config.stream_bits - 2  # code 1 is the only weight code, and its codeword is 0
    host = load(config, words)
    assert host.error() == Error.CODE
    assert host.read(ADDRESS["ERROR_PE"]) == 1
    assert pe_errors(host) == [0, PeError.CODE]
    assert host.array.debug()[1][1]["decoded_symbols"] == 1


@pytest.mark.parametrize(
    ("alphabet", "word", "error"),
    [
        (RUN_ALPHABET, tree_word(TreeKind.NONE), PeError.CODE),
        (CODE_ALPHABET, tree_word(TreeKind.NONE), PeError.CODE),
        (CODE_ALPHABET, tree_word(TreeKind.END), PeError.CODE),
        (CODE_ALPHABET, tree_word(TreeKind.NODE), PeError.STREAM),  # a tree that leads back to its root
        (RUN_ALPHABET, tree_word(TreeKind.END), PeError.NONE),  # all columns are empty
    ],
)
def test_any_tree(alphabet, word, error):
    """The first bit of the stream, run 0, or of the code after it leads to this word."""
    config = small_config(pes=1)
    layer = single_layer(config, np.ones((4, 2), dtype=int))
    words = encode_layer(config, layer)
    at = word_position(config, layer)
    words[at:] = [0] * (len(words) - at)
    run = words[5 + tree_address(config, RUN_ALPHABET, 0, 0)]
    assert run & 3 == TreeKind.SYMBOL
    words[5 + tree_address(config, alphabet, 0, 0)] = word
    host = load(config, words)
    assert pe_errors(host) == [error]
    assert host.error() == Error[error.name]
    assert host.array.debug()[0]["loader_state"] == (LoaderState.ERROR if error else LoaderState.HEADER)


def test_symbols_wider_than_a_run_or_a_code():
    """Of a symbol's value the run takes the low index_bits, the code the low code_bits."""
    config = small_config(pes=1, code_bits=3, index_bits=5)
    layer = layer_from_codes(config, np.array([[1]]), CODEBOOK[:8], [0])
    host = load(config, changed_tree(config, layer, CODE_ALPHABET, 0, 0, tree_word(TreeKind.SYMBOL, 0b11010)))
    assert host.array.pes[0].sparse_matrix_memory.rows.words[0] == 0b010


def test_an_error_voids_what_its_cycle_would_have_done():
    """A second layer of two empty columns, whose first end is an impossible code instead."""
    config = small_config(pes=1)
    empty = encode_layer(config, layer_from_codes(config, np.zeros((1, 2), dtype=int), CODEBOOK, [0]))
    good = load(config, encode_layer(config, single_layer(config, [[1]])) + empty)
    invalid = [*empty[:-1], 1 << config.stream_bits - 1]
    bad = load(config, encode_layer(config, single_layer(config, [[1]])) + invalid)
    assert (good.error(), bad.error()) == (Error.NONE, Error.CODE)
    pointers = [[bank.words[:3] for bank in host.array.pes[0].pointer_memory.banks] for host in (good, bad)]
    row = 1 << config.slot_bits
    assert pointers == [[[0, row, row], [1, row, 0]], [[0, row, 0], [1, 0, 0]]]
    assert bad.array.debug()[1][0]["decoder_pointer"] == 3


def test_stream_ends_early():
    config = small_config(pes=2)
    layer = random_network_image(np.random.default_rng(0), config, [20, 20], 0.9).layers[0]
    host = load(config, encode_layer(config, layer, drop_words=1))
    assert host.error() == Error.STREAM
    assert PeError.STREAM in pe_errors(host)
    assert not any(pe["decoder_running"] for pe in host.array.debug()[1])


@pytest.mark.parametrize(("entries", "error"), [(8, PeError.NONE), (9, PeError.MEMORY)])
def test_sparse_matrix_memory_full(entries, error):
    config = small_config(pes=1, sparse_matrix_depth=2)
    host = load(config, encode_layer(config, single_layer(config, [[1]] * entries)))
    assert pe_errors(host) == [error]
    assert host.error() == Error[error.name]
    assert host.array.debug()[1][0]["decoder_pointer"] == (1 if error else 2)


def test_full_row_past_the_end():
    config = small_config(pes=1, sparse_matrix_depth=2)
    host = load(config, encode_layer(config, single_layer(config, [[1]] * 12 + [[0]] * 3)))
    debug = host.array.debug()[1][0]
    assert (debug["error"], debug["decoder_row"], debug["decoder_slot"]) == (PeError.MEMORY, 2, 3)


def test_error_reaches_the_loader_in_the_next_cycle():
    config = small_config(pes=1, sparse_matrix_depth=2)
    host = Host(SteppedArray(config))
    host.send(encode_layer(config, single_layer(config, [[1]] * 12)))
    while not pe_errors(host)[0]:
        assert host.array.debug()[0]["loader_state"] != LoaderState.ERROR
        host.tick()
    assert host.array.debug()[0]["loader_state"] == LoaderState.WAIT
    host.tick()
    assert host.array.debug()[0]["loader_state"] == LoaderState.ERROR
    assert host.array.debug()[0]["loader_error"] == Error.MEMORY
    assert pe_errors(host) == [PeError.MEMORY]


def test_the_lowest_pe_with_an_error_is_named():
    config = small_config(pes=3, sparse_matrix_depth=2)
    codes = np.ones((36, 1), dtype=int)
    codes[::3] = 0  # PE 0 has nothing to store
    host = load(config, encode_layer(config, single_layer(config, codes)))
    assert pe_errors(host) == [PeError.NONE, PeError.MEMORY, PeError.MEMORY]
    assert host.error() == Error.MEMORY
    assert host.read(ADDRESS["ERROR_PE"]) == 1


def test_a_new_layer_starts_on_a_fresh_row():
    config = small_config(pes=1)
    layer = encode_layer(config, single_layer(config, [[1]] * 5))
    host = load(config, layer + layer)
    debug = host.array.debug()[1][0]
    assert (debug["decoder_row"], debug["decoder_slot"], debug["decoder_pointer"]) == (4, 0, 4)


def test_words_after_the_last_symbol_are_discarded():
    config = small_config(pes=2)
    codes = np.zeros((16, 2), dtype=int)
    codes[1::2] = 1 + np.arange(16).reshape(8, 2) % 15
    host = Host(SteppedArray(config), stall=0.7)
    host.load(encode_layer(config, single_layer(config, codes)))
    empty, full = host.array.debug()[1]
    assert (empty["decoder_bits_left"], full["decoder_bits_left"]) == (0, 0)
    assert (empty["decoded_symbols"], full["decoded_symbols"]) == (2, 2 * 16 + 2)


@pytest.mark.parametrize("broadcasts_per_cycle", [1, 2])
def test_rows_and_pointers_have_an_even_number_of_ones(broadcasts_per_cycle):
    config = small_config(parity=True, broadcasts_per_cycle=broadcasts_per_cycle)
    rng = np.random.default_rng(4)
    image = random_network_image(rng, config, [12, 20], 0.4)
    host = load(config, encode_layer(config, image.layers[0], rng))
    plain = load(config.with_(parity=False), encode_layer(config, image.layers[0], np.random.default_rng(4)))
    for pe, without in zip(host.array.pes, plain.array.pes, strict=True):
        memories = [(pe.sparse_matrix_memory.rows, without.sparse_matrix_memory.rows, config.row_bits)]
        for copy in pe.pointer_memory.copies:
            for bank, bank_without in zip(copy, without.pointer_memory.banks, strict=True):
                memories.append((bank, bank_without, config.pointer_bits))
        for memory, memory_without, width in memories:
            assert any(memory.words)
            assert not any(word.bit_count() % 2 for word in memory.words)
            assert [word & (1 << width) - 1 for word in memory.words] == memory_without.words
