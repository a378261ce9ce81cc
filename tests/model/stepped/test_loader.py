"""The loader of the stepped model: what it accepts, cycle by cycle, and every error of section 4."""

from dataclasses import replace

import numpy as np
import pytest

from model.layouts import CHECK_CYCLES, Descriptor, LoaderState, Opcode, header
from model.registers import Error
from model.stepped.array import SteppedArray
from model.stepped.signals import Inputs
from tests.support.hw.stepped import Host
from tests.support.hw.stepped_loading import CONFIG, ready_host, small_image, state_of
from tests.support.images.agreement import Bench
from tests.support.images.random_images import (
    encode_layer,
    encode_network,
    random_activations,
)


def test_not_ready_in_clear():
    host = Host(SteppedArray(CONFIG))
    offer = Inputs(i_valid=1, i_data=header(Opcode.LOAD))
    waited = [host.tick(offer).i_ready for _ in range(CONFIG.activation_depth + 1)]
    assert waited == [0] * CONFIG.activation_depth + [1]


def test_sections_in_order_with_a_word_per_cycle():
    image = small_image()
    words = encode_layer(CONFIG, image.layers[0])
    host = ready_host()
    states = []
    sent = 0
    while state_of(host) != LoaderState.HEADER or not states:
        states.append(state_of(host))
        word = words[sent] if sent < len(words) else 0
        sent += host.tick(Inputs(i_valid=int(sent < len(words)), i_data=word)).i_ready
    assert sent == len(words)
    layer = image.layers[0]
    wanted = {
        LoaderState.HEADER: 1,
        LoaderState.DESCRIPTOR: 4,
        LoaderState.CHECK: CHECK_CYCLES,
        LoaderState.TREE: 2 * 2 * 16,
        LoaderState.CODEBOOK: 16,
        LoaderState.BIASES: layer.out_rows * CONFIG.groups,
        LoaderState.BEGIN: 1,
    }
    fixed = sum(wanted.values())
    assert states[:fixed] == [state for state, count in wanted.items() for _ in range(count)]
    assert set(states[fixed:]) == {LoaderState.CODES, LoaderState.WAIT}
    assert host.array.debug()[0]["loaded_layers"] == 1


@pytest.mark.parametrize("word", [0, 4, 255, header(Opcode.LOAD) | 8])
def test_unknown_opcode(word):
    host = ready_host()
    host.send([word])
    assert state_of(host) == LoaderState.ERROR
    assert host.error() == Error.OPCODE


@pytest.mark.parametrize("rows", [0, CONFIG.activation_depth + 1, (1 << 24) - 1])
def test_input_of_wrong_size(rows):
    host = ready_host()
    host.send([header(Opcode.INPUT, rows)])
    assert host.error() == Error.INPUT


def test_input_of_every_row():
    host = ready_host()
    depth = CONFIG.activation_depth
    host.send([header(Opcode.INPUT, depth), *range(depth * CONFIG.groups)])
    assert state_of(host) == LoaderState.HEADER
    assert host.error() == Error.NONE


GOOD = Descriptor(in_rows=2, out_rows=3, first_row=0, stream_words=1, shift=0, relu=False, keep=False, bias_scale=1)


def descriptor_words(**changes):
    return replace(GOOD, **changes).pack()


def check_descriptor(host: Host, words: list[int]) -> None:
    """Send the first words of a LAYER packet; the loader checks them for its CHECK_CYCLES."""
    host.send([header(Opcode.LAYER), *words])
    for _ in range(CHECK_CYCLES):
        assert state_of(host) == LoaderState.CHECK
        host.tick()


@pytest.mark.parametrize(
    "change",
    [
        {"in_rows": 0},
        {"in_rows": CONFIG.activation_depth + 1},
        {"out_rows": 0},
        {"out_rows": CONFIG.activation_depth + 1},
        {"first_row": CONFIG.activation_depth - 1},
        {"first_row": 0xFFFF},
        {"shift": CONFIG.accumulator_bits},
        {"shift": 63},
        {"stream_words": 0},
    ],
)
def test_layer_that_does_not_fit(change):
    host = ready_host()
    check_descriptor(host, descriptor_words(**change))
    assert state_of(host) == LoaderState.ERROR
    assert host.error() == Error.DESCRIPTOR


def test_largest_layer_fits():
    depth = CONFIG.activation_depth
    host = ready_host(CONFIG.with_(pointer_depth=depth * CONFIG.pes + 2))
    most = {"in_rows": depth, "out_rows": depth, "stream_words": (1 << 32) - 1, "shift": CONFIG.accumulator_bits - 1}
    check_descriptor(host, descriptor_words(**most))
    assert state_of(host) == LoaderState.TREE


def test_a_layer_of_the_last_rows_fits():
    host = ready_host()
    check_descriptor(host, descriptor_words(first_row=CONFIG.activation_depth - GOOD.in_rows))
    assert state_of(host) == LoaderState.TREE


def test_biases_of_all_layers_must_fit():
    config = CONFIG.with_(constant_depth=CONFIG.bias_base + 5)
    host = ready_host(config)
    host.load(encode_layer(config, small_image().layers[0]))
    check_descriptor(host, descriptor_words())
    assert host.error() == Error.DESCRIPTOR


def test_a_layer_that_keeps_its_sums_has_no_biases():
    config = CONFIG.with_(constant_depth=CONFIG.bias_base + 3)
    host = ready_host(config)
    layer = replace(small_image().layers[0], keep=True)
    words = encode_layer(config, layer)
    assert len(words) == len(encode_layer(config, replace(layer, keep=False))) - layer.out_rows * config.groups
    host.load(words)
    assert state_of(host) == LoaderState.HEADER
    assert host.array.loader.bias_base == config.bias_base
    host.load(encode_layer(config, replace(layer, keep=False)))
    assert host.error() == Error.NONE
    assert host.array.loader.bias_base == config.bias_base + layer.out_rows


def test_load_gives_the_biases_back():
    config = CONFIG.with_(constant_depth=CONFIG.bias_base + 5)
    host = ready_host(config)
    for _ in range(3):
        host.load([header(Opcode.LOAD), *encode_layer(config, small_image().layers[0])])
    assert host.error() == Error.NONE


def test_pointers_of_all_layers_must_fit():
    columns = small_image().layers[0].columns
    for spare, error in ((0, Error.NONE), (1, Error.DESCRIPTOR)):
        config = CONFIG.with_(pointer_depth=(columns + 1 + GOOD.in_rows * CONFIG.pes + 1) - 2 * spare)
        host = ready_host(config)
        host.load(encode_layer(config, small_image().layers[0]))
        check_descriptor(host, descriptor_words())
        assert host.error() == error


def test_layer_table_full_and_emptied_by_load():
    layer = encode_layer(CONFIG, small_image(sizes=(2, 2)).layers[0])
    host = ready_host()
    for _ in range(CONFIG.layers):
        host.load(layer)
    host.send([header(Opcode.LOAD)])
    for _ in range(CONFIG.layers):
        host.load(layer)
    host.send([header(Opcode.LAYER)])
    assert host.error() == Error.LAYERS


def test_error_swallows_everything_until_reset():
    image = small_image()
    bench = Bench(image)
    bench.host.send([0])
    bench.host.send(encode_network(image))
    assert bench.host.error() == Error.OPCODE
    bench.load()
    assert state_of(bench.host) == LoaderState.ERROR
    bench.host.start()
    assert bench.host.error() == Error.OPCODE
    bench.host.reset()
    bench.load()
    bench.check(random_activations(np.random.default_rng(0), image, 0.5))


def test_start_without_a_network():
    host = ready_host()
    host.start()
    assert host.error() == Error.START
    host.send([header(Opcode.LOAD)])
    assert host.error() == Error.NONE


def test_start_before_a_header_in_the_same_cycle():
    host = ready_host()
    host.start()
    assert not host.tick(Inputs(i_valid=1, i_data=header(Opcode.LOAD))).i_ready
    assert host.error() == Error.START


def test_start_while_busy_changes_nothing_else():
    rng = np.random.default_rng(0)
    image = small_image()
    activations = random_activations(rng, image, 0.9)
    bench = Bench(image)
    bench.load()
    bench.check(activations)
    host, cycles = bench.host, bench.array.controller.cycles
    host.start()
    for _ in range(5):
        host.tick()
    host.start()
    host.receive()
    assert host.error() == Error.START
    assert bench.array.controller.cycles == cycles
    bench.load()
    bench.check(activations)


def test_a_refused_start_gives_way_to_a_later_cause():
    host = ready_host()
    host.start()
    assert host.error() == Error.START
    host.send([header(Opcode.LAYER), *descriptor_words(in_rows=0)])
    host.start()
    for _ in range(CHECK_CYCLES):
        host.tick()
    assert host.error() == Error.DESCRIPTOR
