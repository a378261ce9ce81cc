"""Activation queue: nonzero activations with the bounds of their column slice, waiting for the sparse-matrix read."""

from collections import deque
from typing import NamedTuple

from model.config import ArrayConfig
from model.stepped.pointer_memory import PointerMemory
from model.stepped.signals import PeSignals


class QueueItem(NamedTuple):
    activation: int
    start: int
    end: int


class ActivationQueue:
    """First in, first out; takes what is in stage P and gives up its head when stage A pops it, at the same edge."""

    def __init__(self, config: ArrayConfig, pointer_memory: PointerMemory) -> None:
        self._skips = config.skip_empty_slices
        self._pointer_memory = pointer_memory
        self.reset()

    def reset(self) -> None:
        self.items: deque[QueueItem] = deque()
        self._push: QueueItem | None = None
        self._pop = False

    @property
    def count(self) -> int:
        return len(self.items)

    def skips(self) -> bool:
        """Whether the slice in stage P is empty and dropped."""
        start, end = self._pointer_memory.pointers
        return self._skips and self._pointer_memory.p_valid and start == end

    def compute(self, pe: PeSignals) -> None:
        source = self._pointer_memory
        enters = source.p_valid and not self.skips()
        self._push = QueueItem(source.p_activation, *source.pointers) if enters else None
        self._pop = pe.issue.pop

    def commit(self) -> None:
        if self._pop:
            self.items.popleft()
        if self._push is not None:
            self.items.append(self._push)
