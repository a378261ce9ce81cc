"""The Huffman decoder of the stepped model: what it writes, its errors (section 5) and their cycles."""

import numpy as np
import pytest

from model.layouts import LoaderState
from model.registers import Error
from model.stepped.array import SteppedArray
from tests.support_images import encode_layer, layer_from_codes, random_network_image, small_config
from tests.support_stepped import Host

CODEBOOK = np.arange(16, dtype=np.int16)


def load(config, words) -> Host:
    """Send a LAYER packet to a fresh array and let it be decoded."""
    host = Host(SteppedArray(config))
    host.send(words)
    for _ in range(200):
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


def test_a_symbol_per_cycle():
    """The last of 2 * 8 + 1 symbols of two bits at most is consumed 17 cycles after the first."""
    config = small_config(pes=1)
    words = encode_layer(config, single_layer(config, [[1]] * 8))
    host = Host(SteppedArray(config))
    host.send(words[:-1])
    running = []
    host.send(words[-1:])
    while host.array.debug()[1][0]["decoder_running"]:
        running.append(host.array.debug()[1][0]["decoded_symbols"])
        host.tick()
    assert len(words) == 1 + 4 + 16 + 1 + 33 + 16 + 8 + 1
    assert running == list(range(17))


def test_code_that_does_not_exist():
    config = small_config(pes=2)
    words = encode_layer(config, single_layer(config, np.ones((4, 2), dtype=int)))
    words[-1] |= 1 << config.stream_bits - 2  # code 1 is the only weight code, and its codeword is 0
    host = load(config, words)
    assert host.error() == Error.CODE
    assert [pe["decoder_error"] for pe in host.array.debug()[1]] == [0, 1]
    assert host.array.debug()[1][1]["decoded_symbols"] == 1


def test_an_error_voids_the_second_stage_of_its_cycle():
    """A second layer of two empty columns: the invalid bit comes in the cycle in which the first would be written."""
    config = small_config(pes=1)
    empty = encode_layer(config, layer_from_codes(config, np.zeros((1, 2), dtype=int), CODEBOOK, [0]))
    good = load(config, encode_layer(config, single_layer(config, [[1]])) + empty)
    invalid = [*empty[:-1], 1 << config.stream_bits - 2]
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
    assert host.error() == Error.CODE
    assert 1 in [pe["decoder_error"] for pe in host.array.debug()[1]]
    assert not any(pe["decoder_running"] for pe in host.array.debug()[1])


@pytest.mark.parametrize(("entries", "error"), [(8, 0), (9, 1)])
def test_sparse_matrix_memory_full(entries, error):
    config = small_config(pes=1, sparse_matrix_depth=2)
    host = load(config, encode_layer(config, single_layer(config, [[1]] * entries)))
    assert host.array.debug()[1][0]["decoder_error"] == error
    assert host.error() == (Error.CODE if error else Error.NONE)
    assert host.array.debug()[1][0]["decoder_pointer"] == 2 - error


def test_full_row_past_the_end():
    config = small_config(pes=1, sparse_matrix_depth=2)
    host = load(config, encode_layer(config, single_layer(config, [[1]] * 12 + [[0]] * 3)))
    debug = host.array.debug()[1][0]
    assert (debug["decoder_error"], debug["decoder_row"], debug["decoder_slot"]) == (1, 2, 3)


def test_error_reaches_the_loader_in_the_next_cycle():
    config = small_config(pes=1, sparse_matrix_depth=2)
    host = Host(SteppedArray(config))
    host.send(encode_layer(config, single_layer(config, [[1]] * 12)))
    while not host.array.debug()[1][0]["decoder_error"]:
        assert host.array.debug()[0]["loader_state"] != LoaderState.ERROR
        host.tick()
    assert host.array.debug()[0]["loader_state"] == LoaderState.WAIT
    host.tick()
    assert host.array.debug()[0]["loader_state"] == LoaderState.ERROR
    assert host.array.debug()[0]["loader_error"] == Error.CODE
    assert host.array.debug()[1][0]["decoder_error"] == 1


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
    assert (empty["decoder_high_valid"], empty["decoder_low_valid"]) == (1, 0)
    assert (empty["decoded_symbols"], full["decoded_symbols"]) == (2, 2 * 16 + 2)
