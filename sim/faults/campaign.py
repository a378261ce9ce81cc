"""Fault injection: single bits of the RTL's memories and registers upset during load and run, and what comes of it."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

import numpy as np
from numpy.typing import NDArray

from hw.verilog import ARRAY_MODULE, verilog_text
from model.config import ArrayConfig
from model.errors import EieError, SimulatorError
from model.registers import Error, Status
from sim.faults.sites import Site, Sites, find_sites
from sim.faults.trial import Seen, Trial, Upset, patience
from sim.progress import Say
from sim.rtl.cosim import PORTS
from sim.rtl.process import RtlProcess
from sim.rtl.simulators import SimulatorName
from sim.simulation.image_run import run_image
from sw.image.build import build_image
from sw.image.stream import encode_image, input_packet, unpack_outputs
from sw.image.words import integers_as_words, words_as_integers
from sw.network.compressed import CompressedNetwork

CAUSES = {int(cause): cause.name for cause in Error}


class Outcome(StrEnum):
    """What became of a run with an upset."""

    MASKED = "masked"  # the outputs are right and nothing is reported
    DETECTED = "detected"  # an error, an overflow, or outputs that are missing or too many
    WRONG = "wrong"  # wrong outputs and no sign of it
    HANG = "hang"  # no end, or no recovery by a soft reset


@dataclass(frozen=True)
class FaultRun:
    """An upset of a bit of `site` and what came of it; `how` it was detected or hung, in a word."""

    site: Site
    upset: Upset
    outcome: Outcome
    how: str
    while_running: bool


@dataclass(frozen=True)
class Campaign:
    """All runs on one array.

    sites : what the array has, and what of it cannot be hit.
    trial_cycles : of load and run without an upset, in which upsets are spread evenly.
    """

    config: ArrayConfig
    sites: Sites
    trial_cycles: int
    runs: tuple[FaultRun, ...]

    def count(self, outcome: Outcome) -> int:
        return sum(run.outcome == outcome for run in self.runs)

    def by_unit(self) -> dict[str, Counter[Outcome]]:
        """Outcomes of each memory, then of the registers of each unit."""
        table: dict[str, Counter[Outcome]] = {}
        for run in sorted(self.runs, key=lambda run: (not run.site.is_memory, run.site.unit)):
            table.setdefault(run.site.group, Counter())[run.outcome] += 1
        return table

    def causes(self) -> Counter[str]:
        """How upsets were detected."""
        return Counter(run.how for run in self.runs if run.outcome is Outcome.DETECTED)


class FaultyArray:
    """The RTL with one network and one input, of which any bit can be upset."""

    def __init__(
        self,
        network: CompressedNetwork,
        x: NDArray[np.float32],
        config: ArrayConfig,
        simulator: SimulatorName,
        progress: Say = lambda _: None,
    ):
        image = build_image(network, config, resident=True)
        simulation = run_image(image, x[:1])
        words = (
            words_as_integers(encode_image(image)),
            words_as_integers(input_packet(image, simulation.activations[0])),
        )
        model_cycles = int(simulation.load_cycles + simulation.cycles[0]) + len(words[1]) + config.activation_depth
        self.config = config
        self.overflow = bool(simulation.overflow[0])
        self._trial = Trial(*words, patience(config, model_cycles))
        texts = verilog_text(config)
        self.sites = find_sites(texts, ARRAY_MODULE)
        self._rtl = RtlProcess(
            texts,
            ARRAY_MODULE,
            PORTS,
            simulator,
            f"{__package__}.bench",
            (config, self._trial),
            progress,
            everything=True,
        )
        self._rtl.ask("reset")
        self.reference: Seen = self._rtl.ask("trial", None)
        outputs = integers_as_words(config, [word for word, _ in self.reference.outputs])
        right = len(outputs) == image.layers[-1].out_rows * config.groups and not self.reference.error
        if not right or not np.array_equal(unpack_outputs(image, outputs), simulation.integers[0]):
            self.close()
            raise SimulatorError("the array without an upset does not do what the model says; run `eie verify`")

    def run(self, site: Site, upset: Upset) -> FaultRun:
        """One trial with the upset; after one that shows, whether a soft reset makes the array good again."""
        seen: Seen = self._rtl.ask("trial", upset)
        outcome, how = self._judge(seen)
        if outcome is not Outcome.MASKED:
            again: Seen = self._rtl.ask("trial", None)
            if self._judge(again)[0] is not Outcome.MASKED:
                outcome, how = Outcome.HANG, "not recovered by a soft reset"
                self._rtl.ask("reset")
        return FaultRun(site, upset, outcome, how, 0 < self.reference.started <= upset.cycle)

    def close(self) -> None:
        """Ends the simulation."""
        self._rtl.close()

    def _judge(self, seen: Seen) -> tuple[Outcome, str]:
        reference = self.reference
        if seen.late:
            return Outcome.HANG, f"no end, STATUS {seen.status:#x}"
        if seen.error:
            return Outcome.DETECTED, CAUSES.get(seen.error, f"error {seen.error}")
        if (seen.status >> Status.OVERFLOW & 1) != int(self.overflow):
            return Outcome.DETECTED, "overflow"
        if [last for _, last in seen.outputs] != [last for _, last in reference.outputs]:
            return Outcome.DETECTED, "number of outputs"
        if seen.outputs != reference.outputs:
            return Outcome.WRONG, ""
        return Outcome.MASKED, ""


def plan(
    sites: Sites, runs: int, reference: Seen, random: Random, only: Sequence[str] = ()
) -> list[tuple[Site, Upset]]:
    """Upsets: every second of a register, the others of each memory in turn; any bit; half while loading.

    `only` : groups to hit instead of all; EieError for one that there is not.
    """
    known = {site.group for site in sites.reached}
    for name in only:
        if name not in known:
            raise EieError(
                f"--hit must name something that can be hit, got {name!r}; there is {', '.join(sorted(known))}"
            )
    reached = [site for site in sites.reached if not only or site.group in only]
    memories: dict[str, list[Site]] = {}
    for site in reached:
        if site.is_memory:
            memories.setdefault(site.unit, []).append(site)
    registers = [site for site in reached if not site.is_memory]
    groups = list(memories.values())
    chosen: list[tuple[Site, Upset]] = []
    for number in range(runs):
        group = registers if registers and (number % 2 or not groups) else groups[number // 2 % len(groups)]
        site = random.choices(group, [candidate.bits for candidate in group])[0]
        word = random.randrange(site.words) if site.is_memory else None
        phase = random.choice([range(reference.started), range(reference.started, reference.cycles)])
        chosen.append((site, Upset(site.path, word, random.randrange(site.width), random.choice(phase))))
    return chosen


def inject(
    array: FaultyArray,
    runs: int,
    seed: int,
    only: Sequence[str] = (),
    advance: Callable[[int], None] = lambda _: None,
) -> Campaign:
    """That many runs, each with one upset; `only` as for `plan`."""
    done: list[FaultRun] = []
    for site, upset in plan(array.sites, runs, array.reference, Random(seed), only):
        done.append(array.run(site, upset))
        advance(1)
    return Campaign(array.config, array.sites, array.reference.cycles, tuple(done))
