"""Compare the RTL with the model: values, cycles and every counter, equal or the first difference."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from model.image import NetworkImage
from model.layouts import COUNTER_BITS
from model.registers import PeCounter
from model.results import RunResult
from sim.simulation.image_run import ImageRun

if TYPE_CHECKING:  # what gives it needs cocotb, which not every installation has
    from sim.rtl.cosim import RtlResult


@dataclass(frozen=True)
class Comparison:
    """One compared quantity; `difference` is None when RTL and model agree, else a sentence on the first difference."""

    quantity: str
    compared: int
    difference: str | None


def compare(simulation: ImageRun, rtl: "RtlResult") -> list[Comparison]:
    """Everything the machine shows, compared for every input."""
    return compare_runs(simulation.image, simulation.integers, simulation.runs, rtl)


def compare_runs(
    image: NetworkImage, integers: NDArray[np.int16], runs: Sequence[RunResult], rtl: "RtlResult", each: str = "input"
) -> list[Comparison]:
    """The same of the engine's (n, out_features) outputs in logical order and n runs; `each` is what a run is of.

    The engine's counters are compared modulo the width of the array's, which wrap.
    """
    wrap = 1 << COUNTER_BITS
    comparisons = [
        _compare("values", integers, rtl.outputs, (each, "output")),
        _compare("cycles", [run.cycles % wrap for run in runs], rtl.cycles, (each,)),
        _compare("broadcasts", [run.broadcasts % wrap for run in runs], rtl.broadcasts, (each,)),
        _compare("stalls", [run.stalls % wrap for run in runs], rtl.stalls, (each,)),
        _compare("overflow", [int(run.overflow) for run in runs], [int(flag) for flag in rtl.overflow], (each,)),
    ]
    if image.config.pe_counters:
        comparisons += [
            _compare(
                counter.name.lower(),
                [run.counters[counter] % wrap for run in runs],
                [counters[counter] for counters in rtl.counters],
                (each, "PE"),
            )
            for counter in PeCounter
        ]
    return comparisons


def merged(parts: Sequence[tuple[str, Sequence[Comparison]]]) -> list[Comparison]:
    """What was compared in all of them by quantity, with the first difference and the name of its part."""
    compared: dict[str, int] = {}
    differences: dict[str, str] = {}
    for name, comparisons in parts:
        for item in comparisons:
            compared[item.quantity] = compared.get(item.quantity, 0) + item.compared
            if item.difference is not None:
                differences.setdefault(item.quantity, f"{name}, {item.difference}")
    return [Comparison(quantity, number, differences.get(quantity)) for quantity, number in compared.items()]


def all_equal(comparisons: Sequence[Comparison]) -> bool:
    """Whether everything was compared and nothing differed."""
    return bool(comparisons) and all(item.compared and item.difference is None for item in comparisons)


def _compare(
    quantity: str,
    model: Sequence[int] | Sequence[NDArray[np.int64]] | NDArray[np.int16],
    rtl: Sequence[int] | Sequence[NDArray[np.int64]] | NDArray[np.int16],
    axes: tuple[str, ...],
) -> Comparison:
    expected, found = np.asarray(model), np.asarray(rtl)
    if expected.shape != found.shape:
        return Comparison(quantity, 0, f"the model has shape {expected.shape}, the RTL {found.shape}")
    unequal = np.argwhere(expected != found)
    if not len(unequal):
        return Comparison(quantity, expected.size, None)
    where = tuple(int(index) for index in unequal[0])
    place = ", ".join(f"{axis} {index}" for axis, index in zip(axes, where, strict=True))
    sentence = f"{place}: model {expected[where]}, RTL {found[where]} ({len(unequal)} of {expected.size} differ)"
    return Comparison(quantity, expected.size, sentence)
