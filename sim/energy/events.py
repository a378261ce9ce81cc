"""What happened in a run, counted: what every figure of it is computed from, and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass

from model.engine import LayerResult
from model.image import NetworkImage
from model.layouts import flush_cycles
from model.registers import PeCounter
from sw.image.stream import layer_packet


@dataclass(frozen=True, kw_only=True)
class Events:
    """What happened between start and done, mean per input, all PEs together.

    Parameters
    ----------
    vectors : that the array was given: the input, or every position of a convolution and every step of an LSTM.
    cycles : from start to done; compute, drain and write-back cycles together.
    compute_cycles : from PREFETCH_0 until the last local row is exhausted.
    drain_cycles : until the queues are empty.
    write_back_cycles : write-back operations and pipeline flush.
    busy_cycles : cycles in which a PE had something in its queue, summed over the PEs.
    broadcasts : active columns.
    stalls : cycles in which a broadcast waited for a full queue.
    queue_writes : activations that entered a queue; each leaves it once.
    pointer_pairs : reads of both pointer banks.
    row_reads : rows read from the sparse-matrix memories.
    entries : entries issued, fillers included; each adds its run to a local row.
    fillers : entries that hold no weight.
    macs : multiply-accumulates, the write-back's biases included; each reads a constant and an accumulator.
    accumulator_writes : write-backs included.
    activation_reads, activation_writes : of the activation memories, by leading-nonzero detection and by write-back.
    useful_macs : nonzero weights of active columns, all that the result needs.
    table_reads, products : outputs that went through the function table, and that were multiplied, at write-back.
    image_bits : of the LAYER packets, read from DRAM once for any number of inputs, or, if the network takes several
        passes, for every input.
    mapped : with `maps`, entries that hold a weight: each goes through the address stages.
    off_map : those of them that lie off the map and are dropped there; they take their cycle and read no accumulator.
    """

    vectors: float
    cycles: float
    compute_cycles: float
    drain_cycles: float
    write_back_cycles: float
    busy_cycles: float
    broadcasts: float
    stalls: float
    queue_writes: float
    pointer_pairs: float
    row_reads: float
    entries: float
    fillers: float
    macs: float
    accumulator_writes: float
    activation_reads: float
    activation_writes: float
    useful_macs: float
    table_reads: float = 0.0
    products: float = 0.0
    image_bits: float
    mapped: float = 0.0
    off_map: float = 0.0

    def __add__(self, other: "Events") -> "Events":
        return Events(**{name: value + getattr(other, name) for name, value in vars(self).items()})


def layer_events(image: NetworkImage, number: int, result: LayerResult, inputs: int) -> Events:
    """Of one layer: its result, summed over all vectors that the array was given, as means over the inputs.

    The bits of the image are counted once.
    """
    config, layer = image.config, image.layers[number]
    vectors = result.inputs / inputs

    def mean(value: float) -> float:
        return float(value) / inputs

    def counted(counter: PeCounter) -> float:
        return mean(result.counters[counter].sum())

    packet = layer_packet(layer, config)
    written = config.pes * mean(result.write_back_cycles - flush_cycles(config) * result.inputs)
    mapped = counted(PeCounter.ENTRIES) - counted(PeCounter.FILLERS) if config.maps else 0.0
    never_queued = counted(PeCounter.EMPTY_SLICES) if config.skip_empty_slices else 0.0
    return Events(
        vectors=vectors,
        cycles=mean(result.cycles),
        compute_cycles=mean(result.compute_cycles),
        drain_cycles=mean(result.drain_cycles),
        write_back_cycles=mean(result.write_back_cycles),
        busy_cycles=mean(result.busy_cycles.sum()),
        broadcasts=mean(result.broadcasts),
        stalls=mean(result.stalls),
        queue_writes=counted(PeCounter.POINTER_READS) - never_queued,
        pointer_pairs=counted(PeCounter.POINTER_READS),
        row_reads=counted(PeCounter.ROW_READS),
        entries=counted(PeCounter.ENTRIES),
        fillers=counted(PeCounter.FILLERS),
        mapped=mapped,
        off_map=mapped - (counted(PeCounter.ACCUMULATOR_READS) - written) if config.maps else 0.0,
        macs=counted(PeCounter.ACCUMULATOR_READS),
        accumulator_writes=counted(PeCounter.ACCUMULATOR_WRITES),
        # Every row is read, and the two after the last, since reads run two rows ahead of the row that is taken.
        activation_reads=vectors * config.pes * (layer.in_rows + 2),
        activation_writes=written,
        useful_macs=mean(result.nonzeros_active),
        table_reads=mean(result.table_reads),
        products=mean(result.products),
        image_bits=float(len(packet) * config.stream_bits),
    )


def total_events(layers: Sequence[Events]) -> Events:
    """The sum over layers, of which there is one at least."""
    total = layers[0]
    for events in layers[1:]:
        total += events
    return total
