"""The PE's own activation stands beside the broadcast register: two cycles after its selection."""

from dataclasses import replace

import pytest

from model.stepped.own_activation import OwnActivation
from model.stepped.signals import ControlSignals, LayerEntry, LoaderSignals, PeSignals, Selection
from tests.model.stepped.test_scan import some_layer


@pytest.mark.parametrize("local", [True, False])
@pytest.mark.parametrize("number", [1, 2])
def test_two_cycles_after_its_selection(local, number):
    geometry = some_layer().map
    assert geometry is not None
    own = OwnActivation()
    seen = []
    for cycle in range(4):
        control = ControlSignals(
            0,
            0,
            LayerEntry(map=replace(geometry, local=local)),
            False,
            0,
            False,
            Selection((None,)),
            (None,),
            selects=(0, 2) if cycle == 0 else (),
        )
        seen.append(own.valid)
        if own.valid:
            assert own.value == 11  # of the cycle after the selection
        own.compute(PeSignals(number, LoaderSignals(), control, current=10 + cycle))
        own.commit()
    assert seen == [False, False, local and number == 2, False]
