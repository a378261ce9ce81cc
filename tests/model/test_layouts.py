"""Bit layouts shared by hardware, software and model."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.config import PRESETS
from model.layouts import (
    CODE_ALPHABET,
    DESCRIPTOR_WORDS,
    RUN_ALPHABET,
    RUNNING_STATES,
    TREE_KIND_BITS,
    ControlState,
    Descriptor,
    LoaderState,
    Opcode,
    TreeKind,
    array_debug_fields,
    header,
    patience_bits,
    pe_debug_fields,
    tree_address,
    tree_word,
)
from model.registers import PeCounter
from tests.support.images.random_images import small_config


@settings(max_examples=100)
@given(
    st.builds(
        Descriptor,
        in_rows=st.integers(0, 0xFFFF),
        out_rows=st.integers(0, 0xFFFF),
        first_row=st.integers(0, 0xFFFF),
        stream_words=st.integers(0, 0xFFFFFFFF),
        shift=st.integers(0, 63),
        relu=st.booleans(),
        keep=st.booleans(),
        bias_scale=st.integers(0, 0xFFFF),
    )
)
def test_descriptor_comes_back(descriptor):
    words = descriptor.pack()
    assert len(words) == DESCRIPTOR_WORDS
    assert all(0 <= word < 1 << 32 for word in words)
    assert Descriptor.unpack(words) == descriptor


def test_descriptor_words_by_hand():
    descriptor = Descriptor(
        in_rows=3, out_rows=5, first_row=12, stream_words=7, shift=9, relu=True, keep=True, bias_scale=64
    )
    assert descriptor.pack() == [0x0005_0003, 12, 7, 0x0040_0309]


def test_header():
    assert header(Opcode.LOAD) == 1
    assert header(Opcode.INPUT, 0x123456) == 0x12345603


def test_tree_words_by_hand():
    assert tree_word(TreeKind.NONE) == 0
    assert tree_word(TreeKind.NODE, 5) == 0b101_01
    assert tree_word(TreeKind.SYMBOL, 0) == 0b10
    assert tree_word(TreeKind.END) == 0b11
    assert max(TreeKind) < 1 << TREE_KIND_BITS


def test_the_trees_fill_their_memory():
    config = small_config(code_bits=2, index_bits=3)
    addresses = [
        tree_address(config, alphabet, node, bit)
        for alphabet in (RUN_ALPHABET, CODE_ALPHABET)
        for node in range(1 << config.node_bits)
        for bit in (0, 1)
    ]
    assert addresses == list(range(config.tree_words))


def test_states_fit_their_debug_fields():
    assert max(LoaderState) < 16
    assert max(ControlState) < 16
    assert [state.name for state in map(ControlState, RUNNING_STATES)] == [
        *("PREFETCH_0", "PREFETCH_1", "PREFETCH_2", "PREFETCH_3", "BROADCAST", "DRAIN", "WRITE_BACK", "FLUSH")
    ]


CONFIGS = [
    *PRESETS.values(),
    small_config(name="one", pes=1, pe_counters=False),
    small_config(broadcasts_per_cycle=2),
    small_config(name="maps", maps=True, accumulator_depth=40, activation_depth=64, pointer_depth=64),
]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: c.name)
def test_debug_fields(config):
    for fields in (array_debug_fields(config), pe_debug_fields(config)):
        names = [field.name for field in fields]
        assert len(set(names)) == len(names)
        assert all(field.width >= 1 for field in fields)
        widths = {field.name: field.width for field in fields}
        assert all(widths[field.valid] == 1 for field in fields if field.valid is not None)
    counters = [counter.name.lower() for counter in PeCounter]
    assert ([field.name for field in pe_debug_fields(config)][-len(counters) :] == counters) == config.pe_counters


@pytest.mark.parametrize("queue_depth", [1, 2, 5, 6, 8, 256])
def test_patience_outlasts_full_queues_of_the_longest_slices(queue_depth):
    config = small_config(queue_depth=queue_depth)
    longest_slice = 1 << config.pointer_bits
    assert 1 << patience_bits(config) > (queue_depth + 1) * longest_slice
    assert patience_bits(config) <= 48
