"""Sparse-matrix read (stages A, M, S): an entry per cycle out of memory rows that are read only once in a row."""

from typing import NamedTuple

from model.config import ArrayConfig
from model.stepped.activation_queue import ActivationQueue
from model.stepped.memory import SynchronousMemory
from model.stepped.signals import IssueSignals, PeSignals


class Fetch(NamedTuple):
    """An operation in stages M and S. Write-back operations know their row and constant address from the start."""

    write_back: bool
    activation: int = 0
    slot: int = 0
    first: bool = False
    row_read: bool = False
    row: int = 0
    address: int = 0


class Entry(NamedTuple):
    """An operation in stage D."""

    write_back: bool
    activation: int
    code: int
    run: int
    first: bool
    row: int
    address: int


class SparseMatrixMemory:
    """Issues one entry of the slice at the head of the queue per cycle; an empty slice takes a cycle too."""

    def __init__(self, config: ArrayConfig, queue: ActivationQueue) -> None:
        self._config = config
        self._queue = queue
        self.rows = SynchronousMemory(config.sparse_matrix_depth, 0)
        self.reset()

    def reset(self) -> None:
        self.started = False
        self.position = 0
        self.held_row: int | None = None
        self.m: Fetch | None = None
        self.s: Fetch | None = None
        self.d: Entry | None = None
        self.row_register = 0
        self._signals: PeSignals | None = None

    def settle(self) -> IssueSignals:
        """Stage A, from registers alone."""
        if not self._queue.items:
            return IssueSignals()
        item = self._queue.items[0]
        if item.start == item.end:
            return IssueSignals(empty=True, pop=True)
        position = self.position if self.started else item.start
        row = position >> self._config.slot_bits
        return IssueSignals(
            entry=True,
            pop=self.next_position(position) == item.end,
            first=not self.started,
            activation=item.activation,
            row=row,
            slot=position & ((1 << self._config.slot_bits) - 1),
            row_read=row != self.held_row,
        )

    def next_position(self, position: int) -> int:
        """The pointer after an entry: the next slot, or slot 0 of the next row."""
        slot_bits = self._config.slot_bits
        if position & ((1 << slot_bits) - 1) == self._config.entries_per_row - 1:
            return ((position >> slot_bits) + 1) << slot_bits
        return position + 1

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
        return Entry(s.write_back, s.activation, code, run, s.first, s.row, s.address)

    def _commit_issue(self, pe: PeSignals) -> None:
        issue, write_back = pe.issue, pe.control.write_back
        if write_back is not None:
            self.m = Fetch(True, row=write_back.row, address=write_back.address)
        elif issue.entry:
            self.m = Fetch(False, issue.activation, issue.slot, issue.first, issue.row_read)
            self.position = self.next_position(issue.row << self._config.slot_bits | issue.slot)
            self.started = not issue.pop
            self.held_row = issue.row
        else:
            self.m = None
        if pe.control.begin_layer:
            self.held_row = None
