"""Compare the RTL with the model: values, cycles and every counter, equal or the first difference."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from model.registers import PeCounter
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
    runs = simulation.runs
    comparisons = [
        _compare("values", simulation.integers, rtl.outputs, ("input", "output")),
        _compare("cycles", [run.cycles for run in runs], rtl.cycles, ("input",)),
        _compare("broadcasts", [run.broadcasts for run in runs], rtl.broadcasts, ("input",)),
        _compare("stalls", [run.stalls for run in runs], rtl.stalls, ("input",)),
        _compare("overflow", [int(run.overflow) for run in runs], [int(flag) for flag in rtl.overflow], ("input",)),
    ]
    if simulation.image.config.pe_counters:
        comparisons += [
            _compare(
                counter.name.lower(),
                [run.counters[counter] for run in runs],
                [counters[counter] for counters in rtl.counters],
                ("input", "PE"),
            )
            for counter in PeCounter
        ]
    return comparisons


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
