"""Ladder step 1: reference, stepped model and fast engine must agree on everything, layer by layer."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from model.engine import RunResult, run_image
from model.image import NetworkImage
from model.layouts import ControlState
from model.reference import ReferenceRun, run_reference
from model.registers import PeCounter, Status
from model.stepped.array import SteppedArray
from model.stepped.signals import Inputs, Outputs
from sim.rtl.host_program import ReadCounters, Start, Wait
from tests.support.hw.stepped import Host
from tests.support.images.random_images import CodeShape, encode_input, encode_network, unpack_lanes

PHASES = {
    ControlState.PREFETCH_0: 0,
    ControlState.PREFETCH_1: 0,
    ControlState.PREFETCH_2: 0,
    ControlState.PREFETCH_3: 0,
    ControlState.BROADCAST: 0,
    ControlState.DRAIN: 1,
    ControlState.WRITE_BACK: 2,
    ControlState.FLUSH: 2,
}


@dataclass
class LayerTrace:
    """What the stepped model showed of one layer."""

    totals_before: NDArray[np.int64]
    phases: list[int] = field(default_factory=lambda: [0, 0, 0])
    activations: NDArray[np.int16] | None = None


class Tracer:
    """Watches a stepped array and takes notes at layer boundaries."""

    def __init__(self, array: SteppedArray):
        self.array = array
        self.layers: list[LayerTrace] = []

    def totals(self) -> NDArray[np.int64]:
        """Broadcasts, stalls and the counters of every PE, as one vector."""
        controller = self.array.controller
        counters = [counter for pe in self.array.pes for counter in pe.counters[: PeCounter.DECODED_SYMBOLS]]
        return np.array([controller.broadcast_count, controller.stalls, *counters])

    def destination(self, rows: int) -> NDArray[np.int16]:
        """What the bank that is the source now holds, in physical order."""
        first = self.array.controller.bank * self.array.config.activation_depth
        banks = [pe.activation_memory.words.words[first : first + rows] for pe in self.array.pes]
        return np.array(banks, dtype=np.int16).T.reshape(-1)

    def __call__(self, inputs: Inputs, outputs: Outputs) -> None:
        controller = self.array.controller
        state = controller.state
        if state in (ControlState.PREFETCH_0, ControlState.UNLOAD_0) and self.layers:
            self.layers[-1].activations = self.destination(controller.descriptor.out_rows)
        if state in (ControlState.PREFETCH_0, ControlState.UNLOAD_0):
            self.layers.append(LayerTrace(totals_before=self.totals()))
        if state in PHASES:
            self.layers[-1].phases[PHASES[state]] += 1


@dataclass
class Bench:
    """A stepped array with a host, and the check of one run."""

    image: NetworkImage
    stall: float = 0.0

    def __post_init__(self):
        self.array = SteppedArray(self.image.config)
        self.tracer = Tracer(self.array)
        self.host = Host(self.array, self.stall, self.tracer)
        self.passes: list[list[int]] = []

    def load(self, rng: np.random.Generator | None = None, shape: CodeShape = "balanced") -> None:
        """Load the network, or its first pass; the words of all are kept for the runs to come."""
        images = [replace(self.image, layers=layers, pass_starts=(0,)) for layers in self.image.passes]
        self.load_words([encode_network(image, rng, shape) for image in images])

    def load_words(self, passes: list[list[int]]) -> None:
        """The same with the words of every pass."""
        self.passes = passes
        self.host.load(passes[0])

    def run_passes(self) -> None:
        """Start the network; with several passes, load and start the next until all have run."""
        if len(self.passes) == 1:
            self.host.start()
            return
        self.host.perform(Start(hold=True), Wait(Status.DONE))
        for number, words in enumerate(self.passes[1:], 2):
            self.host.load(words)
            last = number == len(self.passes)
            self.host.perform(Start(resume=True, hold=not last), *([] if last else [Wait(Status.DONE)]))

    def check(self, activations: NDArray[np.int16]) -> RunResult:
        """Run one input on all three and compare everything; returns the engine's result."""
        config = self.image.config
        reference = run_reference(self.image, activations)
        (engine,) = run_image(self.image, activations[None])
        self.tracer.layers.clear()
        self.host.load(encode_input(config, activations))
        self.run_passes()
        words = self.host.receive()
        last_rows = self.image.layers[-1].out_rows
        assert len(words) == last_rows * config.groups
        outputs = unpack_lanes(words, config.lanes)
        np.testing.assert_array_equal(outputs, reference.outputs)
        np.testing.assert_array_equal(engine.outputs, reference.outputs)
        self.check_registers(engine, reference.overflow)
        self.check_layers(engine, reference)
        if len(self.passes) > 1:
            self.host.load(self.passes[0])
        return engine

    def check_registers(self, engine: RunResult, overflow: bool) -> None:
        ((registers, counters),) = self.host.perform(ReadCounters())
        assert registers == {
            "STATUS": 0b01001 | overflow << 4,
            "LAYERS": len(self.image.passes[-1]),
            "CYCLES": engine.cycles,
            "BROADCASTS": engine.broadcasts,
            "STALLS": engine.stalls,
        }
        assert overflow == engine.overflow
        if self.image.config.pe_counters:
            np.testing.assert_array_equal(counters, engine.counters.T)

    def check_layers(self, engine: RunResult, reference: ReferenceRun) -> None:
        traces = self.tracer.layers
        assert len(traces) == len(engine.layers) + 1
        for number, (trace, result) in enumerate(zip(traces, engine.layers, strict=False)):
            assert trace.phases == [result.compute_cycles, result.drain_cycles, result.write_back_cycles]
            assert trace.activations is not None
            totals = traces[number + 1].totals_before - trace.totals_before
            expected = [result.broadcasts, result.stalls, *result.counters[: PeCounter.DECODED_SYMBOLS].T.reshape(-1)]
            np.testing.assert_array_equal(totals, expected)
            if not self.image.layers[number].keep:
                np.testing.assert_array_equal(trace.activations, reference.activations[number])
