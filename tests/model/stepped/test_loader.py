"""The loader of the stepped model: what it accepts, cycle by cycle, and every error of section 4."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest

from model.layouts import CHECK_CYCLES, Descriptor, LoaderState, Opcode, header
from model.reference import run_reference
from model.registers import ADDRESS, Error
from model.stepped.array import SteppedArray
from model.stepped.signals import Inputs
from sim.rtl.host_program import Send, SoftReset
from tests.support.hw.stepped import Host
from tests.support.images.agreement import Bench
from tests.support.images.random_images import (
    encode_input,
    encode_layer,
    encode_network,
    random_activations,
    random_network_image,
    small_config,
    unpack_lanes,
)

CONFIG = small_config(pes=2)


def ready_host(config=CONFIG) -> Host:
    """A host whose array has left CLEAR."""
    host = Host(SteppedArray(config))
    for _ in range(config.activation_depth):
        host.tick()
    return host


def small_image(seed=0, sizes=(4, 6)):
    return random_network_image(np.random.default_rng(seed), CONFIG, list(sizes), 0.5)


def state_of(host: Host) -> LoaderState:
    return LoaderState(host.array.debug()[0]["loader_state"])


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


def packets() -> list[list[int]]:
    """One packet of every kind."""
    layer = encode_layer(CONFIG, small_image().layers[0])
    return [[header(Opcode.LOAD)], layer, [header(Opcode.INPUT, 2), *range(2 * CONFIG.groups)]]


@pytest.mark.parametrize("number", range(3))
def test_a_transfer_that_ends_with_its_packet(number):
    host = ready_host()
    host.perform(Send(packets()[number], last=True))
    for _ in range(300):
        host.tick()
    assert state_of(host) == LoaderState.HEADER
    assert host.error() == Error.NONE


LAYER_SECTIONS = {
    "header": 0,
    "descriptor": 4,
    "tree": 5,
    "last of tree": 4 + CONFIG.tree_words,
    "codebook": 5 + CONFIG.tree_words + CONFIG.code_symbols - 1,
    "biases": 5 + CONFIG.tree_words + CONFIG.code_symbols,
    "codes": -2,
}


@pytest.mark.parametrize("where", LAYER_SECTIONS)
def test_a_transfer_that_ends_inside_a_layer(where):
    layer = packets()[1]
    host = ready_host()
    host.perform(Send(layer[: range(len(layer))[LAYER_SECTIONS[where]] + 1], last=True))
    assert state_of(host) == LoaderState.ERROR
    assert host.error() == Error.TRUNCATED
    assert host.read(ADDRESS["ERROR_PE"]) == 0


def test_a_transfer_that_ends_inside_an_input():
    for words in ([header(Opcode.INPUT, 2)], [header(Opcode.INPUT, 2), 0]):
        host = ready_host()
        host.perform(Send(words, last=True))
        assert host.error() == Error.TRUNCATED


@pytest.mark.parametrize(("word", "error"), [(4, Error.OPCODE), (header(Opcode.INPUT), Error.INPUT)])
def test_a_cause_of_its_own_comes_before_the_end_of_the_transfer(word, error):
    host = ready_host()
    host.perform(Send([word], last=True))
    assert host.error() == error


def soft_reset(host: Host) -> None:
    host.perform(SoftReset())
    assert host.array.debug()[0]["sealed"] == 1
    for _ in range(CONFIG.activation_depth):
        host.tick()


def test_after_a_soft_reset_layers_need_a_load_packet():
    host = ready_host()
    layer = encode_layer(CONFIG, small_image().layers[0])
    host.load(layer)
    soft_reset(host)
    assert host.array.debug()[0]["loaded_layers"] == 1
    host.send([header(Opcode.LAYER)])
    assert host.error() == Error.LAYERS
    soft_reset(host)
    assert host.error() == Error.NONE
    host.load([header(Opcode.LOAD), *layer])
    assert host.error() == Error.NONE
    fields = host.array.debug()[0]
    assert (fields["loaded_layers"], fields["sealed"]) == (1, 0)


@pytest.mark.parametrize("part", [0.0, 0.1, 0.6, 0.8, 0.99])
def test_layers_loaded_before_a_hostile_one_survive_the_soft_reset(part):
    rng = np.random.default_rng(1)
    image = small_image()
    activations = random_activations(rng, image, 0.8)
    host = ready_host()
    host.load(encode_network(image))
    hostile = encode_layer(CONFIG, small_image(1, (6, 8)).layers[0])
    host.send(hostile[: max(1, int(part * len(hostile)))])
    soft_reset(host)
    host.load(encode_input(CONFIG, activations))
    host.start()
    outputs = unpack_lanes(host.receive(), CONFIG.lanes)
    assert outputs.tolist() == run_reference(image, activations).outputs.tolist()


@pytest.mark.parametrize("later", range(4))
def test_a_soft_reset_in_the_last_cycles_of_a_layer(later):
    """Whether the layer counts or not, the loader's bases belong to the layers that count."""
    layer = small_image().layers[0]
    coming = ready_host()
    coming.send(encode_layer(CONFIG, layer))
    while any(pe["decoder_running"] for pe in coming.array.debug()[1]):
        host = deepcopy(coming)
        coming.tick()
    for _ in range(later):  # the reset has its effect a cycle after its write: with 0, before the layer counts
        host.tick()
    soft_reset(host)
    loader = host.array.loader
    assert loader.loaded_layers == (1 if later else 0)
    assert loader.pointer_base == loader.loaded_layers * (layer.columns + 1)
    assert loader.bias_base == CONFIG.bias_base + loader.loaded_layers * layer.out_rows
