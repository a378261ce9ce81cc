"""The RTL in a Verilog simulator beside the model, on the same network and inputs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.errors import EieError
from sim.progress import SILENT, Progress
from sim.rtl.simulators import SimulatorName, available_simulators
from sim.rtl.verification import Comparison, all_equal, compare
from sim.simulation.image_run import run_image
from sim.simulation.prepare import lay_out
from sw.html import html_table
from sw.network.chain import for_array
from sw.network.compressed import CompressedNetwork


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What was compared, and whether it was equal.

    Parameters
    ----------
    array : that both were.
    simulator : of the RTL.
    inputs : how many were run.
    comparisons : values, cycles and every counter, each with its first difference.
    rtl_cycles, model_cycles : of each input, from start to done.
    simulated_cycles : clock cycles of the RTL, loading included.
    seconds : that the simulator took.
    """

    array: ArrayConfig
    simulator: SimulatorName
    inputs: int
    comparisons: tuple[Comparison, ...]
    rtl_cycles: tuple[int, ...]
    model_cycles: tuple[int, ...]
    simulated_cycles: int
    seconds: float

    @property
    def equal(self) -> bool:
        """Whether everything was compared and nothing differed."""
        return all_equal(self.comparisons)

    def _repr_html_(self) -> str:
        return html_table(
            f"{self.array.name}, {self.array.pes} PEs: RTL on {self.simulator} against the model, {self.inputs} inputs",
            ["quantity", "compared", "result"],
            [[item.quantity, f"{item.compared:,}", item.difference or "equal"] for item in self.comparisons],
        )


def verify(
    network: CompressedNetwork,
    inputs: NDArray[np.float32],
    array: ArrayConfig,
    simulator: SimulatorName = "verilator",
    progress: Progress = SILENT,
) -> Verification:
    """Run every input on the RTL and on the model, and compare all that the machine shows.

    Parameters
    ----------
    network : fully connected layers in a row, for an array with `maps` any that it holds; calibrated on the inputs if
        it has no calibration.
    inputs : (n, in_features) or (n, *input_shape) real numbers.
    array : to build.
    simulator : "verilator" or "icarus".

    Raises EieError for a network or inputs that do not fit, or if the simulator is not installed; SimulatorError if the
    RTL gives no answer.
    """
    runnable = for_array(network, array)
    missing = available_simulators()[simulator]
    if missing:
        raise EieError(missing)
    from sim.rtl.cosim import run_rtl  # needs cocotb, which not every installation has

    with progress.steps(f"laying out for {array.pes} PEs") as say:
        image, _ = lay_out(runnable, inputs, array)
        say(f"running {len(inputs)} inputs on the model")
        simulation = run_image(image, inputs.reshape(len(inputs), -1))
        rtl = run_rtl(image, simulation.activations, simulator, progress=say)
    return Verification(
        array=array,
        simulator=simulator,
        inputs=len(inputs),
        comparisons=tuple(compare(simulation, rtl)),
        rtl_cycles=tuple(rtl.cycles),
        model_cycles=tuple(run.cycles for run in simulation.runs),
        simulated_cycles=rtl.simulated_cycles,
        seconds=rtl.seconds,
    )
