"""Whether inputs leave what the calibration gave room to: the one check of every command that runs inputs.

An input beyond the range of the calibration is saturated, and a sum beyond the accumulator is wrong: the outputs are
then not those of the network, whatever cycles and energy are. A run that resumes may be longer than counters count.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.layouts import COUNTER_BITS


@dataclass(frozen=True, kw_only=True)
class Ranges:
    """How many of so many inputs left a range.

    Parameters
    ----------
    inputs : that were run.
    saturated : with a value beyond the bits of an activation.
    overflows : for which an accumulator left its range.
    activation_bits : of the array.
    wrapped : whose runs are so long that counters of the array may wrap.
    """

    inputs: int
    saturated: int
    overflows: int
    activation_bits: int
    wrapped: int = 0

    @classmethod
    def of(
        cls,
        saturated: NDArray[np.bool_],
        overflow: NDArray[np.bool_],
        array: ArrayConfig,
        cycles: NDArray[np.int64] | None = None,
    ) -> "Ranges":
        """Of two flags for each input, (inputs,), and the cycles of its run from start to done if they are known."""
        return cls(
            inputs=len(saturated),
            saturated=int(np.count_nonzero(saturated)),
            overflows=int(np.count_nonzero(overflow)),
            activation_bits=array.activation_bits,
            wrapped=0 if cycles is None else int(np.count_nonzero(cycles >= exact_cycles(array))),
        )

    @property
    def remarks(self) -> list[str]:
        """A sentence for each range that was left, without an end; none if all is as the network says."""
        remarks: list[str] = []
        if self.saturated:
            remarks.append(
                f"{self.saturated} of {self.inputs} inputs were saturated to {self.activation_bits} bits; "
                "calibrate on such inputs"
            )
        if self.overflows:
            remarks.append(
                f"an accumulator overflowed for {self.overflows} of {self.inputs} inputs, whose outputs are wrong; "
                "calibrate on such inputs"
            )
        if self.wrapped:
            remarks.append(
                f"{self.wrapped} of {self.inputs} inputs run for longer than the array's counters of {COUNTER_BITS} "
                "bits count: the figures here are exact, its registers show them modulo 2^32"
            )
        return remarks

    @property
    def payload(self) -> dict[str, Any]:
        """As JSON."""
        wrapped = {"wrapped_inputs": self.wrapped} if self.wrapped else {}
        return {"overflows": self.overflows, "saturated_inputs": self.saturated, **wrapped}


def exact_cycles(array: ArrayConfig) -> int:
    """Cycles after which a counter of the array may have wrapped: none advances by more than that in one."""
    return (1 << COUNTER_BITS) // array.broadcasts_per_cycle
