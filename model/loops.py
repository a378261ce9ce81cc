"""In which order layers run: loops of an array with `functions` (docs/contract/architecture.md, section 13)."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from model.config import ArrayConfig
from model.image import LayerImage


class Offsets(NamedTuple):
    """What moves with the iteration of a loop, in local rows."""

    source: int = 0
    result: int = 0

    def of(self, moves: int) -> int:
        """The one that a field `destination_moves` or `second_moves` names."""
        return 0 if moves == 0 else self.source if moves == 1 else self.result


NO_OFFSETS = Offsets()


class Execution(NamedTuple):
    """One layer run once: its number in the image, and the offsets then."""

    number: int
    offsets: Offsets


def executions(config: ArrayConfig, layers: Sequence[LayerImage]) -> Iterator[Execution]:
    """Every layer as often as it runs between start and done, in this order."""
    number, iteration, offsets = 0, 0, NO_OFFSETS
    depth = config.activation_depth
    while number < len(layers):
        yield Execution(number, offsets)
        functions = layers[number].functions
        if functions is None or not functions.loops:
            number += 1
        elif iteration + 1 < functions.loop_count:
            number -= functions.loop_back
            iteration += 1
            offsets = Offsets(
                (offsets.source + functions.source_step) % depth, (offsets.result + functions.result_step) % depth
            )
        else:
            number, iteration, offsets = number + 1, 0, NO_OFFSETS
