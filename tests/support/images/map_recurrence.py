"""Cycles and counters of map layers, from architecture.md, section 12, as slowly and plainly as it says them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.image import LayerImage, NetworkImage
from model.loops import Offsets, executions
from model.map_reference import MapReference, ScannedRow, digits, geometry_of, scan
from model.registers import PeCounter


@dataclass
class Expected:
    """What a layer does: cycles of the phases, broadcasts, stalls, (counters, pes) of all but decoded symbols."""

    phases: list[int]
    broadcasts: int
    stalls: int
    counters: NDArray[np.int64]


@dataclass
class Push:
    """Activations decided together: first cycle in which they could be, and per PE the columns that it gets."""

    zero_rows: int
    scanned: ScannedRow
    columns: list[list[int]]
    count: int


def expected_layers(image: NetworkImage, activations: NDArray[np.int16]) -> list[Expected]:
    """Of every layer of a run from reset; those of a loop as often as they run."""
    config = image.config
    memory = np.zeros((config.activation_depth, config.pes), dtype=np.int16)
    memory[: image.in_rows] = activations.reshape(image.in_rows, config.pes)
    sums = np.zeros((config.accumulator_depth, config.pes), dtype=np.int64)
    layers = []
    references = [MapReference(config, layer) for layer in image.layers]
    for number, offsets in executions(config, image.layers):
        layers.append(_Layer(config, image.layers[number], memory, offsets).expected())
        references[number].run(memory, sums, offsets)
    return layers


class _Layer:
    def __init__(self, config: ArrayConfig, layer: LayerImage, memory: NDArray[np.int16], offsets: Offsets) -> None:
        self.config, self.layer, self.map = config, layer, geometry_of(layer)
        self.pushes = self._pushes(memory, offsets)
        self._held: dict[int, int] = {}
        self.counters = np.zeros((PeCounter.DECODED_SYMBOLS, config.pes), dtype=np.int64)

    def _pushes(self, memory: NDArray[np.int16], offsets: Offsets) -> list[Push]:
        pushes: list[Push] = []
        zero_rows = 0
        self.trailing = 0
        for scanned in scan(self.config, self.layer, offsets):
            values = memory[scanned.row]
            if self.map.maximum:
                active = list(range(self.config.pes))
            else:
                active = np.flatnonzero(values > 0 if self.map.positive else values != 0).tolist()
            if not active:
                zero_rows += 1
                continue
            if self.map.local:
                groups = [[[scanned.column] if pe in active else [] for pe in range(self.config.pes)]]
            else:
                lanes = self.config.broadcasts_per_cycle
                groups = [
                    [[scanned.column + pe for pe in active[at : at + lanes]]] * self.config.pes
                    for at in range(0, len(active), lanes)
                ]
            for group in groups:
                count = 0 if self.map.local else len(group[0])
                pushes.append(Push(zero_rows, scanned, group, count))
                zero_rows = 0
        self.trailing = zero_rows
        return pushes

    def _bounds(self, pe: int, column: int) -> tuple[int, int]:
        first, last = (int(self.layer.pointers[pe, column + at]) for at in (0, 1))
        return first, last

    def expected(self) -> Expected:
        """Decide push after push."""
        pes, depth, lanes = self.config.pes, self.config.queue_depth, self.config.broadcasts_per_cycle
        skips = self.config.skip_empty_slices
        decided: list[tuple[int, int]] = []  # cycle, slots that every queue may need
        own: list[list[int]] = [[] for _ in range(pes)]  # cycles decided, one for every slice on its way to the PE
        queued: list[list[tuple[int, int]]] = [[] for _ in range(pes)]  # cycles decided and finished
        busy = np.zeros(pes, dtype=np.int64)
        before, stalls = 3, 0

        def room(cycle: int, pe: int) -> bool:
            taken = sum(slots for at, slots in decided if cycle - 3 <= at <= cycle - 1)
            taken += sum(cycle - 5 <= at <= cycle - 4 for at in own[pe])
            taken += sum(at < cycle - 5 and finished >= cycle - 1 for at, finished in queued[pe])
            return taken <= depth - lanes

        for push in self.pushes:
            ready = cycle = before + 1 + push.zero_rows
            while not all(room(cycle, pe) for pe in range(pes)):
                cycle += 1
            stalls += cycle - ready
            before = cycle
            decided.append((cycle, 1 if self.map.local else push.count))
            for pe, columns in enumerate(push.columns):
                for column in columns:
                    own[pe].append(cycle)
                    first, last = self._bounds(pe, column)
                    self.counters[PeCounter.POINTER_READS, pe] += 1
                    self._count_slice(pe, first, last, push.scanned)
                    if skips and first == last:
                        continue
                    work = max(last - first, 1)
                    after = queued[pe][-1][1] if queued[pe] else 0
                    queued[pe].append((cycle, max(after, cycle + 5) + work))
                    busy[pe] += work
        exhausted = before + self.trailing if self.pushes else 3 + self.layer.in_rows
        drained = exhausted + 1
        if self.pushes:
            drained = max(drained, before + 5)
        drained = max([drained, *(1 + finished for slices in queued for _, finished in slices)])
        return self._finish(exhausted, drained, stalls, busy)

    def _finish(self, exhausted: int, drained: int, stalls: int, busy: NDArray[np.int64]) -> Expected:
        written = 0 if self.layer.keep else self.layer.out_rows
        self.counters[PeCounter.STARVED_CYCLES] = drained - 3 - busy
        for counter in (PeCounter.ACCUMULATOR_READS, PeCounter.ACCUMULATOR_WRITES):
            self.counters[counter] += written
        phases = [exhausted + 1, drained - exhausted, written + (19 if self.config.functions else 14)]
        return Expected(phases, sum(push.count for push in self.pushes), stalls, self.counters)

    def _count_slice(self, pe: int, first: int, last: int, scanned: ScannedRow) -> None:
        layer, counters, per_row = self.layer, self.counters, self.config.entries_per_row
        if first == last:
            counters[PeCounter.EMPTY_SLICES, pe] += 1
            return
        held = self._held.get(pe)
        rows = range(first // per_row, (last - 1) // per_row + 1)
        counters[PeCounter.ROW_READS, pe] += len(rows) - (held == rows[0])
        self._held[pe] = rows[-1]
        part = slice(layer.offsets[pe] + first, layer.offsets[pe] + last)
        codes = layer.codes[part]
        steps = digits(self.map, np.cumsum(layer.runs[part].astype(np.int64) + 1) - 1)
        on_map = (scanned.y - steps.y) % 1024 < self.map.out_height
        on_map &= (scanned.x - steps.x) % 1024 < self.map.out_width
        counters[PeCounter.ENTRIES, pe] += last - first
        counters[PeCounter.FILLERS, pe] += np.count_nonzero(codes == 0)
        added = np.count_nonzero(on_map & (codes != 0))
        counters[PeCounter.ACCUMULATOR_READS, pe] += added
        counters[PeCounter.ACCUMULATOR_WRITES, pe] += added
