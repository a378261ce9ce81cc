"""Who is told how a training run proceeds."""

from typing import Protocol

from sw.training.loop import Epoch


class Watcher(Protocol):
    """Is told how a run proceeds."""

    def begin(self, what: str, units: int, done: int) -> None:
        """Something of so many units begins, or goes on after `done` of them."""

    def advance(self, units: int) -> None:
        """So many more units are done."""

    def epoch(self, figures: Epoch) -> None:
        """An epoch is finished."""


class Silent:
    """A watcher that says nothing."""

    def begin(self, what: str, units: int, done: int) -> None: ...
    def advance(self, units: int) -> None: ...
    def epoch(self, figures: Epoch) -> None: ...
