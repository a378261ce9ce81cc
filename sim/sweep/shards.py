"""A sweep in parts that know nothing of each other, such as the jobs of a batch system, and their records together."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from model.errors import EieError
from sim.sweep.journal import Journal
from sim.sweep.work import Task
from sim.text import count

MOST_SHARDS = 100_000
FORM = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")


@dataclass(frozen=True)
class Shard:
    """The part `number` of `of`, 1 the first: every `of`-th simulation, so that all parts take about as long."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """``I/N``; EieError for another text."""
        match = FORM.fullmatch(text)
        shard = cls(*map(int, match.groups())) if match else None
        if shard is None or not 1 <= shard.number <= shard.of <= MOST_SHARDS:
            raise EieError(f"--shard wants I/N with I from 1 to N, N at most {MOST_SHARDS:,}, got {text!r}")
        return shard

    def tasks(self, tasks: Sequence[Task]) -> list[Task]:
        """Its part of them."""
        return list(tasks[self.number - 1 :: self.of])

    def journal(self, results: Path) -> Path:
        """Where its records are, beside the results that they belong to."""
        return results.with_name(f"{results.name}.{self.number}-of-{self.of}.journal")


def merge(results: Path, tasks: Sequence[Task], journal: Journal) -> None:
    """Add to `journal` the records of all shards' journals beside the results; EieError names what they lack."""
    form = re.compile(re.escape(results.name) + r"\.(\d+)-of-(\d+)\.journal")
    paths = sorted(path for path in results.parent.iterdir() if form.fullmatch(path.name))
    left = {task.key for task in tasks} - journal.records.keys()
    for path in paths:
        with Journal(path) as shard:
            for key in left & shard.records.keys():
                journal.append(key, shard.records[key])
        left -= journal.records.keys()
    if left:
        raise EieError(
            f"{count(len(left))} of {count(len(tasks))} simulations are in none of the {count(len(paths))} journals "
            f"{results.name}.I-of-N.journal; wanted all shards of the same command, run to their ends"
        )
