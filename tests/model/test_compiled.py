"""model/compiled.py: compiled functions compute what their source says, whether their machine code is kept or not."""

from collections.abc import Callable
from typing import Any

import numba
import pytest

from model import first_use
from model.compiled import compiled


def double(number: int) -> int:
    return 2 * number


def half(number: float) -> float:
    return number / 2


def test_a_compiled_function_equals_its_source():
    assert compiled(double)(21) == 42


def test_an_installation_that_cannot_be_written_compiles_without_a_cache(monkeypatch: pytest.MonkeyPatch):
    njit: Callable[..., Any] = numba.njit
    asked: list[bool] = []

    def read_only(function: Callable[..., Any], *, nogil: bool, cache: bool = False) -> Any:
        asked.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return njit(function, nogil=nogil)

    monkeypatch.setattr(numba, "njit", read_only)
    assert compiled(double)(21) == 42
    assert asked == [True, False]


def test_the_first_compilation_is_said_and_no_other_and_none_read_from_the_cache():
    said: list[str] = []
    first_use.tell(said.append)
    function: Callable[[float], float] = numba.njit(half)
    assert function(21) == 10.5
    assert function(2.5) == 1.25
    assert said == [first_use.SENTENCE]
    compiled(double)(21)  # on disk from here on
    first_use.tell(said.append)
    assert compiled(double)(21) == 42
    assert said == [first_use.SENTENCE]
    first_use.told()
