"""What a host does for one input, in order, whatever it is: the driver, or a co-simulation with pauses."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sw.image.words import Words


@dataclass(frozen=True, eq=False)
class Step:
    """Words to send, then a start.

    words : into the input stream.
    resume : whether the start goes on from the pass before.
    hold : whether the array keeps its activations for the next pass; without it outputs come.
    """

    words: Words
    resume: bool
    hold: bool


def input_steps(passes: Sequence[Words], packet: Words) -> Iterator[Step]:
    """The steps of an input with the INPUT packet `packet` (docs/contract/architecture.md, section 4).

    The words of a single pass are in the array already; several passes (`sw.image.stream.encode_passes`) are loaded
    for every input, INPUT behind the first.
    """
    if len(passes) == 1:
        yield Step(packet, resume=False, hold=False)
        return
    for number, words in enumerate(passes):
        sent = words if number else np.concatenate([words, packet])
        yield Step(sent, resume=number > 0, hold=number < len(passes) - 1)
