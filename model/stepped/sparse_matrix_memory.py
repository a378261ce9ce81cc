"""Sparse-matrix read (stages A, M, S): an entry per cycle out of memory rows that are read only once in a row."""

from typing import NamedTuple

from model.config import ArrayConfig
from model.fixed_point import wrap
from model.stepped.activation_queue import ActivationQueue
from model.stepped.memory import SynchronousMemory
from model.stepped.parity import is_wrong
from model.stepped.signals import IssueSignals, PeSignals


class Fetch(NamedTuple):
    """An operation in stages M and S. Write-back operations know their row, constant address and factor from the start.

    `activation`: what the constant is multiplied with; of a write-back the scale of its bias.
    """

    write_back: bool
    activation: int = 0
    slot: int = 0
    first: bool = False
    row_read: bool = False
    row: int = 0
    address: int = 0
    destination: int = 0
    y: int = 0
    x: int = 0


class Entry(NamedTuple):
    """An operation in stage D."""

    write_back: bool
    activation: int
    code: int
    run: int
    first: bool
    row: int
    address: int
    destination: int
    y: int
    x: int


class SparseMatrixMemory:
    """Issues one entry of the slice in the issue register per cycle; an empty slice takes a cycle too."""

    def __init__(self, config: ArrayConfig, queue: ActivationQueue) -> None:
        self._config = config
        self._queue = queue
        self.rows = SynchronousMemory(config.sparse_matrix_depth, 0)
        self.reset()

    def reset(self) -> None:
        self._moved: int | None = None
        self.held_row: int | None = None
        self.m: Fetch | None = None
        self.s: Fetch | None = None
        self.d: Entry | None = None
        self.row_register = 0
        self._signals: PeSignals | None = None

    @property
    def position(self) -> int:
        """Of the entry that the issue register is at; 0 without a slice."""
        item = self._queue.issue
        if item is None:
            return 0
        return item.start if self._moved is None else self._moved

    def settle(self) -> IssueSignals:
        """Stage A, from registers alone."""
        item = self._queue.issue
        if item is None:
            return IssueSignals()
        if item.empty:
            return IssueSignals(empty=True, done=True)
        slot_bits, last_slot = self._config.slot_bits, self._config.entries_per_row - 1
        position = self.position
        row, slot = position >> slot_bits, position & (1 << slot_bits) - 1
        return IssueSignals(
            entry=True,
            done=position == item.final or (row == item.final >> slot_bits and slot >= last_slot),
            first=self._moved is None,
            activation=item.activation,
            row=row,
            slot=slot,
            row_read=row != self.held_row,
            y=item.y,
            x=item.x,
        )

    @property
    def parity_error(self) -> bool:
        """Whether stage S finds a row changed that was just read."""
        return self.s is not None and self.s.row_read and is_wrong(self.row_register, self._config.parity)

    def compute(self, pe: PeSignals) -> None:
        self._signals = pe
        if pe.issue.row_read:
            self.rows.read(pe.issue.row)
        write = pe.decoder.row_write
        if write is not None:
            self.rows.write(write.address, write.data)

    def commit(self) -> None:
        pe = self._signals
        if pe is None:
            return
        self.d = self._select()
        self.s = self.m
        if self.m is not None and self.m.row_read:
            self.row_register = self.rows.output
        self._commit_issue(pe)
        self.rows.commit()

    def _select(self) -> Entry | None:
        """Stage S: the slot of the row register."""
        s = self.s
        if s is None:
            return None
        config = self._config
        entry = self.row_register >> s.slot * config.entry_bits
        code = entry & (config.code_symbols - 1)
        run = entry >> config.code_bits & config.max_run
        return Entry(s.write_back, s.activation, code, run, s.first, s.row, s.address, s.destination, s.y, s.x)

    def _commit_issue(self, pe: PeSignals) -> None:
        issue, write_back = pe.issue, pe.control.write_back
        if write_back is not None:
            scale = wrap(pe.control.descriptor.bias_scale, self._config.activation_bits)
            row, address, destination = write_back.row, write_back.address, write_back.destination
            self.m = Fetch(True, scale, row=row, address=address, destination=destination)
        elif issue.entry:
            self.m = Fetch(False, issue.activation, issue.slot, issue.first, issue.row_read, y=issue.y, x=issue.x)
            self.held_row = issue.row
        else:
            self.m = None
        if issue.done:
            self._moved = None
        elif issue.entry:
            self._moved = self._next_position(issue.row, issue.slot)
        if pe.control.begin_layer:
            self.held_row = None

    def _next_position(self, row: int, slot: int) -> int:
        """The next slot, or slot 0 of the next row."""
        slot_bits = self._config.slot_bits
        if slot >= self._config.entries_per_row - 1:
            return (row + 1) << slot_bits
        return row << slot_bits | slot + 1
