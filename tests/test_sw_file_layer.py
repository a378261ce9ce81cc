from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support_networks import make_layer

from sw.compressed import CompressedLayer
from sw.errors import EieError
from sw.file_layer import decode_layer, encode_layer
from sw.graph import Convolution


def same(a: CompressedLayer, b: CompressedLayer) -> bool:
    """Whether two layers are equal but for the numbering of their codes."""
    arrays = all(np.array_equal(getattr(a, f), getattr(b, f)) for f in ("bias", "positions"))
    fields = ("name", "shape", "convolution", "code_bits", "index_bits", "column_major", "relu")
    return arrays and np.array_equal(a.dense(), b.dense()) and all(getattr(a, f) == getattr(b, f) for f in fields)


@given(
    st.integers(0, 1 << 16),
    st.one_of(
        st.tuples(st.integers(1, 30), st.integers(1, 60)),
        st.tuples(st.integers(1, 8), st.integers(1, 5), st.integers(1, 3), st.integers(1, 3)),
    ),
    st.sampled_from([0.0, 0.001, 0.02, 0.3, 1.0]),
    st.integers(1, 8),
    st.integers(0, 8),
    st.booleans(),
)
def test_round_trip(
    seed: int, shape: tuple[int, ...], density: float, code_bits: int, index_bits: int, column_major: bool
):
    layer = make_layer(
        seed, shape, density, code_bits, index_bits, convolution=Convolution() if len(shape) == 4 else None
    )
    layer = replace(layer, column_major=column_major)
    header, section, sizes = encode_layer(layer)
    assert len(section) == header.section_bytes
    decoded, decoded_sizes = decode_layer(header, section)
    assert same(decoded, layer)
    assert decoded_sizes == sizes
    assert encode_layer(decoded) == (header, section, sizes)
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
        index_bits=2,
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
@pytest.mark.parametrize("index_bits", range(9))
@pytest.mark.parametrize("column_major", [False, True])
def test_corners(layer: CompressedLayer, index_bits: int, column_major: bool):
    layer = replace(layer, index_bits=index_bits, column_major=column_major)
    header, section, sizes = encode_layer(layer)
    decoded, _ = decode_layer(header, section)
    assert same(decoded, layer)
    assert encode_layer(decoded) == (header, section, sizes)


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


def one_run_of(gap: int, index_bits: int) -> CompressedLayer:
    layer = make_layer(0, (1, 600), 0, 2, index_bits)
    codebook = np.array([0, 0, 3, 0], np.float32)
    return replace(layer, codebook=codebook, positions=np.array([gap]), codes=np.array([2], np.uint8))


@pytest.mark.parametrize(
    ("gap", "index_bits", "fillers"),
    [(15, 4, 0), (16, 4, 1), (31, 4, 1), (32, 4, 2), (599, 4, 37), (599, 0, 599), (0, 0, 0)],
)
def test_fillers_exist_in_the_file_only(gap: int, index_bits: int, fillers: int):
    layer = one_run_of(gap, index_bits)
    header, section, _ = encode_layer(layer)
    assert header.entries == 1 + fillers
    assert same(decode_layer(header, section)[0], layer)


def test_rows_of_nothing_but_zeros():
    layer = few_weights([1.0, 2.0])
    layer = replace(layer, shape=(1000, 500), bias=np.zeros(1000, np.float32), positions=np.array([7, 499_999]))
    for column_major in (False, True):
        for index_bits in range(9):
            one = replace(layer, column_major=column_major, index_bits=index_bits)
            header, section, _ = encode_layer(one)
            assert same(decode_layer(header, section)[0], one)


@pytest.mark.parametrize(("gap", "runs", "codes"), [(16, 0x40, 0x40), (31, 0x00, 0x80)])
def test_misplaced_fillers(gap: int, runs: int, codes: int):
    header, section, _ = encode_layer(one_run_of(gap, 4))
    assert section[-2:] != bytes([runs, codes])
    with pytest.raises(EieError, match="a filler must have the longest run and an entry after it, one has not"):
        decode_layer(header, section[:-2] + bytes([runs, codes]))


@given(st.integers(0, 1 << 16), st.integers(0, 8), st.binary(min_size=1, max_size=4), st.data())
def test_any_damage_is_refused_or_another_layer(seed: int, index_bits: int, noise: bytes, data: st.DataObject):
    header, section, _ = encode_layer(make_layer(seed, (9, 20), 0.2, 3, index_bits))
    at = data.draw(st.integers(0, len(section) - 1))
    damaged = (section[:at] + noise + section[at + len(noise) :])[: len(section)]
    try:
        layer, _ = decode_layer(header, damaged)
    except EieError:
        return
    encoded = encode_layer(layer)
    assert same(decode_layer(encoded[0], encoded[1])[0], layer)
