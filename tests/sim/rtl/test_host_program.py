"""sim/rtl/host_program.py: a machine that does not answer."""

from types import SimpleNamespace
from typing import Any

import pytest

from model.config import PRESETS
from sim.rtl.host_program import Collect, HostTimeout, Send, Until, run_actions, waiting_actions


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


def test_who_only_waits_says_so_once() -> None:
    """Every cycle of the one program is in the other's waits: words that come after 0 to 3 cycles."""
    actions = [Send((5, 6)), Collect()]
    pauses = [2, 0, 3, 1]  # before each word is taken or given
    every = run_actions(PRESETS["tiny4"], actions)
    waiting = waiting_actions(PRESETS["tiny4"], actions)
    inputs, wanted = next(every), next(waiting)
    word: Any = None
    for number, pause in enumerate(pauses):
        assert isinstance(wanted, Until)
        assert wanted.port == ("i_ready" if number < 2 else "o_valid")
        nothing: Any = SimpleNamespace(i_ready=0, o_valid=0, o_last=0, o_data=0)
        for _ in range(pause):
            assert inputs == wanted.inputs
            inputs = every.send(nothing)
        word = SimpleNamespace(i_ready=1, o_valid=1, o_last=int(number == 3), o_data=number)
        assert inputs == wanted.inputs
        if number < 3:
            inputs, wanted = every.send(word), waiting.send(word)
    for program in (every, waiting):
        with pytest.raises(StopIteration) as stop:
            program.send(word)
        assert stop.value.value == [[2, 3]]
