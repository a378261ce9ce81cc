"""Event counts of a run: what energy is computed from, and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass

from model.engine import LayerResult
from model.image import NetworkImage
from model.layouts import FLUSH_CYCLES
from model.registers import PeCounter
from sw.image.stream import layer_packet


@dataclass(frozen=True, kw_only=True)
class Events:
    """What happened between start and done, mean per input, all PEs together.

    Parameters
    ----------
    cycles : from start to done.
    queue_writes : activations that entered a queue; each leaves it once.
    pointer_pairs : reads of both pointer banks.
    row_reads : rows read from the sparse-matrix memories.
    entries : entries issued, fillers included; each adds its run to a local row.
    macs : multiply-accumulates, the write-back's biases included; each reads a constant and an accumulator.
    accumulator_writes : write-backs included.
    activation_reads, activation_writes : of the activation memories, by leading-nonzero detection and by write-back.
    useful_macs : nonzero weights of active columns, all that the result needs.
    image_bits : of the LAYER packets, read from DRAM once for any number of inputs, or, if the network takes several
        passes, for every input.
    """

    cycles: float
    queue_writes: float
    pointer_pairs: float
    row_reads: float
    entries: float
    macs: float
    accumulator_writes: float
    activation_reads: float
    activation_writes: float
    useful_macs: float
    image_bits: float

    def __add__(self, other: "Events") -> "Events":
        return Events(**{name: value + getattr(other, name) for name, value in vars(self).items()})

    def repeated(self, times: float) -> "Events":
        """So many runs with the same image."""
        scaled = {name: value * times for name, value in vars(self).items()}
        return Events(**scaled | {"image_bits": self.image_bits})


def layer_events(image: NetworkImage, number: int, result: LayerResult) -> Events:
    """The mean over the inputs of one layer's result."""
    config, layer = image.config, image.layers[number]

    def mean(value: float) -> float:
        return float(value) / result.inputs

    def counted(counter: PeCounter) -> float:
        return mean(result.counters[counter].sum())

    packet = layer_packet(layer, config)
    never_queued = counted(PeCounter.EMPTY_SLICES) if config.skip_empty_slices else 0.0
    return Events(
        cycles=mean(result.cycles),
        queue_writes=counted(PeCounter.POINTER_READS) - never_queued,
        pointer_pairs=counted(PeCounter.POINTER_READS),
        row_reads=counted(PeCounter.ROW_READS),
        entries=counted(PeCounter.ENTRIES),
        macs=counted(PeCounter.ACCUMULATOR_READS),
        accumulator_writes=counted(PeCounter.ACCUMULATOR_WRITES),
        # Every row is read, and the two after the last, since reads run two rows ahead of the row that is taken.
        activation_reads=float(config.pes * (layer.in_rows + 2)),
        activation_writes=config.pes * (mean(result.write_back_cycles) - FLUSH_CYCLES),
        useful_macs=mean(result.nonzeros_active),
        image_bits=float(len(packet) * config.stream_bits),
    )


def total_events(layers: Sequence[Events]) -> Events:
    """The sum over layers, of which there is one at least."""
    total = layers[0]
    for events in layers[1:]:
        total += events
    return total
