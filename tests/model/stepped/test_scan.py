"""The generators of the control unit, stepped, against where rows lie when one computes it, for any descriptor."""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from model.image import LayerImage
from model.map_descriptor import MAP_FIELDS, MapDescriptor
from model.map_reference import scan
from model.stepped.scan import ReadGenerator, ScanGenerator
from model.stepped.signals import LayerEntry
from tests.support.images.maps import Shape, Window, map_config, map_layer
from tests.support.images.random_images import small_config

SMALL = st.one_of(st.integers(0, 5), st.integers(0, 40))


@st.composite
def descriptors(draw) -> MapDescriptor:
    """Any bits, mostly small numbers."""
    values = {name: draw(SMALL) % (1 << field.width) for name, field in MAP_FIELDS.items() if field.width > 1}
    wide = draw(st.sampled_from([name for name, field in MAP_FIELDS.items() if field.width > 1]))
    values[wide] = draw(st.integers(0, (1 << MAP_FIELDS[wide].width) - 1))
    return MapDescriptor(**values, local=draw(st.booleans()))


def some_layer(**changes) -> LayerImage:
    config = map_config(pes=1)
    kernel = np.ones((1, 1, 1, 1), dtype=int)
    layer, _ = map_layer(config, Shape(height=1, width=1, channels=1), kernel, np.ones(16, np.int16), Window())
    return replace(layer, **changes)


def wide_map(**changes: int) -> MapDescriptor:
    """A map of one row of 40 positions, of as many classes as a field of 0 says."""
    values: dict[str, Any] = {name: 1 for name, field in MAP_FIELDS.items() if field.width > 1}
    values.update({"in_width": 40, "classes_x": 0}, **changes)
    return MapDescriptor(**values)


@example(wide_map(), 2, 64, 0, 0)
@example(wide_map(in_width=1, classes_y=0, classes_x=1), 2, 64, 0, 0)
@given(descriptors(), st.integers(1, 3), st.integers(1, 64), st.integers(0, 0xFFFF), st.integers(0, 15))
def test_every_row_is_read_and_named_where_the_page_says(geometry, pes, in_rows, first_row, pointer_base):
    config = map_config(pes=pes, activation_depth=64, pointer_depth=16, accumulator_depth=16)
    entry = LayerEntry(in_rows=in_rows, first_row=first_row, pointer_base=pointer_base, map=geometry)
    reading, scanning = ReadGenerator(config), ScanGenerator(config)
    reading.begin(entry)
    scanning.begin(entry)
    for wanted in scan(config, some_layer(map=geometry, in_rows=in_rows, first_row=first_row)):
        assert reading.next_row == wanted.row
        assert (scanning.base, scanning.y, scanning.x) == ((pointer_base + wanted.column) % 16, wanted.y, wanted.x)
        reading.step(entry, linear=False)
        scanning.step(entry)


def test_outputs_are_read_one_after_the_other():
    config = map_config(activation_depth=64)
    geometry = some_layer().map
    assert geometry is not None
    entry = LayerEntry(map=replace(geometry, destination=62, destination_step=5))
    reading = ReadGenerator(config)
    reading.rewind(entry)
    rows = []
    for _ in range(4):
        rows.append(reading.next_row)
        reading.step(entry, linear=True)
    assert rows == [62, 63, 0, 1]


def test_without_maps_rows_and_columns_follow_each_other():
    config = small_config(pes=3, activation_depth=5, pointer_depth=18)
    entry = LayerEntry(in_rows=4, first_row=3, pointer_base=2)
    reading, scanning = ReadGenerator(config), ScanGenerator(config)
    reading.begin(entry)
    scanning.begin(entry)
    shown = []
    for _ in range(4):
        shown.append((reading.next_row, scanning.base))
        reading.step(entry, linear=False)
        scanning.step(entry)
    assert shown == [(3, 2), (4, 5), (0, 8), (1, 11)]
    reading.rewind(entry)
    assert reading.next_row == 0
