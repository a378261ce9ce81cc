"""Random layers of an array with `maps`, at the level of their descriptors, and what they do, after the contract.

Written from docs/contract/architecture.md, sections 4, 7, 8 and 12, alone: not from the model, not from the hardware.
"""

import random
from dataclasses import dataclass, field

import numpy as np

from model.config import ArrayConfig
from model.layouts import Descriptor, Opcode, header
from model.map_descriptor import MapDescriptor
from tests.support.images.huffman import alphabet, random_lengths, tree_section
from tests.support.images.random_images import pack_lanes

Entries = list[tuple[int, int]]  # (zero run, weight code)


@dataclass
class MapLayer:
    """One layer: its descriptor, and per PE and column the entries."""

    map: MapDescriptor
    in_rows: int
    out_rows: int
    first_row: int
    shift: int
    relu: bool
    keep: bool
    bias_scale: int
    codebook: list[int]
    biases: list[list[int]]  # [local channel][pe]
    slices: list[list[Entries]]  # [pe][column]

    def packet(self, config: ArrayConfig, rng: random.Random) -> list[int]:
        """The LAYER packet."""
        run_symbols = sorted({run for pe in self.slices for entries in pe for run, _ in entries} | {config.end_symbol})
        code_symbols = sorted({code for pe in self.slices for entries in pe for _, code in entries} | {0})
        runs = alphabet(random_lengths(rng, run_symbols, config.max_code_length), config.run_symbols)
        codes = alphabet(random_lengths(rng, code_symbols, config.max_code_length), config.code_symbols)
        streams = []
        for pe in self.slices:
            text = "".join(
                "".join(runs.codes[run] + codes.codes[code] for run, code in entries) + runs.codes[config.end_symbol]
                for entries in pe
            )
            width = config.stream_bits
            streams.append([int(text[at : at + width].ljust(width, "0"), 2) for at in range(0, len(text), width)])
        size = max(map(len, streams))
        descriptor = Descriptor(
            in_rows=self.in_rows,
            out_rows=self.out_rows,
            first_row=self.first_row,
            stream_words=size,
            shift=self.shift,
            relu=self.relu,
            keep=self.keep,
            bias_scale=self.bias_scale,
        )
        return [
            header(Opcode.LAYER),
            *self.map.merge(descriptor.pack()),
            *tree_section(config, runs, codes),
            *(value & 0xFFFF for value in self.codebook),
            *([] if self.keep else pack_lanes(np.array(self.biases), config.lanes)),
            *((stream + [0] * size)[word] for word in range(size) for stream in streams),
        ]


def random_layer(rng: random.Random, config: ArrayConfig, before: MapLayer | None) -> MapLayer:
    """A layer that keeps every address inside its own columns; after a `keep` one its sums go on."""
    channels, width, height = rng.randint(1, 3), rng.randint(1, 4), rng.randint(1, 4)
    classes_y, classes_x = rng.randint(1, 3), rng.randint(1, 3)
    local = rng.random() < 0.5
    maximum = rng.random() < 0.3
    flat = rng.random() < 0.2
    unit = 1 if local else config.pes
    class_columns = classes_x * channels * unit
    if before is not None and before.keep:
        out_height, out_width, out_channels = before.map.out_height, before.map.out_width, before.map.out_channels
        row_pitch, out_rows = before.map.row_pitch, before.out_rows
    else:
        out_height, out_width, out_channels = rng.randint(1, 4), rng.randint(1, 4), rng.randint(1, 2)
        row_pitch = out_width * out_channels
        out_rows = out_height * row_pitch
    channel_bits, column_bits = (out_channels - 1).bit_length(), rng.randint(0, 2)
    start = [rng.choice([0, 0, 1, 2, 1023]) for _ in range(2)]
    columns = classes_y * class_columns
    fully_connected = flat and rng.random() < 0.5
    if fully_connected:
        start = [0, 0]
    row = MapDescriptor(
        destination=rng.randrange(config.activation_depth),
        destination_step=rng.choice([out_channels, out_channels, rng.randrange(8)]),
        local=local,
        maximum=maximum,
        positive=rng.random() < 0.3,
        flat=flat,
        columns=columns,
        class_columns=class_columns,
        in_channels=channels,
        in_width=width,
        column_step=rng.choice([channels, channels, rng.randrange(1, 8)]),
        row_step=rng.choice([channels * width, channels * width, rng.randrange(20)]),
        classes_y=classes_y,
        classes_x=classes_x,
        advance_y=0 if fully_connected else rng.randint(0, 2),
        advance_x=0 if fully_connected else rng.randint(0, 2),
        start_y=start[0],
        start_x=start[1],
        out_channels=out_channels,
        out_height=out_height,
        out_width=out_width,
        row_pitch=row_pitch,
        channel_bits=channel_bits,
        column_bits=column_bits,
        limit=rng.choice([0, 0, rng.randint(1, 40), 32767]),
    )
    codebook = [0, *(rng.randint(-300, 300) for _ in range(config.code_symbols - 1))]
    steps = 1 if flat else min(8, 1 << column_bits + rng.randint(0, 2))
    most = out_rows if fully_connected else out_channels if flat else steps << channel_bits
    slices = [
        [_entries(rng, config, most, channel_bits, out_channels, flat) for _ in range(columns)]
        for _ in range(config.pes)
    ]
    return MapLayer(
        map=row,
        in_rows=min(
            rng.randint(max(1, channels * width * height - 2), channels * width * height), config.activation_depth
        ),
        out_rows=out_rows,
        first_row=rng.randrange(config.activation_depth),
        shift=rng.randint(0, 9),
        relu=rng.random() < 0.4,
        keep=rng.random() < 0.25,
        bias_scale=1 << rng.randrange(10),
        codebook=codebook,
        biases=[[rng.randint(-200, 200) for _ in range(config.pes)] for _ in range(out_channels)],
        slices=slices,
    )


def _entries(rng: random.Random, config: ArrayConfig, most: int, channel_bits: int, channels: int, flat: bool):
    """Entries in ascending local rows whose channel exists, with the fillers that their runs need."""
    density = rng.choice([0.0, 0.3, 0.8])
    entries: Entries = []
    before = -1
    for row in range(most):
        exists = flat or row & ((1 << channel_bits) - 1) < channels
        if not exists or rng.random() >= density:
            continue
        run = row - before - 1
        while run > config.max_run:
            entries.append((config.max_run, 0))
            run -= config.max_run + 1
        entries.append((run, rng.randrange(1, config.code_symbols)))
        before = row
    return entries


@dataclass
class Expected:
    """What a run must show."""

    cycles: int = 0
    broadcasts: int = 0
    stalls: int = 0
    overflow: bool = False
    counters: dict[str, list[int]] = field(default_factory=dict)
    outputs: list[list[int]] = field(default_factory=list)  # [row][pe]


class MapMachine:
    """Activation memories and accumulators of all PEs; layers run on them one by one."""

    def __init__(self, config: ArrayConfig):
        self.config = config
        self.memory = [[0] * config.activation_depth for _ in range(config.pes)]
        self.sums = [[0] * config.accumulators for _ in range(config.pes)]

    def run(self, layers: list[MapLayer]) -> Expected:
        """All layers; counters of the PEs start at 0."""
        pes = range(self.config.pes)
        names = ("entries", "fillers", "empty_slices", "pointer_reads", "accumulator_reads", "accumulator_writes")
        result = Expected(counters={name: [0] * self.config.pes for name in names})
        for layer in layers:
            self._run_layer(layer, result)
        last = layers[-1]
        depth = self.config.activation_depth
        rows = [(last.map.destination + row) % depth for row in range(last.out_rows)]
        result.outputs = [[self.memory[pe][row] & 0xFFFF for pe in pes] for row in rows]
        return result

    def _run_layer(self, layer: MapLayer, result: Expected) -> None:
        pes = range(self.config.pes)
        pushes = []
        for row, (base, y, x) in zip(self._source_rows(layer), self._scan(layer), strict=True):
            values = [self.memory[pe][row] for pe in pes]
            pending = [pe for pe in pes if self._counts(layer, values[pe])]
            if layer.map.local:
                for pe in pending:
                    self._slice(layer, pe, layer.slices[pe][base], values[pe], y, x, result)
                lengths = {pe: len(layer.slices[pe][base]) for pe in pending}
                pushes.append([[lengths]] if pending else [])
            else:
                result.broadcasts += len(pending)
                for source in pending:
                    for pe in pes:
                        self._slice(layer, pe, layer.slices[pe][base + source], values[source], y, x, result)
                lanes = [{pe: len(layer.slices[pe][base + source]) for pe in pes} for source in pending]
                size = self.config.broadcasts_per_cycle
                pushes.append([lanes[at : at + size] for at in range(0, len(lanes), size)])
        ended, stalls = schedule(self.config, pushes, layer.map.local)
        flush = 15
        result.cycles += ended + flush + (0 if layer.keep else layer.out_rows)
        result.stalls += stalls
        if not layer.keep:
            self._write_back(layer, result)

    @staticmethod
    def _counts(layer: MapLayer, value: int) -> bool:
        return layer.map.maximum or (value > 0 if layer.map.positive else value != 0)

    def _source_rows(self, layer: MapLayer) -> list[int]:
        """The local rows read, by the nesting of channel, column and row of the map."""
        geometry, depth = layer.map, self.config.activation_depth
        rows = []
        for number in range(layer.in_rows):
            position, channel = divmod(number, geometry.in_channels)
            line, column = divmod(position, geometry.in_width)
            row = layer.first_row + line * geometry.row_step + column * geometry.column_step + channel
            rows.append(row % depth)
        return rows

    def _scan(self, layer: MapLayer) -> list[tuple[int, int, int]]:
        """(column of PE 0 relative to the layer's first, y, x) of each row read."""
        geometry = layer.map
        unit = 1 if geometry.local else self.config.pes
        found = []
        for number in range(layer.in_rows):
            position, channel = divmod(number, geometry.in_channels)
            line, column = divmod(position, geometry.in_width)
            (more_y, class_y), (more_x, class_x) = divmod(line, geometry.classes_y), divmod(column, geometry.classes_x)
            base = class_y * geometry.class_columns + (class_x * geometry.in_channels + channel) * unit
            y, x = geometry.start_y + more_y * geometry.advance_y, geometry.start_x + more_x * geometry.advance_x
            found.append((base, y % 1024, x % 1024))
        return found

    def _slice(self, layer: MapLayer, pe: int, entries: Entries, value: int, y: int, x: int, result: Expected) -> None:
        geometry, counters = layer.map, result.counters
        counters["pointer_reads"][pe] += 1
        counters["empty_slices"][pe] += not entries
        row = -1
        for run, code in entries:
            row = (row + 1 + run) % (1 << 16)
            counters["entries"][pe] += 1
            if code == 0:
                counters["fillers"][pe] += 1
                continue
            channel, dx, dy = row, 0, 0
            if not geometry.flat:
                channel = row % (1 << geometry.channel_bits)
                step = row >> geometry.channel_bits
                dx, dy = step % (1 << geometry.column_bits), (step >> geometry.column_bits) % 32
            to_y, to_x = (y - dy) % 1024, (x - dx) % 1024
            if to_y >= geometry.out_height or to_x >= geometry.out_width:
                continue
            at = to_y * geometry.row_pitch + to_x * geometry.out_channels + channel
            assert at < layer.out_rows
            counters["accumulator_reads"][pe] += 1
            counters["accumulator_writes"][pe] += 1
            product = layer.codebook[code] * value
            if geometry.maximum:
                low = max(self.sums[pe][at] & 0xFFFF, (product + (1 << 15)) & 0xFFFF)
                self.sums[pe][at] += low - (self.sums[pe][at] & 0xFFFF)
            else:
                self._add(pe, at, product, result)

    def _add(self, pe: int, at: int, product: int, result: Expected) -> None:
        half = 1 << (self.config.accumulator_bits - 1)
        exact = self.sums[pe][at] + product
        self.sums[pe][at] = (exact + half) % (2 * half) - half
        result.overflow |= exact != self.sums[pe][at]

    def _write_back(self, layer: MapLayer, result: Expected) -> None:
        geometry, depth = layer.map, self.config.activation_depth
        for row in range(layer.out_rows):
            position, channel = divmod(row, geometry.out_channels)
            to = (geometry.destination + position * geometry.destination_step + channel) % depth
            for pe in range(self.config.pes):
                self._add(pe, row, layer.biases[channel][pe] * layer.bias_scale, result)
                value = (self.sums[pe][row] + (1 << layer.shift >> 1)) >> layer.shift
                value = max(-(1 << 15), min((1 << 15) - 1, value))
                if layer.relu:
                    value = max(0, value)
                if geometry.limit:
                    value = min(value, geometry.limit)
                self.memory[pe][to] = value
                self.sums[pe][row] = 0
                result.counters["accumulator_reads"][pe] += 1
                result.counters["accumulator_writes"][pe] += 1


def schedule(config: ArrayConfig, rows: list[list[list[dict[int, int]]]], local: bool) -> tuple[int, int]:
    """(last cycle of DRAIN, stalls) of a layer: section 8, and for local mode section 12.

    rows : per row read the groups of pushes that are decided in one cycle each; a push is the entries of its slice, by
        PE; PEs without an own activation are not in it.
    """
    pes, depth, lanes = range(config.pes), config.queue_depth, config.broadcasts_per_cycle
    decided: list[tuple[int, dict[int, int]]] = []  # (cycle, push)
    entered: list[list[tuple[int, int]]] = [[] for _ in pes]  # (cycle decided, last entry issued)
    cycle, stalls, ended = 4, 0, 0

    def has_room(pe: int) -> bool:
        waiting = sum(1 for at, done in entered[pe] if at < cycle - 5 and done >= cycle - 1)
        if local:
            waiting += sum(1 for at, push in decided if cycle - 3 <= at or (cycle - 5 <= at and pe in push))
        else:
            waiting += sum(1 for at, _ in decided if cycle - 5 <= at)
        return waiting <= depth - lanes

    for groups in rows:
        for group in groups:
            while not all(has_room(pe) for pe in pes):
                cycle, stalls = cycle + 1, stalls + 1
            for push in group:
                decided.append((cycle, push))
                for pe, length in push.items():
                    if config.skip_empty_slices and not length:
                        continue
                    before = entered[pe][-1][1] if entered[pe] else 0
                    entered[pe].append((cycle, max(before, cycle + 5) + max(length, 1)))
            cycle += 1
        cycle += not groups
        ended = cycle - 1
    last = max((done for slices in entered for _, done in slices), default=0)
    last_push = decided[-1][0] + 5 if decided else 0
    return max(ended + 1, last_push, 1 + last), stalls
