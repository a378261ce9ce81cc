"""Stages E to U for any descriptor and any entry: on the map and inside the layer, or dropped."""

from hypothesis import example, given
from hypothesis import strategies as st

from model.map_descriptor import MapDescriptor
from model.stepped.address_stages import AddressStages, Placed
from model.stepped.signals import ControlSignals, LayerEntry, LoaderSignals, PeSignals, Selection
from tests.model.stepped.test_scan import descriptors, wide_map


def signals(geometry: MapDescriptor, out_rows: int) -> PeSignals:
    control = ControlSignals(
        0, 0, LayerEntry(out_rows=out_rows, map=geometry), False, 0, False, Selection((None,)), (None,)
    )
    return PeSignals(0, LoaderSignals(), control)


def expected(geometry: MapDescriptor, entry: Placed) -> tuple[bool, int]:
    """Whether the entry is on the map, and its address, by the numbers' digits as text."""
    row = f"{entry.row:016b}"
    step_y = step_x = 0
    channel = entry.row
    if not geometry.flat:
        bits, columns = geometry.channel_bits, geometry.column_bits
        channel = int(row[16 - bits :] or "0", 2)
        taps = "0" * 16 + row[: 16 - bits]
        step_x = int(taps[len(taps) - columns :] or "0", 2)
        step_y = int(taps[: len(taps) - columns][-5:], 2)
    y, x = (entry.y - step_y) % 1024, (entry.x - step_x) % 1024
    address = (y * geometry.row_pitch + x * geometry.out_channels + channel) % 65536
    return y < geometry.out_height and x < geometry.out_width, address


MAP = wide_map(out_height=3, out_width=2, out_channels=4, row_pitch=8, channel_bits=2, column_bits=1)


@example(MAP, False, 24, 0b0_00_0_01, 1, 1)
@example(MAP, False, 24, 0, 2, 2)  # off the right
@example(MAP, False, 24, 0b0_00_1_00, 0, 0)  # off the left
@example(MAP, False, 24, 0, 3, 0)  # off the bottom
@example(MAP, False, 24, 0b0_01_0_00, 0, 0)  # off the top
@given(
    descriptors(),
    st.booleans(),
    st.integers(1, 200),
    st.one_of(st.integers(0, 300), st.integers(0, 0xFFFF)),
    st.integers(0, 1023),
    st.integers(0, 40),
)
def test_every_entry(geometry, flat, out_rows, row, y, x):
    geometry = MapDescriptor(**vars(geometry) | {"flat": flat})
    entry = Placed(False, row, weight=3, activation=-7, y=y, x=x)
    stages, pe = AddressStages(), signals(geometry, out_rows)
    on_map, address = expected(geometry, entry)
    for arriving, there in ((entry, "e"), (None, "t"), (None, "v" * on_map), (None, "u" * on_map)):
        stages.compute(pe, arriving)
        stages.commit()
        assert [name for name in "etvu" if getattr(stages, name) is not None] == list(there)
    assert stages.is_misplaced(pe) == (on_map and address >= out_rows)
    leaving = stages.leaving(pe)
    assert (leaving is not None) == (on_map and address < out_rows)
    if leaving is not None:
        assert (leaving.row, leaving.weight, leaving.activation) == (address, 3, -7)


@given(descriptors())
def test_write_back_operations_pass(geometry):
    operation = Placed(True, 500, weight=1, activation=2, destination=9)
    stages, pe = AddressStages(), signals(geometry, 1)
    for arriving in (operation, None, None, None):
        stages.compute(pe, arriving)
        stages.commit()
    assert stages.leaving(pe) == operation
