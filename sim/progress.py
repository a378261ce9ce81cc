"""How long work says how far it is: the library calls what it is given and never prints."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Say = Callable[[str], None]


class Advance(Protocol):
    """Moves a bar on by so many units; a text replaces the one beside it."""

    def __call__(self, units: int, text: str | None = None) -> None: ...


class Progress(Protocol):
    """What work of several stages is given: remarks, steps and bars; `sim.terminal.output.Output` shows them."""

    def note(self, text: str) -> None:
        """A remark, kept."""
        ...

    def steps(self, first: str) -> AbstractContextManager[Say]:
        """While the context is open: what is being done, said by what it yields."""
        ...

    def bar(self, text: str, total: int) -> AbstractContextManager[Advance]:
        """While the context is open: how many of `total` units are done, advanced by what it yields."""
        ...


class Silent:
    """Progress that nobody watches."""

    def note(self, text: str) -> None:
        """Nothing."""

    @contextmanager
    def steps(self, first: str) -> Generator[Say]:
        """Nothing."""
        yield lambda _: None

    @contextmanager
    def bar(self, text: str, total: int) -> Generator[Advance]:
        """Nothing."""
        yield lambda units, text=None: None


SILENT: Progress = Silent()
