"""No counter of a run over an intact image can wrap in any array below the size that `bound_of_cycles` names."""

import itertools

import numpy as np
import pytest

from model.config import PRESETS, ArrayConfig
from model.engine import run_image
from model.layouts import COUNTER_BITS, FLUSH_CYCLES
from tests.support.images.random_images import random_activations, random_network_image, small_config

LIMIT = 1 << COUNTER_BITS
# The largest values that `ArrayConfig` allows; entries of one code bit and one run bit are the most to a row.
LARGEST = ArrayConfig(
    pes=256,
    code_bits=1,
    index_bits=1,
    row_bits=1024,
    sparse_matrix_depth=1 << 20,
    pointer_depth=1 << 20,
    activation_depth=1 << 15,
    constant_depth=1 << 20,
    layers=64,
)


def entries_of_a_pe(config: ArrayConfig) -> int:
    return config.sparse_matrix_depth * config.entries_per_row


def bounds_of_a_pe(config: ArrayConfig) -> dict[str, int]:
    """Largest values of what a PE counts: each entry and each column of the network comes at most once in a run."""
    entries, columns = entries_of_a_pe(config), config.pointer_depth
    write_backs = config.layers * config.activation_depth
    return {
        "entries, fillers, row_reads": entries,
        "pointer_reads, empty_slices, broadcasts": columns,
        "accumulator_reads, accumulator_writes": entries + write_backs,
        "decoded_symbols": 2 * entries + columns,
    }


def bound_of_cycles(config: ArrayConfig) -> int:
    """Largest value of cycles, stalls and starved_cycles: no two PEs ever work together, no two columns overlap."""
    entries = config.pes * entries_of_a_pe(config)
    of_a_layer = 2 * config.activation_depth + FLUSH_CYCLES + 9
    return config.layers * of_a_layer + 6 * config.pointer_depth + entries


def test_counters_of_a_pe_are_wide_enough_for_every_array():
    assert max(bounds_of_a_pe(LARGEST).values()) < LIMIT // 2


@pytest.mark.parametrize("name", PRESETS)
def test_counters_of_cycles_are_wide_enough_for_the_presets(name: str):
    assert bound_of_cycles(PRESETS[name]) < LIMIT // 2


def test_arrays_below_four_thousand_million_entries_are_safe():
    rest = bound_of_cycles(LARGEST) - LARGEST.pes * entries_of_a_pe(LARGEST)
    assert rest < 1 << 24
    assert bound_of_cycles(LARGEST.with_(pes=7)) < LIMIT <= bound_of_cycles(LARGEST.with_(pes=8))


@pytest.mark.parametrize(("seed", "queue_depth", "pes"), [*itertools.product(range(3), (1, 8), (1, 4))])
def test_runs_keep_the_bound(seed: int, queue_depth: int, pes: int):
    """The bound with the entries that there are in the place of those that fit."""
    rng = np.random.default_rng(seed)
    config = small_config(queue_depth=queue_depth, pes=pes)
    image = random_network_image(rng, config, [14, 12, 10], 0.5)
    (result,) = run_image(image, random_activations(rng, image, density=1.0)[np.newaxis])
    entries = sum(layer.entries for layer in image.layers)
    spare = config.pes * entries_of_a_pe(config) - entries
    assert 0 < result.cycles <= bound_of_cycles(config) - spare
