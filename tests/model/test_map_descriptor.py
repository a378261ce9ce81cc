"""The descriptor of a map layer: every field in its place, nothing lost, nothing that does not fit."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.map_descriptor import MAP_DESCRIPTOR_WORDS, MAP_FIELDS, MapDescriptor

PLAIN = [0xFFFF_FFFF, 0xFFFF, 0xFFFF_FFFF, 0xFFFF_033F]  # every bit of the words that all layers have

descriptors = st.builds(
    MapDescriptor,
    **{
        name: st.booleans() if field.width == 1 else st.integers(0, (1 << field.width) - 1)
        for name, field in MAP_FIELDS.items()
    },
)


def test_every_field_has_a_place_of_its_own():
    assert {field.name for field in fields(MapDescriptor)} == set(MAP_FIELDS)
    used = [*PLAIN, *[0] * (MAP_DESCRIPTOR_WORDS - len(PLAIN))]
    for field in MAP_FIELDS.values():
        mask = ((1 << field.width) - 1) << field.low
        assert mask < 1 << 32
        assert not used[field.word] & mask
        used[field.word] |= mask


@given(descriptors)
def test_unpack_is_the_inverse_of_merge(descriptor):
    words = descriptor.merge(PLAIN)
    assert len(words) == MAP_DESCRIPTOR_WORDS
    assert MapDescriptor.unpack(words) == descriptor
    assert (
        MapDescriptor.unpack([word | bit for word, bit in zip(words, [*PLAIN, *[0] * 10], strict=True)]) == descriptor
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"out_width": 1024}, "out_width of 10 bits wanted, got 1024"),
        ({"channel_bits": 8}, "channel_bits of 3 bits wanted, got 8"),
        ({"limit": -1}, "limit of 15 bits wanted, got -1"),
    ],
)
def test_what_does_not_fit_is_refused(change, sentence):
    layer: dict[str, int] = {
        "destination": 0,
        "destination_step": 1,
        "columns": 1,
        "class_columns": 1,
        "in_channels": 1,
        "in_width": 1,
        "column_step": 1,
        "row_step": 1,
        "out_channels": 1,
        "out_height": 1,
        "out_width": 1,
        "row_pitch": 1,
    }
    with pytest.raises(ValueError, match=sentence):
        MapDescriptor(**(layer | change))
