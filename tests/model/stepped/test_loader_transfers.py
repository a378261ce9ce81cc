"""The loader of the stepped model: transfers that end inside a packet, and what a soft reset leaves loaded."""

from copy import deepcopy

import numpy as np
import pytest

from model.layouts import LoaderState, Opcode, header
from model.reference import run_reference
from model.registers import ADDRESS, Error
from sim.rtl.host_program import Send, SoftReset
from tests.support.hw.stepped import Host
from tests.support.hw.stepped_loading import CONFIG, ready_host, small_image, state_of
from tests.support.images.random_images import (
    encode_input,
    encode_layer,
    encode_network,
    random_activations,
    unpack_lanes,
)


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
