from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.config import ArrayConfig
from model.engine import run_image
from model.errors import EieError
from model.image import LayerImage, NetworkImage
from model.reference import run_reference
from sw.image.passes import column_tile, cut_passes
from tests.support.images.random_images import random_activations, random_network_image, small_config


def cut(image: NetworkImage, config: ArrayConfig) -> NetworkImage:
    tiles, starts = cut_passes(image.layers, config)
    return replace(image, config=config, layers=tiles, pass_starts=starts)


def used(layers: tuple[LayerImage, ...], config: ArrayConfig) -> dict[str, int]:
    """What a pass needs of every memory."""
    rows = sum((-(-np.diff(layer.offsets) // config.entries_per_row) for layer in layers), np.zeros(config.pes, int))
    return {
        "layers": len(layers),
        "pointer_depth": sum(layer.columns + 1 for layer in layers),
        "constant_depth": config.bias_base + sum(layer.out_rows for layer in layers if not layer.keep),
        "sparse_matrix_depth": int(rows.max()),
    }


def row_needs(layer: LayerImage, config: ArrayConfig) -> int:
    """Sparse-matrix rows of the largest local row of activations, in any PE."""
    entries = np.diff(layer.pointers[:, :: config.pes], axis=1)
    return int((-(-entries // config.entries_per_row)).max())


def test_a_network_that_fits_stays_whole():
    image = random_network_image(np.random.default_rng(0), small_config(), [12, 9, 5], 0.5)
    tiles, starts = cut_passes(image.layers, image.config)
    assert starts == (0,)
    assert all(tile is layer for tile, layer in zip(tiles, image.layers, strict=True))


@given(
    pes=st.integers(1, 5),
    pointer_depth=st.integers(4, 40),
    sparse_rows=st.integers(4, 30),
    layers=st.integers(1, 3),
    spare=st.integers(0, 9),
    seed=st.integers(0, 1 << 16),
)
def test_every_pass_fits_and_the_network_stays_the_same(
    pes: int, pointer_depth: int, sparse_rows: int, layers: int, spare: int, seed: int
):
    rng = np.random.default_rng(seed)
    whole = random_network_image(
        rng, small_config(pes=pes, activation_depth=32, sparse_matrix_depth=512), [30, 25, 9], 0.3
    )
    config = whole.config.with_(
        pointer_depth=2 * pointer_depth,
        sparse_matrix_depth=sparse_rows,
        layers=layers,
        constant_depth=(layers << 4) + 25 + spare,
    )
    if any(row_needs(layer, config) > sparse_rows for layer in whole.layers):
        with pytest.raises(EieError, match="for one local row of activations, the array has"):
            cut(whole, config)
        return
    image = cut(whole, config)
    for layers_of_pass in image.passes:
        for field, depth in used(layers_of_pass, config).items():
            assert depth <= getattr(config, field), field
    assert (image.in_rows, image.columns) == (whole.in_rows, whole.columns)
    activations = random_activations(rng, whole, 0.6)
    assert run_reference(image, activations).outputs.tolist() == run_reference(whole, activations).outputs.tolist()
    (run,), (at_once,) = run_image(image, activations[None]), run_image(whole, activations[None])
    assert run.outputs.tolist() == at_once.outputs.tolist()
    assert sum(layer.nonzeros_active for layer in run.layers) == sum(layer.nonzeros_active for layer in at_once.layers)


def test_a_layer_is_cut_only_if_it_must_be_and_passes_are_filled():
    """Two PEs; layers of 6, 10 and 2 local source rows: 13, 21 and 5 pointers."""
    whole = random_network_image(np.random.default_rng(1), small_config(pes=2), [12, 20, 4, 3], 0.4)
    image = cut(whole, whole.config.with_(pointer_depth=20))
    rows = [[(layer.name, layer.first_row, layer.in_rows, layer.keep) for layer in group] for group in image.passes]
    assert rows == [
        [("layer0", 0, 6, False), ("layer1 1/2", 0, 3, True)],
        [("layer1 2/2", 3, 7, False), ("layer2", 0, 2, False)],
    ]
    image = cut(whole, whole.config.with_(pointer_depth=22))
    assert [len(group) for group in image.passes] == [1, 1, 1]
    assert not any(layer.keep for layer in image.layers)


def test_the_biases_of_a_pass_are_bounded_too():
    """Of 10 and 2 local rows: together one word more than there is room for."""
    whole = random_network_image(np.random.default_rng(1), small_config(pes=2), [12, 20, 4], 0.4)
    for words, starts in ((12, (0,)), (11, (0, 1))):
        assert cut(whole, whole.config.with_(constant_depth=whole.config.bias_base + words)).pass_starts == starts


def test_a_tile_is_the_columns_of_its_rows():
    whole = random_network_image(np.random.default_rng(2), small_config(pes=3), [30, 14], 0.4)
    (layer,) = whole.layers
    dense = layer.dense_weights()
    for first, rows in ((0, 3), (3, 5), (8, 2)):
        tile = column_tile(layer, first, rows)
        assert tile.dense_weights().tolist() == dense[:, 3 * first : 3 * (first + rows)].tolist()
        assert tile.keep == (first + rows < layer.in_rows)
        assert (tile.biases.any(), tile.relu, tile.shift) == (
            (True, layer.relu, layer.shift) if not tile.keep else (False, False, 0)
        )
    assert column_tile(layer, 0, layer.in_rows) is layer


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"pointer_depth": 4},
            "pointer memory: layer layer0 needs 5 pointers for one local row of activations, the array has 4",
        ),
        (
            {"sparse_matrix_depth": 2},
            r"sparse-matrix memory: layer layer0 needs \d rows of 4 entries for one local row of",
        ),
        ({"constant_depth": 67}, "constant memory: layer layer0 needs 68 words, the array has 67"),
    ],
)
def test_what_no_cut_makes_fit_is_refused_with_the_numbers(changes: dict[str, int], sentence: str):
    whole = random_network_image(np.random.default_rng(3), small_config(), [12, 16, 9], 1.0)
    with pytest.raises(EieError, match=sentence):
        cut_passes(whole.layers, whole.config.with_(**changes))
