"""A PE's own activation on its way to the pointer read, in local mode."""

from model.stepped.signals import PeSignals


class OwnActivation:
    """Holds `current` when the broadcast register holds the column of its row: two cycles after it was selected."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._picked = False
        self.valid = False
        self.value = 0
        self._next_picked = False
        self._next_valid = False
        self._next_value = 0

    def compute(self, pe: PeSignals) -> None:
        self._next_picked = pe.control.local and pe.number in pe.control.selects
        self._next_valid = self._picked
        self._next_value = pe.current

    def commit(self) -> None:
        self._picked, self.valid, self.value = self._next_picked, self._next_valid, self._next_value
