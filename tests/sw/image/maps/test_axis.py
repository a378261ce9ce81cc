"""Meetings of windows against every position of both maps, written down one by one."""

import numpy as np
import pytest

from model.errors import EieError
from sw.image.maps.axis import Axis, Window, meetings

CASES = [
    (Axis(12), Axis(12), Window(3, 1, 1)),
    (Axis(12), Axis(6), Window(4, 2, 1)),
    (Axis(13), Axis(5), Window(3, 3, 0, 2)),
    (Axis(12, 4), Axis(12, 2, 2), Window(3, 1, 1)),
    (Axis(12, 2, 2), Axis(6, 2), Window(2, 2)),
    (Axis(12, 2), Axis(4), Window(5, 3, 1)),
]


@pytest.mark.parametrize("unrolled", [False, True])
@pytest.mark.parametrize(("source", "result", "window"), CASES)
def test_every_source_position_meets_the_outputs_that_it_reaches(source, result, window, unrolled):
    found = meetings(source, result, window, "conv", unrolled)
    wanted, told = set(), set()
    for position in range(source.size):
        for tap in range(window.size):
            output, rest = divmod(position + window.padding - tap * window.dilation, window.stride)
            if rest == 0 and 0 <= output < result.size:
                wanted.add((position, tap, output))
    for number in range(found.count):
        local = found.first + number * found.pitch
        coordinate = found.start + number // found.classes * found.advance
        for at in np.flatnonzero(found.class_ == number % found.classes):
            output_local = coordinate - int(found.step[at])
            if 0 <= output_local < result.local_size:
                position = source.position(found.source_group[at], np.int64(local))
                output = result.position(found.group[at], np.int64(output_local))
                told.add((int(position), int(found.tap[at]), int(output)))
    assert told == wanted
    assert found.step.min() >= 0


@pytest.mark.parametrize("axis", [Axis(12), Axis(12, 4), Axis(12, 2, 3), Axis(16, 4, 2)])
def test_groups_and_local_positions_number_all(axis):
    positions = np.arange(axis.size)
    groups, local = axis.group(positions), axis.local(positions)
    assert np.array_equal(axis.position(groups, local), positions)
    assert np.bincount(groups).tolist() == [axis.local_size] * axis.groups
    assert local.max() == axis.local_size - 1


def test_a_stride_with_one_tap_reads_what_it_needs():
    found = meetings(Axis(9), Axis(5), Window(1, 2), "conv")
    assert (found.classes, found.pitch, found.count) == (1, 2, 5)


def test_strides_beyond_the_classes_are_refused():
    with pytest.raises(EieError, match="conv: an array tells apart at most 31 source positions in a row, got 40"):
        meetings(Axis(80), Axis(2), Window(41, 40), "conv")


def test_no_coordinate_moves_farther_than_a_descriptor_says():
    plain, unrolled = (meetings(Axis(32, 2), Axis(32), Window(3, 1, 1), "conv", each) for each in (False, True))
    assert (unrolled.classes, unrolled.advance) == (plain.classes, plain.advance) == (1, 2)
    with pytest.raises(EieError, match="conv: an array moves by at most 31 positions of the result, got 48"):
        meetings(Axis(96, 16, 3), Axis(96), Window(), "conv")
