from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support_networks import make_layer

from sw.compressed import CompressedLayer
from sw.errors import EieError
from sw.file_layer import choose_index_bits, decode_layer, encode_layer


def same(a: CompressedLayer, b: CompressedLayer) -> bool:
    arrays = all(np.array_equal(getattr(a, f), getattr(b, f)) for f in ("codebook", "bias", "positions", "codes"))
    scalars = all(getattr(a, f) == getattr(b, f) for f in ("name", "shape", "code_bits", "index_bits", "relu"))
    return arrays and scalars


@given(
    st.integers(0, 1 << 16),
    st.tuples(st.integers(1, 30), st.integers(1, 60)),
    st.sampled_from([0.0, 0.001, 0.02, 0.3, 1.0]),
    st.integers(1, 8),
    st.integers(1, 8),
)
def test_round_trip(seed: int, shape: tuple[int, int], density: float, code_bits: int, index_bits: int):
    layer = make_layer(seed, shape, density, code_bits, index_bits)
    header, section = encode_layer(layer)
    assert len(section) == header.section_bytes
    assert same(decode_layer(header, section), layer)


@pytest.mark.parametrize("density", [0.0, 0.004, 0.02, 0.1, 0.5, 1.0])
def test_the_chosen_index_width_makes_the_smallest_section(density: float):
    layer = make_layer(3, (60, 70), density)
    sizes = [encode_layer(replace(layer, index_bits=bits))[0].section_bytes for bits in range(1, 9)]
    chosen = choose_index_bits(layer.positions, layer.codes, layer.code_bits)
    assert chosen == 1 + int(np.argmin(sizes))


def one_run_of(gap: int, index_bits: int) -> CompressedLayer:
    layer = make_layer(0, (1, 600), 0, 2, index_bits)
    codebook = np.array([0, 0, 3, 0], np.float32)
    return replace(layer, codebook=codebook, positions=np.array([gap]), codes=np.array([2], np.uint8))


@pytest.mark.parametrize(("gap", "fillers"), [(15, 0), (16, 1), (31, 1), (32, 2), (599, 37)])
def test_fillers_exist_in_the_file_only(gap: int, fillers: int):
    layer = one_run_of(gap, 4)
    header, section = encode_layer(layer)
    assert header.entries == 1 + fillers
    assert same(decode_layer(header, section), layer)


def test_unused_codebook_entries_are_dropped():
    layer = one_run_of(3, 4)
    used = encode_layer(layer)
    assert used[0].used_codes == 1
    assert encode_layer(replace(layer, codebook=np.array([0, 7, 3, 7], np.float32))) == used


@pytest.mark.parametrize(("gap", "runs", "codes"), [(16, 0x40, 0x40), (31, 0x00, 0x80)])
def test_misplaced_fillers(gap: int, runs: int, codes: int):
    header, section = encode_layer(one_run_of(gap, 4))
    assert section[-2:] != bytes([runs, codes])
    with pytest.raises(EieError, match="a filler must have the longest run and an entry after it, one has not"):
        decode_layer(header, section[:-2] + bytes([runs, codes]))


@given(st.integers(0, 1 << 16), st.binary(min_size=1, max_size=4), st.data())
def test_any_damage_is_refused_or_another_layer(seed: int, noise: bytes, data: st.DataObject):
    header, section = encode_layer(make_layer(seed, (9, 20), 0.2, 3, 3))
    at = data.draw(st.integers(0, len(section) - 1))
    damaged = (section[:at] + noise + section[at + len(noise) :])[: len(section)]
    try:
        layer = decode_layer(header, damaged)
    except EieError:
        return
    assert same(decode_layer(*encode_layer(layer)), layer)
