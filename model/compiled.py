"""Numba's compiler with a type: a compiled function has the signature of its Python source."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, ParamSpec, TypeVar, cast

import numba

from model import first_use

events: Any = import_module("numba.core.event")

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


class _FirstCompilation(events.Listener):
    """Numba's listener to what it compiles; what it reads from its cache it does not."""

    def on_start(self, event: Any) -> None:
        first_use.told()

    def on_end(self, event: Any) -> None:
        pass


events.register("numba:compile", _FirstCompilation())
