"""One target in a process of its own, which a crash may end."""

import atexit
import importlib
import json
import random
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LARGEST = 1 << 13  # bytes of an input
WORDS = (
    b"\xff" * 4,
    b"\x00" * 4,
    b"\x7f\xff\xff\xff",
    b"\x80",
    b"-1",
    b"9" * 20,
    b"[",
    b"{",
    b"}",
    b'"',
    b"nan",
    b"1e999",
)
REPORT_EVERY = 1000


class Counter:
    """Counts executions and writes them down, for when the process ends without warning."""

    def __init__(self, report: Path):
        self._report, self.count = report, 0

    def add(self) -> None:
        """One more."""
        self.count += 1
        if self.count % REPORT_EVERY == 0:
            self.write()

    def write(self) -> None:
        """The figures so far."""
        figures = {"executions": self.count, "cpu_seconds": time.process_time()}
        self._report.write_text(json.dumps(figures))


def mutate(data: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    """A file with a few bytes, fields or stretches changed, moved, doubled or taken from another."""
    out = bytearray(data or b"\0")
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        if not out:
            out.append(0)
        at = rng.randrange(len(out))
        match rng.randrange(9):
            case 0:
                out[at] ^= 1 << rng.randrange(8)
            case 1:
                out[at] = rng.randrange(256)
            case 2:
                out[at:at] = rng.randbytes(rng.randrange(1, 9))
            case 3:
                del out[at : at + rng.randrange(1, 17)]
            case 4:
                out[at : at + 4] = rng.choice(WORDS)
            case 5:
                length = rng.randrange(1, 65)
                out[at:at] = out[at : at + length] * rng.choice((1, 2, 20))
            case 6:
                other = rng.choice(others)
                start = rng.randrange(len(other) + 1)
                out[at : at + rng.randrange(65)] = other[start : start + rng.randrange(65)]
            case 7:
                _mutate_number(out, rng)
            case _:
                end = min(at + rng.randrange(1, 33), len(out))
                out[at:end] = bytes(reversed(out[at:end]))
    return bytes(out[:LARGEST])


def _mutate_number(out: bytearray, rng: random.Random) -> None:
    """Another number in a text, or a whole field of a binary file."""
    numbers = list(re.finditer(rb"-?[0-9]+", bytes(out)))
    if numbers and rng.random() < 0.8:
        chosen = rng.choice(numbers)
        value = rng.choice((b"0", b"-1", b"1", b"255", b"256", b"65536", b"4294967295", b"9" * 30, b"1.5", b"1e308"))
        out[chosen.start() : chosen.end()] = value
    elif len(out) > 8:
        at, size = rng.randrange(len(out) - 8), rng.choice((1, 2, 4, 8))
        out[at : at + size] = rng.choice((0, 1, 255, 1 << 31, (1 << 63) - 1)).to_bytes(8, "little")[:size]


def structure(target: Any, seconds: float, seed: int, counter: Counter, crashes: Path) -> None:
    """Mutate until the time is over; an input that crashes is kept."""
    rng = random.Random(seed)
    corpus = target.corpus()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        data = mutate(rng.choice(corpus), rng, corpus)
        started = time.process_time()
        try:
            target.refuses(data)
        except BaseException:
            (crashes / f"{sys.argv[1]}-structure").write_bytes(data)
            raise
        if time.process_time() - started > 5:
            (crashes / f"{sys.argv[1]}-slow").write_bytes(data)
            raise TimeoutError("an input took more than five seconds")
        counter.add()


def guided(make: Callable[[], Any], seconds: float, seed: int, counter: Counter, folder: Path, crashes: Path) -> None:
    """atheris on the project's own code and what it calls of Python's; never returns."""
    atheris: Any = importlib.import_module("atheris")

    with atheris.instrument_imports(include=["sw", "sim", "model", "tomllib", "zipfile", "pickletools", "json"]):
        target = make()
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, data in enumerate(target.corpus()):
        (corpus / str(number)).write_bytes(data)

    def once(data: bytes) -> None:
        target.refuses(data)
        counter.add()

    options = [f"-max_total_time={seconds:.0f}", f"-max_len={LARGEST}", f"-seed={seed + 1}", "-timeout=10"]
    options += ["-rss_limit_mb=4096", f"-artifact_prefix={crashes}/{sys.argv[1]}-", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], str(corpus), *options], once)
    atheris.Fuzz()


def main() -> None:
    """TARGET WAY SECONDS SEED FOLDER CRASHES."""
    name, way, seconds, seed, folder, crashes = sys.argv[1:]

    def make() -> Any:
        from benchmarks.fuzz.targets import TARGETS

        return TARGETS[name]

    counter = Counter(Path(folder) / "report.json")
    atexit.register(counter.write)
    if way == "coverage":
        guided(make, float(seconds), int(seed), counter, Path(folder), Path(crashes))
    else:
        structure(make(), float(seconds), int(seed), counter, Path(crashes))


if __name__ == "__main__":
    main()
