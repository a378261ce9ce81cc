"""What the fast engine says of a run: cycles by phase, stalls and every counter, of each input or summed."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.layouts import flush_cycles
from model.registers import PeCounter
from model.schedule import PREFETCH_CYCLES


@dataclass(frozen=True, kw_only=True)
class LayerResult:
    """What one layer took: for one input, or summed over several.

    Parameters
    ----------
    name : of the layer.
    inputs : how many inputs these are the sums of; one input of a network is one each time that a loop runs the layer.
    compute_cycles : from PREFETCH_0 until the last local row is exhausted.
    drain_cycles : until the queues are empty.
    write_back_cycles : write-back operations and pipeline flush.
    broadcasts : active columns.
    stalls : cycles in which a broadcast waited for a full queue.
    counters : (len(PeCounter), pes) int64; DECODED_SYMBOLS are those of this layer's codes.
    ideal_cycles : mean entries per PE in active columns, fillers included (the paper's ideal).
    nonzeros_active : stored weights of active columns, fillers and what falls off a map excluded.
    table_reads, products : outputs, of all PEs, that went through the function table and that were multiplied.
    """

    name: str
    inputs: int = 1
    compute_cycles: int
    drain_cycles: int
    write_back_cycles: int
    broadcasts: int
    stalls: int
    counters: NDArray[np.int64]
    ideal_cycles: float
    nonzeros_active: int
    table_reads: int = 0
    products: int = 0

    @property
    def cycles(self) -> int:
        """From PREFETCH_0 to the last FLUSH cycle."""
        return self.compute_cycles + self.drain_cycles + self.write_back_cycles

    @property
    def busy_cycles(self) -> NDArray[np.int64]:
        """(pes,) cycles in which a PE had something in its queue: BROADCAST and DRAIN but for its starved cycles."""
        waiting = PREFETCH_CYCLES * self.inputs + self.counters[PeCounter.STARVED_CYCLES]
        return self.compute_cycles + self.drain_cycles - waiting

    def __add__(self, other: "LayerResult") -> "LayerResult":
        """The sums over both; the name is this one's."""
        return LayerResult(
            name=self.name,
            inputs=self.inputs + other.inputs,
            compute_cycles=self.compute_cycles + other.compute_cycles,
            drain_cycles=self.drain_cycles + other.drain_cycles,
            write_back_cycles=self.write_back_cycles + other.write_back_cycles,
            broadcasts=self.broadcasts + other.broadcasts,
            stalls=self.stalls + other.stalls,
            counters=self.counters + other.counters,
            ideal_cycles=self.ideal_cycles + other.ideal_cycles,
            nonzeros_active=self.nonzeros_active + other.nonzeros_active,
            table_reads=self.table_reads + other.table_reads,
            products=self.products + other.products,
        )


@dataclass(frozen=True, kw_only=True)
class LayerBatch:
    """What one layer did for each of n inputs, all executions of a loop together.

    Parameters
    ----------
    name : of the layer.
    executions : how often it ran for each input.
    out_rows : local rows written back, 0 for a column tile that keeps its sums.
    decoded_symbols : (pes,) int64, of the layer's codes.
    config : of the array.
    outputs : (n, out_rows * pes) int16, in physical order; (n, 0) of a column tile that keeps its sums.
    overflow : (n,) whether any accumulator left its range.
    broadcasts, exhausted, drained, stalls : (n,) int64; see `model.schedule.LayerSchedule`.
    entries, weights, empty_slices, row_reads : (n, pes) int32, of active columns; weights are entries but for fillers.
    pointer_reads, added : (n, pes) integers; added are weights that met an accumulator.
    table_reads, products : of each input in each PE: outputs that went through the function table, and a multiplier.
    """

    name: str
    out_rows: int
    decoded_symbols: NDArray[np.int64]
    config: ArrayConfig
    outputs: NDArray[np.int16]
    overflow: NDArray[np.bool_]
    broadcasts: NDArray[np.int64]
    exhausted: NDArray[np.int64]
    drained: NDArray[np.int64]
    stalls: NDArray[np.int64]
    entries: NDArray[np.int32]
    weights: NDArray[np.int32]
    empty_slices: NDArray[np.int32]
    row_reads: NDArray[np.int32]
    pointer_reads: NDArray[np.integer]
    added: NDArray[np.int32]
    executions: int = 1
    table_reads: int = 0
    products: int = 0

    @property
    def cycles(self) -> NDArray[np.int64]:
        """(n,) from PREFETCH_0 to the last FLUSH cycle."""
        return self.drained + self.executions * (1 + self.out_rows + flush_cycles(self.config))

    def __add__(self, other: "LayerBatch") -> "LayerBatch":
        """Both executions of a layer; outputs are those of the other, which was later."""
        summed = ("broadcasts", "exhausted", "drained", "stalls", "entries", "weights", "empty_slices", "row_reads")
        summed += ("pointer_reads", "added", "executions", "table_reads", "products")
        return replace(
            other,
            overflow=self.overflow | other.overflow,
            **{name: getattr(self, name) + getattr(other, name) for name in summed},
        )

    def result(self, number: int) -> LayerResult:
        """Of one input."""
        return self._sum(slice(number, number + 1))

    def total(self) -> LayerResult:
        """The sums over all inputs."""
        return self._sum(slice(None))

    def _sum(self, inputs: slice) -> LayerResult:
        entries, weights, empty_slices, row_reads, pointer_reads, added = (
            values[inputs].sum(axis=0, dtype=np.int64)
            for values in (
                self.entries,
                self.weights,
                self.empty_slices,
                self.row_reads,
                self.pointer_reads,
                self.added,
            )
        )
        broadcasts, exhausted, drained, stalls = (
            int(values[inputs].sum()) for values in (self.broadcasts, self.exhausted, self.drained, self.stalls)
        )
        n = len(self.broadcasts[inputs])
        times = n * self.executions
        computing = drained + (1 - PREFETCH_CYCLES) * times  # cycles of BROADCAST and DRAIN
        counters = np.zeros((len(PeCounter), entries.size), dtype=np.int64)
        counters[PeCounter.ENTRIES] = entries
        counters[PeCounter.FILLERS] = entries - weights
        counters[PeCounter.STARVED_CYCLES] = (
            computing - entries - (0 if self.config.skip_empty_slices else empty_slices)
        )
        counters[PeCounter.EMPTY_SLICES] = empty_slices
        counters[PeCounter.ROW_READS] = row_reads
        counters[PeCounter.POINTER_READS] = pointer_reads
        counters[PeCounter.ACCUMULATOR_READS] = added + times * self.out_rows
        counters[PeCounter.ACCUMULATOR_WRITES] = added + times * self.out_rows
        counters[PeCounter.DECODED_SYMBOLS] = n * self.decoded_symbols
        return LayerResult(
            name=self.name,
            inputs=times,
            compute_cycles=exhausted + times,
            drain_cycles=drained - exhausted,
            write_back_cycles=times * (self.out_rows + flush_cycles(self.config)),
            broadcasts=broadcasts,
            stalls=stalls,
            counters=counters,
            ideal_cycles=float(entries.mean()),
            nonzeros_active=int(added.sum()),
            table_reads=n * entries.size * self.table_reads,
            products=n * entries.size * self.products,
        )


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """One input through the whole network.

    Parameters
    ----------
    outputs : (out_rows * pes,) int16, physical order of the last layer.
    overflow : whether any accumulator left its range.
    layers : in execution order.
    load_cycles : words of the input packet, header included: the cycles that loading the input takes if the host always
        offers a word.
    loaded_last : number of the first layer of the last pass.
    """

    outputs: NDArray[np.int16]
    overflow: bool
    layers: tuple[LayerResult, ...]
    load_cycles: int
    loaded_last: int = 0

    @property
    def cycles(self) -> int:
        """From start to done; register CYCLES shows them modulo 2^32."""
        return sum(layer.cycles for layer in self.layers)

    @property
    def broadcasts(self) -> int:
        return sum(layer.broadcasts for layer in self.layers)

    @property
    def stalls(self) -> int:
        return sum(layer.stalls for layer in self.layers)

    @property
    def counters(self) -> NDArray[np.int64]:
        """(len(PeCounter), pes); registers show them after the run modulo 2^32; decoded: in the last pass."""
        counters = np.stack([layer.counters for layer in self.layers])
        counters[: self.loaded_last, PeCounter.DECODED_SYMBOLS] = 0
        return counters.sum(axis=0)

    @property
    def useful_efficiency(self) -> float:
        """Nonzero weights of active columns over PE cycles."""
        nonzeros = sum(layer.nonzeros_active for layer in self.layers)
        return nonzeros / (self.layers[0].counters.shape[1] * self.cycles)

    @property
    def balance(self) -> float:
        """Mean cycles in which a PE had something in its queue over cycles."""
        return sum(float(layer.busy_cycles.mean()) for layer in self.layers) / self.cycles
