"""Reference, stepped model and fast engine agree on values, cycles and every counter (ladder step 1)."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.config import ArrayConfig
from model.errors import EieError
from model.registers import PeCounter
from sw.image.passes import cut_passes
from sw.image.stream import encode_image
from tests.support.images.agreement import Bench
from tests.support.images.random_images import (
    CodeShape,
    layer_from_codes,
    network,
    random_activations,
    random_network_image,
    small_config,
)


@st.composite
def configurations(draw, activation_bits: tuple[int, ...] = (16,)) -> ArrayConfig:
    code_bits = draw(st.integers(1, 4))
    index_bits = draw(st.integers(1, 4))
    shortest = max(index_bits + 1, code_bits)
    broadcasts = draw(st.integers(1, 2))
    return small_config(
        pes=draw(st.sampled_from([1, 2, 3, 4, 5, 8])),
        queue_depth=draw(st.integers(1, 6) if broadcasts == 1 else st.sampled_from([4, 6, 8])),
        broadcasts_per_cycle=broadcasts,
        parity=draw(st.booleans()),
        code_bits=code_bits,
        index_bits=index_bits,
        row_bits=(code_bits + index_bits) * draw(st.integers(2, 5)) + draw(st.integers(0, 1)),
        sparse_matrix_depth=256,
        accumulator_bits=draw(st.sampled_from([32, 33, 48])),
        activation_bits=draw(st.sampled_from(activation_bits)),
        stream_bits=draw(st.sampled_from([32, 64, 128])),
        max_code_length=draw(st.integers(shortest, 16)),
        skip_empty_slices=draw(st.booleans()),
        pe_counters=draw(st.booleans()),
    )


@settings(max_examples=120)
@given(
    config=configurations((16, 8)),
    sizes=st.lists(st.integers(1, 16), min_size=2, max_size=4),
    density=st.sampled_from([0.0, 0.1, 0.4, 1.0]),
    activity=st.sampled_from([0.0, 0.2, 0.6, 1.0]),
    magnitude=st.sampled_from([100, 32767]),
    shape=st.sampled_from(["random", "longest", "balanced"]),
    seed=st.integers(0, 1 << 16),
)
def test_random_networks(config, sizes, density, activity, magnitude, shape: CodeShape, seed):
    rng = np.random.default_rng(seed)
    image = random_network_image(rng, config, sizes, density, magnitude)
    bench = Bench(image)
    bench.load(rng, shape)
    bench.check(random_activations(rng, image, activity, magnitude))


@settings(max_examples=60)
@given(
    config=configurations((16, 8)),
    sizes=st.lists(st.integers(1, 16), min_size=2, max_size=4),
    pointer_rows=st.integers(1, 3),
    sparse_rows=st.integers(0, 6),
    layers=st.integers(1, 3),
    density=st.sampled_from([0.0, 0.2, 1.0]),
    activity=st.sampled_from([0.0, 0.3, 1.0]),
    magnitude=st.sampled_from([100, 32767]),
    seed=st.integers(0, 1 << 16),
)
def test_random_networks_in_passes(
    config, sizes, pointer_rows, sparse_rows, layers, density, activity, magnitude, seed
):
    """Memories so small that layers are cut into column tiles."""
    rng = np.random.default_rng(seed)
    image = random_network_image(rng, config, sizes, density, magnitude)
    most = max(int((-(-np.diff(layer.offsets) // config.entries_per_row)).max()) for layer in image.layers)
    depths = {
        "pointer_depth": 2 * -(-pointer_rows * (config.pes + 1) // 2) + 2,
        "sparse_matrix_depth": 2 + most // 2 + sparse_rows,
        "layers": layers,
        "constant_depth": (layers << config.code_bits) + 16 + sparse_rows,
    }
    image = replace(image, config=config.with_(**depths))
    try:
        tiles, starts = cut_passes(image.layers, image.config)
    except EieError:
        return  # a single local row has too many entries
    image = replace(image, layers=tiles, pass_starts=starts)
    bench = Bench(image)
    bench.load(rng)
    for share in (activity, 0.5):
        bench.check(random_activations(rng, image, share, magnitude))


def dense_codes(rng: np.random.Generator, config: ArrayConfig, rows: int, columns: int):
    return rng.integers(1, config.code_symbols, (rows, columns))


def one_layer(config: ArrayConfig, codes, **values):
    rng = np.random.default_rng(7)
    codebook = rng.integers(-99, 100, config.code_symbols).astype(np.int16)
    codebook[0] = 0
    biases = rng.integers(-99, 100, codes.shape[0])
    return network(
        config, [layer_from_codes(config, codes, codebook, biases, **values)], codes.shape[1], codes.shape[0]
    )


def check_one(image, activity=1.0, shape: CodeShape = "balanced"):
    rng = np.random.default_rng(3)
    bench = Bench(image)
    bench.load(rng, shape)
    return bench.check(random_activations(rng, image, activity))


def test_empty_columns():
    codes = dense_codes(np.random.default_rng(0), small_config(), 9, 12)
    codes[:, 2:9] = 0
    result = check_one(one_layer(small_config(), codes))
    assert (result.counters[PeCounter.EMPTY_SLICES] == 7).all()


def test_empty_pe():
    codes = dense_codes(np.random.default_rng(0), small_config(), 9, 12)
    codes[2::4] = 0
    result = check_one(one_layer(small_config(), codes))
    assert result.counters[PeCounter.ENTRIES].tolist() == [36, 24, 0, 24]
    assert result.counters[PeCounter.EMPTY_SLICES].tolist() == [0, 0, 12, 0]


def test_more_pes_than_rows():
    config = small_config(pes=8)
    result = check_one(one_layer(config, dense_codes(np.random.default_rng(0), config, 3, 5)))
    assert result.counters[PeCounter.ENTRIES].tolist() == [5, 5, 5, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("pes", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(("queue_depth", "broadcasts"), [(1, 1), (2, 1), (5, 1), (4, 2), (6, 2)])
def test_full_density(pes, queue_depth, broadcasts):
    config = small_config(pes=pes, queue_depth=queue_depth, broadcasts_per_cycle=broadcasts)
    result = check_one(one_layer(config, dense_codes(np.random.default_rng(0), config, 12, 12)))
    assert result.layers[0].nonzeros_active == 12 * 12
    assert result.stalls > 0


def test_zero_layer_and_zero_input():
    config = small_config()
    image = one_layer(config, np.zeros((9, 12), dtype=int), bias_scale=4, shift=1)
    silent = check_one(image, activity=0.0)
    assert silent.broadcasts == 0
    assert not silent.counters[PeCounter.STARVED_CYCLES].min() < 1
    busy = check_one(image, activity=1.0)
    assert busy.outputs.tolist() == silent.outputs.tolist() == (image.layers[0].biases.reshape(-1) * 2).tolist()
    assert (busy.counters[PeCounter.EMPTY_SLICES] == 12).all()


def test_runs_of_fillers():
    config = small_config(pes=1, index_bits=1, activation_depth=32)
    codes = np.zeros((32, 3), dtype=int)
    codes[31, 0] = codes[31, 1] = codes[3, 2] = 1
    result = check_one(one_layer(config, codes))
    assert result.counters[PeCounter.FILLERS].tolist() == [15 + 15 + 1]
    assert result.counters[PeCounter.ENTRIES].tolist() == [34]


def test_one_symbol_codes():
    config = small_config(pes=1)
    codes = np.ones((1, 12), dtype=int)
    check_one(one_layer(config, codes))


@pytest.mark.parametrize("stream_bits", [32, 64, 128])
def test_longest_codes(stream_bits):
    config = small_config(stream_bits=stream_bits, max_code_length=16, sparse_matrix_depth=256)
    codes = np.random.default_rng(1).integers(0, 16, (60, 20)) * (np.random.default_rng(2).random((60, 20)) < 0.3)
    check_one(one_layer(config, codes), shape="longest")


@pytest.mark.parametrize("distance", [1, 2, 3, 4])
def test_same_row_again_after_some_operations(distance):
    """Rows of consecutive operations repeat with a period, so that every bypass of the accumulator is needed."""
    config = small_config(pes=1, activation_depth=16)
    codes = np.zeros((distance, 12), dtype=int)
    codes[np.arange(12) % distance, np.arange(12)] = 1 + np.arange(12)
    image = one_layer(config, codes)
    result = check_one(image)
    assert result.outputs.any()


@pytest.mark.parametrize(("bits", "overflows"), [(32, True), (33, True), (40, False), (48, False)])
def test_accumulator_overflow(bits, overflows):
    config = small_config(pes=2, accumulator_bits=bits)
    codebook = np.full(16, -32768, dtype=np.int16)
    codebook[0] = 0
    codes = np.ones((3, 8), dtype=int)
    image = network(config, [layer_from_codes(config, codes, codebook, [5, 6, 7], shift=20)], 8, 3)
    bench = Bench(image)
    bench.load()
    assert bench.check(np.full(8, -32768, dtype=np.int16)).overflow == overflows
    calm = np.zeros(8, dtype=np.int16)
    calm[0] = 1
    assert not bench.check(calm).overflow


def test_overflow_of_the_bias_alone():
    config = small_config(pes=1)
    codebook = np.zeros(16, dtype=np.int16)
    codebook[1] = -32768
    layer = layer_from_codes(config, np.ones((1, 2), dtype=int), codebook, [32767], bias_scale=1 << 14, shift=15)
    image = network(config, [layer], 2, 1)
    bench = Bench(image)
    bench.load()
    assert not bench.check(np.array([-32768, 0], dtype=np.int16)).overflow
    assert bench.check(np.array([-32768, -32000], dtype=np.int16)).overflow


@pytest.mark.parametrize("stream_bits", [32, 64, 128])
@pytest.mark.parametrize("pes", [1, 3, 8])
def test_streams_of_the_compressor(pes, stream_bits):
    """The compressor's encoder shares no code with the one in support.images.random_images."""
    rng = np.random.default_rng(pes + stream_bits)
    image = random_network_image(rng, small_config(pes=pes, stream_bits=stream_bits), [7, 16, 9], 0.4)
    bench = Bench(image)
    words = encode_image(image)
    bench.load_words([[int.from_bytes(word.astype("<u4").tobytes(), "little") for word in words]])
    bench.check(random_activations(rng, image, 0.6))


def test_stalls_on_both_streams_and_images_back_to_back():
    rng = np.random.default_rng(11)
    image = random_network_image(rng, small_config(pes=3, stream_bits=64), [10, 14, 7], 0.5)
    bench = Bench(image, stall=0.5)
    bench.load(rng, "random")
    for activity in (0.9, 0.1, 0.0, 0.5):
        bench.check(random_activations(rng, image, activity))


def test_second_network_without_reset():
    config = small_config()
    rng = np.random.default_rng(12)
    first, second = (random_network_image(rng, config, sizes, 0.4) for sizes in ([8, 20, 4], [13, 5]))
    bench = Bench(first)
    for image in (first, second, first):
        bench.image = image
        bench.load(rng)
        bench.check(random_activations(rng, image, 0.5))


@pytest.mark.parametrize("skip", [False, True])
def test_an_empty_slice_costs_a_cycle_unless_it_is_skipped(skip):
    """12 active columns, three of them with weights, all in PE 0 and all of four entries."""
    config = small_config(pes=4, queue_depth=16, skip_empty_slices=skip)
    codes = np.zeros((16, 12), dtype=int)
    codes[::4, [0, 5, 11]] = 1
    codebook = np.zeros(config.code_symbols, dtype=np.int16)
    codebook[1] = 3
    layer = layer_from_codes(config, codes, codebook, np.zeros(16), bias_scale=1, shift=0, relu=False)
    image = network(config, [layer], 12, 16)
    bench = Bench(image)
    bench.load()
    result = bench.check(np.ones(12, dtype=np.int16))
    assert result.counters[PeCounter.ENTRIES].tolist() == [12, 0, 0, 0]
    assert result.counters[PeCounter.EMPTY_SLICES].tolist() == [9, 12, 12, 12]
    assert result.layers[0].busy_cycles.tolist() == ([12, 0, 0, 0] if skip else [21, 12, 12, 12])
    # PE 0 starts in cycle 10. Without skipping it is busy to the end; with it, only the last column's entries are left
    # when its broadcast, decided in cycle 15, arrives.
    assert result.cycles == (15 + 5 + 4 if skip else 9 + 21) + 1 + 4 + 10
