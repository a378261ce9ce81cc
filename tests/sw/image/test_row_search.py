"""sw/image/row_search.py:
its schedules are the engine's, a swap that costs cycles is not kept, and rows are only moved.
"""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from model.config import PRESETS, ArrayConfig
from model.engine import Engine
from model.errors import EieError
from model.schedule import LayerWork
from sim.simulation.image_run import physical_inputs, run_image
from sim.simulation.prepare import lay_out
from sw.compress.pipeline import compress
from sw.image.dealing import deal_rows
from sw.image.row_search import entries, search_rows
from sw.network.layer import Layer
from sw.network.network import Network

ARRAY = PRESETS["tiny4"].with_(queue_depth=3, sparse_matrix_depth=1024, constant_depth=256, skip_empty_slices=True)
ROWS, COLUMNS = 43, 60


def work_of(held: NDArray[np.bool_], array: ArrayConfig) -> LayerWork:
    """What a layer with ones in these places asks of an array that gets rows in their own order."""
    weight = held.astype(np.float32)
    network = compress(Network((Layer("l", weight, np.zeros(len(held), np.float32), relu=False),)), density=None)
    inputs = (np.arange(held.shape[1])[None] % 3 > 0).astype(np.float32)
    image, _ = lay_out(network, inputs, array)
    return Engine(image).work(physical_inputs(image, run_image(image, inputs).activations))[0][0]


def random_held() -> NDArray[np.bool_]:
    return np.random.default_rng(3).random((ROWS, COLUMNS)) < 0.15


def search(held: NDArray[np.bool_], array: ArrayConfig, tries: int, seed: int = 1) -> NDArray[np.int64]:
    order = deal_rows(held.sum(axis=1), array.pes, "balanced")
    works = [work_of(held, array)]
    return search_rows(held, order, works, queue_depth=array.queue_depth, max_run=array.max_run, tries=tries, seed=seed)


def cycles_of(held: NDArray[np.bool_], order: NDArray[np.int64], array: ArrayConfig) -> int:
    """The engine's, of the layer with its rows in that order."""
    padded = np.concatenate([held, np.zeros((1, held.shape[1]), np.bool_)])
    return work_of(padded[order], array).cycles(array.queue_depth)


@pytest.mark.parametrize("index_bits", [2, 4])
@pytest.mark.parametrize("skip", [False, True])
def test_the_search_helps_and_the_engine_says_so(index_bits: int, skip: bool) -> None:
    array = ARRAY.with_(index_bits=index_bits, skip_empty_slices=skip)
    held = random_held()
    found = search(held, array, 300)
    before = cycles_of(held, search(held, array, 0), array)
    assert cycles_of(held, found, array) < before
    assert sorted(found.tolist()) == [-1, *range(ROWS)]
    for pe in range(array.pes):
        mine = found[pe :: array.pes]
        assert mine[mine >= 0].tolist() == sorted(mine[mine >= 0].tolist())


def test_no_try_is_no_change() -> None:
    held = random_held()
    assert search(held, ARRAY, 0).tolist() == deal_rows(held.sum(axis=1), ARRAY.pes, "balanced").tolist()


def test_the_same_seed_is_the_same_order() -> None:
    held = random_held()
    assert search(held, ARRAY, 50).tolist() == search(held, ARRAY, 50).tolist()
    assert search(held, ARRAY, 50).tolist() != search(held, ARRAY, 50, seed=2).tolist()


@pytest.mark.parametrize("index_bits", [1, 2, 6])
def test_entries_are_the_images(index_bits: int) -> None:
    array = ARRAY.with_(index_bits=index_bits)
    held = random_held()
    counts = work_of(held, array).counts
    for pe in range(array.pes):
        assert entries(held[pe :: array.pes], array.max_run).tolist() == counts[:COLUMNS, pe].tolist()


def test_one_pe_has_nothing_to_swap() -> None:
    array = ARRAY.with_(pes=1, activation_depth=64)
    held = random_held()
    assert search(held, array, 5).tolist() == list(range(ROWS))


def test_works_of_another_layer_are_refused() -> None:
    held = random_held()
    order = deal_rows(held.sum(axis=1), ARRAY.pes, "balanced")
    work = replace(work_of(held, ARRAY), counts=np.zeros((8, 4), np.int32))
    for works in ([work], []):
        with pytest.raises(EieError, match="works for 60 columns and an order of whole local rows wanted, got works"):
            search_rows(held, order, works, queue_depth=3, max_run=15, tries=1, seed=1)
