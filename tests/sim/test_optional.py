"""sim/optional.py: a module that is there, and one that is not."""

import json

from sim.optional import imported


def test_a_module_that_is_there_is_given_in_silence() -> None:
    said: list[str] = []
    assert imported("json", say=said.append) is json
    assert said == []


def test_one_that_is_not_there_is_none_and_named() -> None:
    said: list[str] = []
    assert imported("no_such_module") is None
    assert imported("no_such_module", say=said.append) is None
    assert imported("no_such_module.part", package="no-such-package", say=said.append) is None
    assert said[0].startswith("no_such_module is left out: ")
    assert said[1].endswith("; pip install no-such-package")
