"""`python -m benchmarks.fuzz_rtl --minutes 60 --seed 1`: random images, valid and hostile, on model and RTL.

Every round draws an array and some networks for it. The stream of a network is sent as it is or spoiled: bits flipped,
words changed, left out or repeated, the transfer cut. It is run, whatever it has become, for some hundred cycles, in
lock-step: every architectural register of the RTL is compared with the stepped model's in every cycle. Behind a reset
or a soft reset the network as it was must give the reference's outputs. 1 if anything differs, with the round, which
`--seed S --first ROUND --rounds 1` shows again.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import get_args

import numpy as np

from model.config import ArrayConfig
from model.image import NetworkImage
from model.reference import run_reference
from model.registers import STATUS_ERROR_SHIFT, Error
from sim.rtl.cosim import run_job
from sim.rtl.host_program import Action, Collect, Cut, Read, Reset, Send, SoftReset, Start
from sim.rtl.simulators import SIMULATORS, SimulatorName
from tests.support.hw.rtl import CONFIGS
from tests.support.images.map_programs import KINDS, random_map_network
from tests.support.images.maps import map_config
from tests.support.images.random_images import (
    CodeShape,
    encode_input,
    encode_network,
    random_activations,
    random_network_image,
    unpack_lanes,
)

SIZES = {"accumulator_depth": 192, "activation_depth": 128}
ARRAYS: tuple[ArrayConfig, ...] = (
    *CONFIGS.values(),
    map_config(name="fuzz_maps2", pes=2, **SIZES),
    map_config(name="fuzz_maps3", pes=3, queue_depth=6, broadcasts_per_cycle=2, parity=True, index_bits=3, **SIZES),
    map_config(name="fuzz_functions2", pes=2, functions=True, **SIZES),
)
NETWORKS = 6  # of a round
CYCLES = 700  # that a spoiled network is given


@dataclass
class Found:
    """What became of the rounds: networks sent as they were and spoiled, cycles compared, errors shown, differences."""

    rounds: int = 0
    valid: int = 0
    hostile: int = 0
    cycles: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)


def draw_image(rng: np.random.Generator, config: ArrayConfig) -> NetworkImage:
    """A network of fully connected layers, or with `maps` of any layers, that fits."""
    density = float(rng.choice([0.1, 0.4, 1.0]))
    if config.maps:
        kinds = [str(kind) for kind in rng.choice(KINDS, int(rng.integers(1, 3)))]
        return random_map_network(rng, config, kinds, density, 2000, (4, 3, 2))
    sizes = [int(size) for size in rng.integers(1, 13, int(rng.integers(2, config.layers + 2)))]
    return random_network_image(rng, config, sizes, density, 2000)


def spoil(rng: np.random.Generator, words: Sequence[int], bits: int) -> tuple[list[int], bool]:
    """A stream with a few things wrong, and whether the transfer ends with it."""
    spoiled = list(words)
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(len(spoiled)))
        match int(rng.integers(6)):
            case 0 | 1:
                spoiled[at] ^= 1 << int(rng.integers(bits))
            case 2:
                spoiled[at] = int.from_bytes(rng.bytes(bits // 8), "little")
            case 3 if len(spoiled) > 1:
                del spoiled[at]
            case 4:
                spoiled.insert(at, spoiled[at])
            case _:
                spoiled[at] = int(rng.choice([0, (1 << min(bits, 63)) - 1]))
    if rng.integers(4):
        return spoiled, False
    return spoiled[: int(rng.integers(1, len(spoiled) + 1))], True


def fuzz_round(number: int, seed: int, simulator: SimulatorName, found: Found) -> None:
    """One array and its networks; what differs goes to `found`."""
    rng = np.random.default_rng([seed, number])
    config = ARRAYS[int(rng.integers(len(ARRAYS)))]
    shapes: tuple[CodeShape, ...] = get_args(CodeShape)
    actions: list[Action] = [Reset(2)]
    wanted: list[list[int]] = []
    for _ in range(NETWORKS):
        image = draw_image(rng, config)
        words = encode_network(image, rng, shapes[int(rng.integers(len(shapes)))])
        activations = random_activations(rng, image, float(rng.choice([0.3, 1.0])), 2000)
        packet = encode_input(config, activations)
        stall = float(rng.choice([0.0, 0.2]))
        hostile = bool(rng.integers(4))
        sent, last = spoil(rng, words, config.stream_bits) if hostile else (words, False)
        tried = (Send(sent, stall, last=last), Send(packet, stall), Start(), Collect(stall))
        actions += [Cut(tried, CYCLES + len(sent)), Read(("STATUS",)), Reset(1) if rng.integers(2) else SoftReset()]
        actions += [Send(words), Send(packet), Start(), Collect()]
        wanted.append(run_reference(image, activations).outputs.tolist())
        found.hostile += hostile
        found.valid += not hostile
    answer = run_job(config, actions, simulator, lockstep=True, seed=number)
    found.rounds += 1
    found.cycles += answer.cycles
    if answer.failure is not None:
        found.differences.append(f"round {number}, {config.name}: {answer.failure}")
        return
    for shown, outputs, right in zip(answer.results[::2], answer.results[1::2], wanted, strict=True):
        found.errors[Error(shown["STATUS"] >> STATUS_ERROR_SHIFT).name] += 1
        if unpack_lanes(outputs, config.lanes).tolist() != right:
            found.differences.append(f"round {number}, {config.name}: outputs behind the reset are not the reference's")


def main(arguments: Sequence[str] | None = None) -> int:
    """Rounds until the time is over, what came of them; 1 if anything differed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fuzz_rtl", description="Random images on model and RTL in lock-step."
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="after which no round begins [10]")
    parser.add_argument("--rounds", type=int, help="so many instead")
    parser.add_argument("--first", type=int, default=0, metavar="ROUND", help="to begin with [0]")
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn [0]")
    parser.add_argument("--sim", choices=SIMULATORS, default="icarus", help="the simulator [icarus]")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(arguments)
    if given.minutes <= 0 or given.first < 0 or given.seed < 0 or (given.rounds is not None and given.rounds < 1):
        parser.error("wanted --minutes above 0, --rounds of 1 or more, --first and --seed of 0 or more")
    found, begin, number = Found(), time.monotonic(), given.first
    while not found.differences and (
        found.rounds < given.rounds if given.rounds else time.monotonic() - begin < 60 * given.minutes
    ):
        fuzz_round(number, given.seed, given.sim, found)
        number += 1
        said = f"{found.rounds} rounds, {found.cycles:,} cycles, {time.monotonic() - begin:.0f} s"
        print(said, file=sys.stderr, flush=True)
    if given.json:
        print(json.dumps({"seed": given.seed, "sim": given.sim, **vars(found)}))
        return int(bool(found.differences))
    causes = ", ".join(f"{name} {times}" for name, times in sorted(found.errors.items()))
    print(f"seed {given.seed}, {given.sim}: {found.rounds} rounds, {found.valid} networks as they were, "
          f"{found.hostile} spoiled, {found.cycles:,} cycles compared; errors shown: {causes or 'none'}")  # fmt: skip
    print("\n".join(found.differences) or "no difference")
    return int(bool(found.differences))


if __name__ == "__main__":
    sys.exit(main())
