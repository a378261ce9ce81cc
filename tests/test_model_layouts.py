"""Bit layouts shared by hardware, software and model."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.config import PRESETS
from model.layouts import (
    DELTA_BITS,
    DESCRIPTOR_WORDS,
    LIMIT_BITS,
    RUNNING_STATES,
    ControlState,
    Descriptor,
    LoaderState,
    Opcode,
    array_debug_fields,
    header,
    pack_limit,
    pe_debug_fields,
    symbol_index_bits,
)
from model.registers import PeCounter
from tests.support_images import small_config


@settings(max_examples=100)
@given(
    st.builds(
        Descriptor,
        in_rows=st.integers(0, 0xFFFF),
        out_rows=st.integers(0, 0xFFFF),
        columns=st.integers(0, 0xFFFFFFFF),
        stream_words=st.integers(0, 0xFFFFFFFF),
        shift=st.integers(0, 63),
        relu=st.booleans(),
        bias_scale=st.integers(0, 0xFFFF),
    )
)
def test_descriptor_comes_back(descriptor):
    words = descriptor.pack()
    assert len(words) == DESCRIPTOR_WORDS
    assert all(0 <= word < 1 << 32 for word in words)
    assert Descriptor.unpack(words) == descriptor


def test_descriptor_words_by_hand():
    descriptor = Descriptor(in_rows=3, out_rows=5, columns=12, stream_words=7, shift=9, relu=True, bias_scale=64)
    assert descriptor.pack() == [0x0005_0003, 12, 7, 0x0040_0109]


def test_header():
    assert header(Opcode.LOAD) == 1
    assert header(Opcode.INPUT, 0x123456) == 0x12345603


@pytest.mark.parametrize(("delta", "field"), [(0, 0), (5, 5), (-1, 511), (-300, 212)])
def test_limit_word(delta, field):
    word = pack_limit(1 << 16, delta)
    assert word & (1 << LIMIT_BITS) - 1 == 1 << 16
    assert word >> LIMIT_BITS == field
    assert word < 1 << LIMIT_BITS + DELTA_BITS <= 1 << 32


def test_states_fit_their_debug_fields():
    assert max(LoaderState) < 16
    assert max(ControlState) < 16
    assert [state.name for state in map(ControlState, RUNNING_STATES)] == [
        *("PREFETCH_0", "PREFETCH_1", "BROADCAST", "DRAIN", "WRITE_BACK", "FLUSH")
    ]


@pytest.mark.parametrize("config", [*PRESETS.values(), small_config(pes=1, pe_counters=False)], ids=lambda c: c.name)
def test_debug_fields(config):
    for fields in (array_debug_fields(config), pe_debug_fields(config)):
        names = [field.name for field in fields]
        assert len(set(names)) == len(names)
        assert all(field.width >= 1 for field in fields)
        widths = {field.name: field.width for field in fields}
        assert all(widths[field.valid] == 1 for field in fields if field.valid is not None)
    counters = [counter.name.lower() for counter in PeCounter]
    assert ([field.name for field in pe_debug_fields(config)][-len(counters) :] == counters) == config.pe_counters


@pytest.mark.parametrize(("code_bits", "index_bits", "wanted"), [(4, 4, 5), (8, 1, 8), (1, 8, 9), (5, 4, 5)])
def test_symbol_index_bits(code_bits, index_bits, wanted):
    config = small_config(code_bits=code_bits, index_bits=index_bits, max_code_length=9, constant_depth=2048)
    assert symbol_index_bits(config) == wanted
    assert 1 << wanted >= max(config.run_symbols, config.code_symbols)
