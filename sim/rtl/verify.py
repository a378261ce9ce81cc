"""The RTL in a Verilog simulator beside the model, on the same network and inputs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.errors import EieError
from sim.progress import SILENT, Progress, Say
from sim.rtl.simulators import SimulatorName, available_simulators
from sim.rtl.verification import Comparison, all_equal, compare, merged
from sim.rtl.verify_layers import VerifiedLayer, verify_layers
from sim.simulation.image_run import run_image
from sim.simulation.ranges import Ranges
from sw.html import html_table
from sw.image.lower import LayerImages, lower
from sw.network.calibrate import calibrate
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
    layers : of a network that the host hands the array layer by layer, what was compared of each; else none.
    rtl_cycles, model_cycles : of each input, or of each vector of `layers`, from start to done.
    simulated_cycles : clock cycles of the RTL, loading included.
    seconds : that the simulator took.
    ranges : how many inputs left a range, in both.
    """

    array: ArrayConfig
    simulator: SimulatorName
    inputs: int
    comparisons: tuple[Comparison, ...]
    layers: tuple[VerifiedLayer, ...] = ()
    rtl_cycles: tuple[int, ...]
    model_cycles: tuple[int, ...]
    simulated_cycles: int
    seconds: float
    ranges: Ranges

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
    vectors: int | None = None,
    texts: dict[str, str] | None = None,
) -> Verification:
    """Run every input on the RTL and on the model, and compare all that the machine shows.

    A network that the array does not run by itself (`sw.image.lower`) is compared layer by layer, on the vectors that
    each layer is handed when the model runs the network: what lies between, such as parts of the host in onnxruntime,
    makes them, and is not in RTL.

    Parameters
    ----------
    network : calibrated on the inputs if it has no calibration.
    inputs : (n, in_features) or (n, *input_shape) real numbers.
    array : to build.
    simulator : "verilator" or "icarus".
    vectors : of a layer that the RTL is given at most, spread evenly, but one of each of its groups; None: all.
    texts : file name to Verilog with the array's ports, in the place of the RTL: a netlist of it.

    Raises EieError for a network or inputs that do not fit, or if the simulator is not installed; SimulatorError if the
    RTL gives no answer.
    """
    missing = available_simulators()[simulator]
    if missing:
        raise EieError(missing)
    from sim.rtl.cosim import run_rtl  # needs cocotb, which not every installation has

    if network.calibration is None:
        network = calibrate(network, inputs, array.activation_bits)
    with progress.steps(f"laying out for {array.pes} PEs") as say:
        lowered = lower(network, array)
        say(f"running {len(inputs)} inputs on the model")
        if isinstance(lowered, LayerImages):
            return _by_layer(lowered, inputs, simulator, vectors, say, texts)
        if vectors is not None:
            raise EieError("the array runs this network by itself: wanted no bound on the vectors of its layers")
        simulation = run_image(lowered, inputs.reshape(len(inputs), -1))
        rtl = run_rtl(lowered, simulation.activations, simulator, progress=say, texts=texts)
    return Verification(
        array=array,
        simulator=simulator,
        inputs=len(inputs),
        comparisons=tuple(compare(simulation, rtl)),
        rtl_cycles=tuple(rtl.cycles),
        model_cycles=tuple(run.cycles for run in simulation.runs),
        simulated_cycles=rtl.simulated_cycles,
        seconds=rtl.seconds,
        ranges=simulation.ranges,
    )


def _by_layer(
    lowered: LayerImages,
    inputs: NDArray[np.float32],
    simulator: SimulatorName,
    vectors: int | None,
    say: Say,
    texts: dict[str, str] | None,
) -> Verification:
    found = verify_layers(lowered, inputs, simulator, vectors, say, texts)
    return Verification(
        array=lowered.config,
        simulator=simulator,
        inputs=len(inputs),
        comparisons=tuple(merged([(f"layer {layer.name}", layer.comparisons) for layer in found.layers])),
        layers=found.layers,
        rtl_cycles=tuple(cycles for layer in found.layers for cycles in layer.rtl_cycles),
        model_cycles=tuple(cycles for layer in found.layers for cycles in layer.model_cycles),
        simulated_cycles=found.simulated_cycles,
        seconds=found.seconds,
        ranges=found.ranges,
    )
