"""What a process of a cluster is asked: whether it fits, and to run tasks. Its answers are plain values."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from model.errors import EieError
from sim.sweep import work
from sim.sweep.work import FileWork, Parcel, Record, Task, code_digest, library_versions
from sw.files import reason


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a worker must have.

    Parameters
    ----------
    code : digest of the sources of eie.
    versions : of the libraries that results depend on.
    files : networks that it must be able to read.
    parcels : those of them that it is given.
    """

    code: str
    versions: Mapping[str, str]
    files: Sequence[FileWork]
    parcels: Sequence[Parcel]

    @classmethod
    def of(cls, tasks: Sequence[Task]) -> "Terms":
        """Of a sweep, in its client."""
        files = list(dict.fromkeys(task.work for task in tasks if isinstance(task.work, FileWork)))
        parcels = [parcel for each in files if (parcel := Parcel.of(each)) is not None]
        return cls(code=tasks[0].code, versions=library_versions(), files=files, parcels=parcels)


def admit(terms: Terms) -> str | None:
    """In a worker: why it cannot take part, None if it can."""
    here = library_versions()
    for library, version in terms.versions.items():
        if here[library] != version:
            return f"it has {library} {here[library]}, wanted {version}"
    if code_digest() != terms.code:
        return "it has other sources of eie than this command; wanted the same"
    try:
        for parcel in terms.parcels:
            parcel.unpack()
        for each in terms.files:
            each.check()
    except (EieError, OSError) as error:
        return str(error) if isinstance(error, EieError) else reason(error)
    return None


def run_tasks(tasks: Sequence[Task]) -> tuple[list[Record], str | None, float]:
    """In a worker: the records of the first tasks, why there are no more of them, and the seconds that it took."""
    start, records, why = time.monotonic(), list[Record](), None
    for task in tasks:
        try:
            records.append(work.run_task(task))
        except Exception as error:  # whatever a worker stumbles over, others may do it
            why = str(error) if isinstance(error, EieError) else f"{type(error).__name__}: {reason(error)}"
            break
    return records, why, time.monotonic() - start
