from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from model.errors import EieError
from sw.file.header import LayerHeader
from sw.file.layer import decode_layer, encode_layer
from sw.file.layout import LEAD_BITS, Layout
from sw.network.compressed import CompressedLayer
from sw.network.graph import Convolution
from tests.support.networks.random_networks import make_layer

LAYOUTS = [Layout(column_major=order, lead_bits=bits) for order in (False, True) for bits in LEAD_BITS]


def same(a: CompressedLayer, b: CompressedLayer) -> bool:
    """Whether two layers are equal but for the numbering of their codes."""
    arrays = all(np.array_equal(getattr(a, f), getattr(b, f)) for f in ("bias", "positions"))
    fields = ("name", "shape", "convolution", "code_bits", "relu")
    return arrays and np.array_equal(a.dense(), b.dense()) and all(getattr(a, f) == getattr(b, f) for f in fields)


def layout_of(header: LayerHeader) -> Layout:
    return Layout(column_major=header.column_major, lead_bits=header.lead_bits)


@given(
    st.integers(0, 1 << 16),
    st.one_of(
        st.tuples(st.integers(1, 30), st.integers(1, 60)),
        st.tuples(st.integers(1, 8), st.integers(1, 5), st.integers(1, 3), st.integers(1, 3)),
    ),
    st.sampled_from([0.0, 0.001, 0.02, 0.3, 1.0]),
    st.integers(1, 8),
    st.sampled_from([None, *LAYOUTS]),
)
def test_round_trip(seed: int, shape: tuple[int, ...], density: float, code_bits: int, layout: Layout | None):
    layer = make_layer(seed, shape, density, code_bits, convolution=Convolution() if len(shape) == 4 else None)
    header, section, sizes = encode_layer(layer, layout)
    assert len(section) == header.section_bytes
    decoded, decoded_sizes = decode_layer(header, section)
    assert same(decoded, layer)
    assert decoded_sizes == sizes
    assert encode_layer(decoded, layout) == (header, section, sizes)
    if layout is not None and layer.positions.size:
        assert layout_of(header) == layout
    parts = (sizes.run_table, sizes.code_table, sizes.codebook, sizes.biases, sizes.runs, sizes.codes)
    assert sum(parts) == len(section)
    assert (-(-sizes.run_bits // 8), -(-sizes.code_bits // 8)) == (sizes.runs, sizes.codes)


def few_weights(values: list[float], shape: tuple[int, int] = (3, 4), code_bits: int = 8) -> CompressedLayer:
    """A layer whose first weights take these values, each its own code."""
    codebook = np.zeros(1 << code_bits, np.float32)
    codebook[1 : len(values) + 1] = values
    return CompressedLayer(
        name="fc",
        shape=shape,
        code_bits=code_bits,
        codebook=codebook,
        bias=np.zeros(shape[0], np.float32),
        relu=False,
        positions=np.arange(len(values)),
        codes=np.arange(1, len(values) + 1, dtype=np.uint8),
    )


@pytest.mark.parametrize(
    "layer",
    [
        few_weights([0.5], (1, 1), 1),
        few_weights([], (1, 1), 1),
        few_weights([]),
        few_weights([0.5] * 9),
        few_weights([0.5, -0.5, 0.5, 0.25, -1e-45, 3.4e38]),
        few_weights([-0.0, 0.0, 1.0]),
        few_weights(np.linspace(-1, 1, 255).tolist(), (15, 17)),
        few_weights([1.0, 2.0, 3.0], (1, 3), 2),
    ],
    ids=["one weight", "no weight of one", "no weight", "one value", "some", "zeros", "255 values", "3 of 3 values"],
)
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_corners(layer: CompressedLayer, layout: Layout):
    header, section, sizes = encode_layer(layer, layout)
    decoded, _ = decode_layer(header, section)
    assert same(decoded, layer)
    assert encode_layer(decoded, layout) == (header, section, sizes)


def test_codes_are_numbered_by_ascending_value():
    random = np.random.default_rng(5)
    layer = make_layer(1, (30, 40), 0.4, 3)
    # The same weights with the codes in another order, one value under two codes, and unused values.
    codebook = np.zeros(16, np.float32)
    numbers = random.permutation(np.arange(1, 16))[:7]
    codebook[numbers] = layer.codebook[1:]
    codebook[codebook == 0] = 99
    codebook[0] = 0
    renumbered = np.concatenate([[0], numbers]).astype(np.uint8)[layer.codes]
    twin = int(np.flatnonzero(codebook == 99)[0])
    codebook[twin] = codebook[renumbered[0]]
    renumbered[0] = twin
    other = replace(layer, code_bits=4, codebook=codebook, codes=renumbered)
    first, second = encode_layer(layer), encode_layer(other)
    assert first[1] == second[1]
    decoded = decode_layer(second[0], second[1])[0]
    used = np.count_nonzero(decoded.codebook)
    assert (np.diff(decoded.codebook[1 : used + 1]) > 0).all()
    assert same(decoded, other)


def one_weight_at(place: int) -> CompressedLayer:
    layer = make_layer(0, (1, 600), 0, 2)
    codebook = np.array([0, 0, 3, 0], np.float32)
    return replace(layer, codebook=codebook, positions=np.array([place]), codes=np.array([2], np.uint8))


@pytest.mark.parametrize("place", [0, 15, 16, 599])
def test_entries_are_weights_that_are_kept_or_all_before_them(place: int):
    layer = one_weight_at(place)
    for layout in LAYOUTS:
        header, section, _ = encode_layer(layer, layout)
        assert header.entries == (1 if layout.lead_bits else place + 1)
        assert same(decode_layer(header, section)[0], layer)


def test_rows_of_nothing_but_zeros():
    layer = few_weights([1.0, 2.0])
    layer = replace(layer, shape=(1000, 500), bias=np.zeros(1000, np.float32), positions=np.array([7, 499_999]))
    for layout in LAYOUTS:
        header, section, _ = encode_layer(layer, layout)
        assert same(decode_layer(header, section)[0], layer)


def test_a_last_code_of_zero_is_refused():
    header, section, _ = encode_layer(one_weight_at(3), Layout(column_major=False, lead_bits=0))
    assert section[-1] == 0b00010000
    with pytest.raises(EieError, match="layer fc: the last weight that has a code must not be zero, it is"):
        decode_layer(header, section[:-1] + bytes([0b00100000]))


@given(st.integers(0, 1 << 16), st.sampled_from(LAYOUTS), st.binary(min_size=1, max_size=4), st.data())
@settings(suppress_health_check=[HealthCheck.filter_too_much])
def test_any_damage_is_refused_or_another_layer(seed: int, layout: Layout, noise: bytes, data: st.DataObject):
    header, section, _ = encode_layer(make_layer(seed, (9, 20), 0.2, 3), layout)
    at = data.draw(st.integers(0, len(section) - 1))
    damaged = (section[:at] + noise + section[at + len(noise) :])[: len(section)]
    try:
        layer, _ = decode_layer(header, damaged)
    except EieError:
        reject()
    encoded = encode_layer(layer, layout)
    assert same(decode_layer(encoded[0], encoded[1])[0], layer)
