"""Numba's compiler with a type: a compiled function has the signature of its Python source."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile on first call and keep the machine code on disk for later processes."""
    compile_function = cast("Callable[..., Any]", numba.njit)
    return cast("Callable[P, R]", compile_function(function, cache=True))
