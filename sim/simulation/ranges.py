"""Whether inputs leave what the calibration gave room to: the one check of every command that runs inputs.

An input beyond the range of the calibration is saturated, and a sum beyond the accumulator is wrong: the outputs are
then not those of the network, whatever cycles and energy are.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig


@dataclass(frozen=True, kw_only=True)
class Ranges:
    """How many of so many inputs left a range.

    Parameters
    ----------
    inputs : that were run.
    saturated : with a value beyond the bits of an activation.
    overflows : for which an accumulator left its range.
    activation_bits : of the array.
    """

    inputs: int
    saturated: int
    overflows: int
    activation_bits: int

    @classmethod
    def of(cls, saturated: NDArray[np.bool_], overflow: NDArray[np.bool_], array: ArrayConfig) -> "Ranges":
        """Of two flags for each input, (inputs,)."""
        return cls(
            inputs=len(saturated),
            saturated=int(np.count_nonzero(saturated)),
            overflows=int(np.count_nonzero(overflow)),
            activation_bits=array.activation_bits,
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
        return remarks

    @property
    def payload(self) -> dict[str, Any]:
        """As JSON."""
        return {"overflows": self.overflows, "saturated_inputs": self.saturated}
