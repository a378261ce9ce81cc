"""Numba's compiler with a type: a compiled function has the signature of its Python source."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile on first call, and keep the machine code on disk for later processes if there is a place for it.

    While it runs other threads run too.
    """
    compile_function = cast("Callable[..., Any]", numba.njit)
    try:
        return cast("Callable[P, R]", compile_function(function, cache=True, nogil=True))
    except RuntimeError:
        # Neither the source's folder nor the user's cache can be written, as in a read-only installation.
        return cast("Callable[P, R]", compile_function(function, nogil=True))
