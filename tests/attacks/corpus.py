"""The register of attacks: files that must be refused in one sentence, quickly and in little memory."""

from collections.abc import Callable
from dataclasses import dataclass

Make = Callable[[], bytes]


@dataclass(frozen=True, kw_only=True)
class Attack:
    """A hostile file.

    Parameters
    ----------
    kind : what the file pretends to be, a key of `tests.attacks.commands.COMMANDS`.
    name : unique within its kind.
    purpose : what it tries, in one line.
    make : its bytes, the same each time.
    """

    kind: str
    name: str
    purpose: str
    make: Make

    @property
    def identity(self) -> str:
        """Kind and name."""
        return f"{self.kind}/{self.name}"


ATTACKS: dict[str, Attack] = {}


def attack(*kinds: str) -> Callable[[Make], Make]:
    """Register a function that makes a file; its name is the attack's, its docstring says in one line what it tries."""

    def register(make: Make) -> Make:
        for kind in kinds:
            add(kind, make.__name__, make.__doc__ or "", make)
        return make

    return register


def add(kind: str, name: str, purpose: str, make: Make) -> None:
    """Register one attack; ValueError for a second of its name, or without its one line."""
    made = Attack(kind=kind, name=name, purpose=purpose, make=make)
    if made.identity in ATTACKS or len(purpose.splitlines()) != 1:
        raise ValueError(f"{made.identity} must be new and say in one line what it tries")
    ATTACKS[made.identity] = made
