"""How a library's product is timed: checked once, warm, median and spread, energy where a meter can be read."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sim.baseline.layer_product import LayerMatrix

WARM_UP = 3
FEWEST_RUNS = 5  # of a timing, however long they take, so that there is a spread; fewer only if fewer are asked for
MOST_RUNS_BETWEEN_READINGS = 100  # of the wall clock while energy is measured

Form = Literal["dense", "CSR"]
Run = Callable[[], Any]
Clock = Callable[[Run, int], list[float]]  # (run, runs) -> microseconds of each, when all of them have ended
Meter = Callable[[], float | None]  # joules of the whole device since a fixed moment; None where they cannot be read
Threads = Callable[[int], AbstractContextManager[int | None]]  # at most so many inside; its value is how many are used


def one_thread(_: int) -> AbstractContextManager[int | None]:
    """`Threads` of a library that never uses more."""
    return nullcontext(1)


@dataclass(frozen=True, kw_only=True)
class Budget:
    """When a timing has run often enough: after `repeats` runs, or earlier, once `seconds` are used."""

    repeats: int = 200
    seconds: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Library:
    """One library's product with a dense or a CSR matrix.

    Parameters
    ----------
    name, form : as shown.
    prepare : (matrix, batch) -> what computes the product, with everything it needs resident.
    fetch : what a run returns as a numpy array.
    threads : how the number of threads is set.
    scales : whether `threads` makes a difference; otherwise the library is timed once.
    """

    name: str
    form: Form
    prepare: Callable[[LayerMatrix, int], Run]
    fetch: Callable[[Any], NDArray[np.float32]] = np.asarray
    threads: Threads = one_thread
    scales: bool = False

    @property
    def label(self) -> str:
        """As tables and errors name it."""
        return f"{self.name} {self.form}"


class Device(Protocol):
    """What products are timed on: this CPU, or a GPU."""

    @property
    def libraries(self) -> Sequence[Library]:
        """Those that are timed."""
        ...

    @property
    def clock(self) -> Clock:
        """What they are timed with."""
        ...

    @property
    def meter(self) -> Meter:
        """What their energy is measured with."""
        ...


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Microseconds per frame, a run's time over its batch, of one library, batch and number of threads.

    `threads` is None on a GPU. `microjoules` per frame and mean `watts` are those of the whole device, idle share
    included, and None where no meter can be read.
    """

    library: str
    form: Form
    batch: int
    threads: int | None
    runs: int
    median_us: float
    lower_quartile_us: float
    upper_quartile_us: float
    minimum_us: float
    maximum_us: float
    microjoules: float | None
    watts: float | None


def time_layer(
    matrix: LayerMatrix, device: Device, batches: Sequence[int], threads: Sequence[int], budget: Budget
) -> list[Timing]:
    """Every library of the device, every batch, every number of threads; EieError where one fails or is wrong."""
    timings: list[Timing] = []
    for batch in batches:
        for library in device.libraries:
            try:
                run = library.prepare(matrix, batch)
                for wanted in threads if library.scales else [1]:
                    with library.threads(wanted) as used:
                        matrix.check(library.fetch(run()), batch, library.label)
                        timings.append(timing_of(run, (library.name, library.form), device, batch, used, budget))
            except RuntimeError as error:
                reason = str(error).strip().partition("\n")[0]
                raise EieError(f"{library.label} cannot compute {matrix.layer.name}: {reason}") from error
    return timings


def wall_clock(run: Run, runs: int) -> list[float]:
    """The clock for calls that return when their work has been done."""
    times = [0.0] * runs
    for number in range(runs):
        began = time.perf_counter_ns()
        run()
        times[number] = (time.perf_counter_ns() - began) / 1000
    return times


def no_meter() -> float | None:
    """The meter where none can be read."""
    return None


def timing_of(
    run: Run, name_and_form: tuple[str, Form], device: Device, batch: int, threads: int | None, budget: Budget
) -> Timing:
    """What a run that was made ready takes, warm, by the device's clock and meter."""
    warm = min(device.clock(run, WARM_UP))
    runs = min(budget.repeats, max(FEWEST_RUNS, int(budget.seconds * 1e6 / warm)))
    times = np.array(device.clock(run, runs)) / batch
    minimum, lower, median, upper, maximum = (float(value) for value in np.quantile(times, [0, 0.25, 0.5, 0.75, 1]))
    joules, watts = _energy(run, device, budget.seconds, warm)
    return Timing(
        library=name_and_form[0],
        form=name_and_form[1],
        batch=batch,
        threads=threads,
        runs=runs,
        median_us=median,
        lower_quartile_us=lower,
        upper_quartile_us=upper,
        minimum_us=minimum,
        maximum_us=maximum,
        microjoules=None if joules is None else joules * 1e6 / batch,
        watts=watts,
    )


def _energy(run: Run, device: Device, seconds: float, run_us: float) -> tuple[float | None, float | None]:
    """Joules of a run and mean watts, over runs that fill `seconds`: meters are too slow for a few of them."""
    began, first = time.perf_counter(), device.meter()
    if first is None:
        return None, None
    group = min(MOST_RUNS_BETWEEN_READINGS, max(1, int(seconds * 1e5 / run_us)))
    runs = 0
    while runs == 0 or time.perf_counter() - began < seconds:
        device.clock(run, group)
        runs += group
    last, elapsed = device.meter(), time.perf_counter() - began
    return (None, None) if last is None else ((last - first) / runs, (last - first) / elapsed)
