"""The cycles of loading are those of the stepped model, word by word."""

from dataclasses import replace

import numpy as np
import pytest

from model.config import ArrayConfig
from model.engine import Engine
from model.image import NetworkImage
from model.layouts import LoaderState
from model.stepped.array import SteppedArray
from sim.rtl.host_program import Idle
from sw.image.load_cycles import pass_load_cycles
from sw.image.passes import cut_passes
from sw.image.stream import encode_image, encode_passes, input_packet
from sw.image.words import words_as_integers
from tests.support.hw.stepped import Host
from tests.support.images.map_programs import KINDS, random_map_network
from tests.support.images.maps import map_config
from tests.support.images.random_images import layer_from_codes, network, random_network_image, small_config


def cycles_of_loading(host: Host, words: np.ndarray) -> int:
    """From the first word's cycle until the loader waits for a header."""
    cycles = 0

    def count(inputs, outputs):
        nonlocal cycles
        cycles += 1

    host.observe = count
    host.load(words_as_integers(words))
    host.observe = None
    assert host.array.loader.state == LoaderState.HEADER
    return cycles


def ready_host(config: ArrayConfig) -> Host:
    """Of an array that has cleared its accumulators."""
    host = Host(SteppedArray(config))
    host.perform(Idle(config.activation_depth + 1))
    return host


@pytest.mark.parametrize("stream_bits", [32, 64, 128])
@pytest.mark.parametrize("pes", [1, 3, 8])
@pytest.mark.parametrize("density", [0.0, 0.2, 1.0])
def test_loading_takes_what_the_stepped_model_takes(pes: int, stream_bits: int, density: float):
    random = np.random.default_rng(pes + stream_bits)
    config = small_config(pes=pes, stream_bits=stream_bits, activation_depth=32)
    image = random_network_image(random, config, [23, 16, 9], density)
    host = ready_host(config)
    assert cycles_of_loading(host, encode_image(image)) == sum(pass_load_cycles(image))
    packet = input_packet(image, random.integers(-9, 9, 23).astype(np.int16))
    assert cycles_of_loading(host, packet) == Engine(image).load_cycles


def test_every_length_of_the_last_word():
    """One PE, columns of n one-bit end symbols: the stream ends at every bit of a word."""
    config = small_config(pes=1, activation_depth=64, pointer_depth=128)
    for columns in (1, 2, 31, 32, 33, 63, 64):
        codes = np.zeros((1, columns), dtype=int)
        image = network(config, [layer_from_codes(config, codes, np.zeros(16, np.int16), [0])], columns, 1)
        assert cycles_of_loading(ready_host(config), encode_image(image)) == sum(pass_load_cycles(image))


def test_passes_load_one_by_one():
    config = small_config(pes=2, pointer_depth=10)
    whole = random_network_image(np.random.default_rng(5), config, [17, 9], 0.5)
    tiles, starts = cut_passes(whole.layers, config)
    image: NetworkImage = replace(whole, layers=tiles, pass_starts=starts)
    assert len(image.passes) > 1
    host = ready_host(config)
    assert tuple(cycles_of_loading(host, words) for words in encode_passes(image)) == pass_load_cycles(image)


@pytest.mark.parametrize("pes", [1, 3])
def test_loading_with_maps(pes: int):
    random = np.random.default_rng(pes)
    config = map_config(pes=pes, accumulator_depth=512, activation_depth=1024)
    image = random_map_network(random, config, list(KINDS[:2]), 0.5)
    host = Host(SteppedArray(config))
    host.perform(Idle(config.accumulator_depth + 20))
    assert cycles_of_loading(host, encode_image(image)) == sum(pass_load_cycles(image))
