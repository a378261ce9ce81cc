"""Activation queue: nonzero activations with the bounds of their column slice, waiting for the sparse-matrix read."""

from collections import deque
from typing import NamedTuple

from model.config import ArrayConfig
from model.stepped.pointer_memory import PointerMemory, Slice
from model.stepped.signals import PeSignals


class QueueItem(NamedTuple):
    """`final`: the position of the last entry. It and `start` mean nothing but a place to show when `empty`."""

    activation: int
    start: int
    final: int
    empty: bool
    y: int = 0
    x: int = 0


class ActivationQueue:
    """First in, first out; takes what is in stage Q, and moves its oldest slice to the issue register."""

    def __init__(self, config: ArrayConfig, pointer_memory: PointerMemory) -> None:
        self._config = config
        self._mask = (1 << config.pointer_bits) - 1
        self._pointer_memory = pointer_memory
        self.reset()

    def reset(self) -> None:
        self.items: deque[QueueItem] = deque()
        self.issue: QueueItem | None = None
        self._entering: list[QueueItem] = []
        self._done = False

    @property
    def count(self) -> int:
        return len(self.items) + (self.issue is not None)

    @property
    def skipped(self) -> int:
        """Empty slices in stage Q that are dropped."""
        if not self._config.skip_empty_slices:
            return 0
        source = self._pointer_memory
        return sum(q is not None and source.is_empty(q) for q in source.q)

    def _item(self, q: Slice) -> QueueItem:
        config, end = self._config, q.end & self._mask
        row, slot = end >> config.slot_bits, end & (1 << config.slot_bits) - 1
        final = end - 1 if slot > 0 else (row - 1) << config.slot_bits | config.entries_per_row - 1
        return QueueItem(q.activation, q.start & self._mask, final, self._pointer_memory.is_empty(q), q.y, q.x)

    def compute(self, pe: PeSignals) -> None:
        items = [self._item(q) for q in self._pointer_memory.q if q is not None]
        skips = self._config.skip_empty_slices
        self._entering = [item for item in items if not (skips and item.empty)]
        self._done = pe.issue.done

    def commit(self) -> None:
        if self._done or self.issue is None:
            self.issue = self.items.popleft() if self.items else None
        self.items.extend(self._entering)
