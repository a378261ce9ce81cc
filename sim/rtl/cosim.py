"""Co-simulation: run a network image on the RTL in a Verilog simulator and bring back values, cycles and counters."""

import pickle
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from hw.array import PE_MODULE
from hw.verilog import ARRAY_MODULE, verilog_text
from model.config import ArrayConfig
from model.errors import SimulatorError
from model.image import NetworkImage
from model.registers import Status
from sim.progress import Say
from sim.rtl.cosim_bench import Answer, Job
from sim.rtl.host_program import Action, Collect, ReadCounters, Reset, Send, Start, Wait
from sim.rtl.simulators import SimulatorName, build
from sw.image.sequence import input_steps
from sw.image.stream import encode_passes, input_packet, unpack_outputs
from sw.image.words import integers_as_words, words_as_integers

PORTS = (
    "clk",
    "rst",
    "i__payload",
    "i__valid",
    "i__ready",
    "i_last",
    "o__payload",
    "o__valid",
    "o__ready",
    "reg_address",
    "reg_write",
    "reg_write_data",
    "reg_read_data",
    "interrupt",
)


@dataclass(frozen=True)
class RtlResult:
    """What the RTL did with each input.

    outputs : (inputs, out_features) int16 in logical order.
    cycles, broadcasts, stalls, overflow : one per input.
    counters : per input, (len(PeCounter), pes) int64; empty without per-PE counters.
    seconds : wall time of the simulation of all images, build excluded.
    simulated_cycles : clock cycles of all images simulated, loading included.
    """

    outputs: NDArray[np.int16]
    cycles: list[int]
    broadcasts: list[int]
    stalls: list[int]
    overflow: list[bool]
    counters: list[NDArray[np.int64]]
    seconds: float
    simulated_cycles: int


def run_job(
    config: ArrayConfig,
    actions: Sequence[Action],
    simulator: SimulatorName,
    *,
    lockstep: bool = False,
    seed: int = 0,
    progress: Say | None = None,
    texts: dict[str, str] | None = None,
) -> Answer:
    """Run host actions on the RTL of `config`; with `lockstep`, beside the stepped model.

    `texts` replaces the generated Verilog (a netlist, planted faults in tests). Raises SimulatorError if the simulator
    fails; a difference or a timeout is in `Answer.failure`.
    """
    say: Say = progress or (lambda _: None)
    if texts is None:
        say("writing Verilog")
        texts = _verilog(config, lockstep)
    say(f"building for {simulator}")
    sources = {name: text for name, text in texts.items() if name.endswith(".v")}
    built = build(sources, ARRAY_MODULE, [*PORTS, "debug"] if lockstep else PORTS, PE_MODULE, simulator)
    say(f"running on {simulator}")
    with tempfile.TemporaryDirectory(prefix="eie-") as folder:
        job = Path(folder) / "job"
        job.write_bytes(pickle.dumps(Job(config, tuple(actions), lockstep, seed)))
        built.run(f"{__name__}_bench", {"EIE_JOB": str(job)}, Path(folder))
        answer = job.with_suffix(".answer")
        if not answer.exists():
            raise SimulatorError(f"{simulator} left no answer")
        return cast(Answer, pickle.loads(answer.read_bytes()))


@lru_cache(maxsize=4)
def _verilog(config: ArrayConfig, debug: bool) -> dict[str, str]:
    return verilog_text(config, debug=debug)


def run_rtl(
    image: NetworkImage,
    activations: NDArray[np.int16],
    simulator: SimulatorName,
    *,
    stall: float = 0.0,
    progress: Say | None = None,
    texts: dict[str, str] | None = None,
) -> RtlResult:
    """Run each input (n, in_features) int16 in turn; one pass is loaded once, several are loaded for each input.

    `stall` is the probability that either stream pauses in a cycle; `texts` as `run_job` takes them. Raises
    SimulatorError for anything but an answer.
    """
    (result,) = run_rtl_images([(image, activations)], simulator, stall=stall, progress=progress, texts=texts)
    return result


def run_rtl_images(
    jobs: Sequence[tuple[NetworkImage, NDArray[np.int16]]],
    simulator: SimulatorName,
    *,
    stall: float = 0.0,
    progress: Say | None = None,
    texts: dict[str, str] | None = None,
) -> list[RtlResult]:
    """The same of several images for one array, one after another on one that is reset once, as a host loads them."""
    actions: list[Action] = [Reset(2)]
    for image, activations in jobs:
        actions += _actions(image, activations, stall)
    answer = run_job(jobs[0][0].config, actions, simulator, progress=progress, texts=texts)
    if answer.failure is not None:
        raise SimulatorError(f"{simulator}: {answer.failure}")
    results: list[RtlResult] = []
    begin = 0
    for image, activations in jobs:
        end = begin + 2 * len(activations)
        results.append(_result(image, answer.results[begin:end], answer))
        begin = end
    return results


def _actions(image: NetworkImage, activations: NDArray[np.int16], stall: float) -> Iterator[Action]:
    """Of the host: load, and for every input run, collect and read the counters."""
    passes = encode_passes(image)
    if len(passes) == 1:
        yield Send(words_as_integers(passes[0]), stall)
    for row in activations:
        for step in input_steps(passes, input_packet(image, row)):
            yield Send(words_as_integers(step.words), stall)
            if step.resume:
                yield Wait(Status.WAITING)
            yield Start(resume=step.resume, hold=step.hold)
            if step.hold:
                yield Wait(Status.DONE)
        yield Collect(stall)
        yield ReadCounters()


def _result(image: NetworkImage, results: Sequence[object], answer: Answer) -> RtlResult:
    """What was collected and read after every input."""
    collected = cast(list[list[int]], results[0::2])
    read = cast(list[tuple[dict[str, int], list[list[int]]]], results[1::2])
    return RtlResult(
        outputs=np.array(
            [unpack_outputs(image, integers_as_words(image.config, words)) for words in collected], dtype=np.int16
        ),
        cycles=[registers["CYCLES"] for registers, _ in read],
        broadcasts=[registers["BROADCASTS"] for registers, _ in read],
        stalls=[registers["STALLS"] for registers, _ in read],
        overflow=[bool(registers["STATUS"] >> 4 & 1) for registers, _ in read],
        counters=[np.array(counters, dtype=np.int64).T for _, counters in read],
        seconds=answer.seconds,
        simulated_cycles=answer.cycles,
    )
