"""What stands in for things that a test does not want to happen."""

from model.config import PRESETS

TINY = PRESETS["tiny4"]


def nothing(*_: object, **__: object) -> None:
    pass
