"""Says once that machine code is being made, which takes long and happens at the first use only."""

from collections.abc import Callable

SENTENCE = "compiling once for this computer (about 30 s); later uses read it from a cache"

_say: Callable[[str], None] | None = None


def tell(say: Callable[[str], None]) -> None:
    """`say` is told when the first function is compiled; importing this imports no compiler."""
    global _say  # one process has one command, which has one place to say things
    _say = say


def told() -> None:
    """A function is about to be compiled."""
    global _say
    say, _say = _say, None
    if say is not None:
        say(SENTENCE)
