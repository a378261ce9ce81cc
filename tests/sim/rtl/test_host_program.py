"""sim/rtl/host_program.py: a machine that does not answer."""

from types import SimpleNamespace
from typing import Any

import pytest

from model.config import PRESETS
from sim.rtl.host_program import Collect, HostTimeout, Send, run_actions


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (Send((1,), 0.0, limit=3), "did not take an input word for 3 cycles"),
        (Collect(0.0, limit=3), "gave 0 output words and no last one in 3 cycles"),
    ],
)
def test_a_machine_that_does_not_answer(action: Any, sentence: str) -> None:
    running = run_actions(PRESETS["tiny4"], [action])
    nothing: Any = SimpleNamespace(i_ready=0, o_valid=0, o_last=0, o_data=0)
    next(running)
    for _ in range(action.limit - 1):
        running.send(nothing)
    with pytest.raises(HostTimeout, match=sentence):
        running.send(nothing)
