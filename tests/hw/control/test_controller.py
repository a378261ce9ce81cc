"""The central control unit against the recurrence of architecture.md, section 8, with PEs written in Python."""

import itertools
import random
from collections import deque
from dataclasses import dataclass, field

import pytest
from amaranth.sim import Simulator

from hw.control.controller import Controller
from model.config import ArrayConfig
from model.layouts import FLUSH_CYCLES, RUNNING_STATES, ControlState

CONFIG = ArrayConfig(
    pes=3,
    queue_depth=2,
    row_bits=32,
    sparse_matrix_depth=8,
    pointer_depth=60,
    activation_depth=5,
    constant_depth=70,
    stream_bits=32,
    layers=3,
)
DOUBLE = CONFIG.with_(pes=5, queue_depth=4, pointer_depth=100, broadcasts_per_cycle=2)


@dataclass
class Layer:
    """in_rows, out_rows; entries[pe][column] of work; activations after the layer: outputs[pe][row], none with keep."""

    in_rows: int
    out_rows: int
    first_row: int
    keep: bool
    pointer_base: int
    bias_base: int
    entries: list[list[int]]
    outputs: list[list[int]]


@dataclass
class PePeer:
    """What the controller sees of a PE: activation memory, queue and write-back pipeline, no arithmetic."""

    number: int
    layers: list[Layer]
    banks: list[list[int]]
    read_data: int = 0
    ahead: int = 0
    current: int = 0
    pending: bool = False
    arriving: deque[list[int]] = field(default_factory=lambda: deque([[], []]))
    issuing: int = 0
    queue: deque[int] = field(default_factory=deque)
    writes: deque[int | None] = field(default_factory=lambda: deque([None] * FLUSH_CYCLES))

    def step(self, read, read_row, shift, take, clear, broadcast, layer, bank, write_back) -> None:
        """One clock edge."""
        self.issuing = max(0, self.issuing - 1)
        if not self.issuing and self.queue:
            self.issuing = self.queue.popleft()
        self.queue.extend(self.arriving.popleft())
        columns = [lane.pointer - self.layers[layer].pointer_base for lane in broadcast if lane.valid]
        self.arriving.append([max(1, self.layers[layer].entries[self.number][column]) for column in columns])
        if take:
            self.pending = (self.read_data if shift else self.ahead) != 0
        elif clear:
            self.pending = False
        if shift:
            self.current, self.ahead = self.ahead, self.read_data
        if read:
            assert read_row < CONFIG.activation_depth
            self.read_data = self.banks[bank][read_row]
        self.writes.append(write_back.row if write_back.valid else None)
        row = self.writes.popleft()
        if row is not None:
            assert not self.layers[layer].keep
            self.banks[1 - bank][row] = self.layers[layer].outputs[self.number][row]


def random_layers(rng: random.Random, config: ArrayConfig, count: int) -> list[Layer]:
    """Layers that read what the one before wrote; some are column tiles of the next."""
    layers = []
    pointer_base, bias_base, rows = 0, config.bias_base, rng.randint(1, config.activation_depth)
    density, work = rng.choice([0.0, 0.2, 0.6, 1.0]), rng.choice([0, 1, 6])
    out_rows, first_row = rng.randint(1, config.activation_depth), 0
    for number in range(count):
        keep = number < count - 1 and rows - first_row > 1 and rng.random() < 0.5
        in_rows = rng.randint(1, rows - first_row - 1) if keep else rows - first_row
        columns = in_rows * config.pes
        layers.append(
            Layer(
                in_rows,
                out_rows,
                first_row,
                keep,
                pointer_base,
                bias_base,
                [[rng.randint(0, work) for _ in range(columns)] for _ in range(config.pes)],
                [
                    [rng.randint(1, 0xFFFF) if rng.random() < density else 0 for _ in range(out_rows)]
                    for _ in range(config.pes)
                ],
            )
        )
        pointer_base, bias_base = pointer_base + columns + 1, bias_base + (0 if keep else out_rows)
        if keep:
            first_row += in_rows
        else:
            first_row, rows, out_rows = 0, out_rows, rng.randint(1, config.activation_depth)
    return layers


def in_groups(items: list[int], size: int) -> list[list[int]]:
    """Consecutive groups of `size`, the last may be shorter."""
    return [items[at : at + size] for at in range(0, len(items), size)]


def recurrence(config: ArrayConfig, layer: Layer, inputs: list[list[int]]) -> tuple[int, list[tuple[int, int]], int]:
    """(cycles, broadcasts as (activation, pointer), stalls) of one layer from section 8."""
    pes, room = config.pes, config.queue_depth - config.broadcasts_per_cycle
    rows = [[values[layer.first_row + row] for values in inputs] for row in range(layer.in_rows)]
    groups = []
    for row, values in enumerate(rows):
        active = [pe for pe, value in enumerate(values) if value]
        groups += [(row, group) for group in in_groups(active, config.broadcasts_per_cycle)]
    decided = -1
    finished: list[list[int]] = []  # of every active column
    stalls, last_row = 0, -1
    for row, group in groups:
        zero_rows = max(0, row - last_row - 1)
        earliest = (decided + 1 if finished else 4) + zero_rows
        first = len(finished)
        enough = 2 + max(finished[first - room - 1]) if first > room else 0
        decided = max(earliest, enough)
        stalls += decided - earliest
        for pe in group:
            before = finished[-1] if finished else [0] * pes
            work = [max(layer.entries[k][row * pes + pe], 1) for k in range(pes)]
            finished.append([max(before[k], decided + 5) + work[k] for k in range(pes)])
        last_row = row
    exhausted = decided + layer.in_rows - 1 - last_row if finished else 3 + layer.in_rows
    drained = max([exhausted + 1, *(1 + finish for finish in (finished[-1] if finished else []))])
    broadcasts = [(rows[row][pe], layer.pointer_base + row * pes + pe) for row, group in groups for pe in group]
    return drained + 10 + (0 if layer.keep else layer.out_rows), broadcasts, stalls


class Run:
    """A controller with its peers; `cycle` is one clock cycle, in which everything that happens is noted."""

    def __init__(self, config: ArrayConfig, layers: list[Layer], inputs: list[list[int]], rng: random.Random):
        self.config, self.layers, self.rng = config, layers, rng
        self.dut = Controller(config)
        padding = [[0] * config.activation_depth for _ in range(config.pes)]
        banks = [[inputs[pe] + padding[pe][len(inputs[pe]) :], padding[pe]] for pe in range(config.pes)]
        self.peers = [PePeer(pe, layers, banks[pe]) for pe in range(config.pes)]
        self.broadcasts: list[tuple[int, int]] = []
        self.addresses: list[int] = []
        self.unloaded: list[tuple[list[int], int]] = []
        self.refused: list[int] = []
        self.finishes = self.running = 0

    async def cycle(self, ctx) -> None:
        dut, peers, lanes = self.dut, self.peers, self.config.broadcasts_per_cycle
        broadcast = ctx.get(dut.broadcast)
        coming = ctx.get(dut.coming)
        pending = [pe for pe, peer in enumerate(peers) if peer.pending]
        nonzero = [{"valid": 1, "index": pe} for pe in pending[:lanes]]
        absent = [{"valid": 0, "index": 0}] * (lanes - len(nonzero))
        ctx.set(dut.nonzero, {"lanes": nonzero + absent, "more": len(pending) > lanes})
        ctx.set(dut.chosen, sum(1 << pe for pe in pending[:lanes]))
        ctx.set(dut.current, [peer.current for peer in peers])
        sent = sum(lane.valid for lane in broadcast)
        held = [len(peer.queue) + (peer.issuing > 0) + sum(map(len, peer.arriving)) + sent for peer in peers]
        rooms = [self.config.queue_depth - lanes - n for n in held]
        ctx.set(dut.full, [sum((behind > room) << behind for behind in range(2 * lanes + 1)) for room in rooms])
        assert coming == sum(lane.valid for lane in ctx.get(dut.selected).lanes)
        ctx.set(dut.queue_empty, sum((not n) << pe for pe, n in enumerate(held)))
        ctx.set(dut.row_done, ctx.get(dut.unload_row) & self.rng.choice([0, 1, 1]))
        self.running += ctx.get(dut.state) in RUNNING_STATES
        self.finishes += ctx.get(dut.finished)
        write_back = ctx.get(dut.write_back)
        self.broadcasts += [(lane.activation, lane.pointer) for lane in broadcast if lane.valid]
        if write_back.valid:
            self.addresses.append(write_back.address)
        if ctx.get(dut.row_done):
            self.unloaded.append(([peer.current for peer in peers], ctx.get(dut.last_row)))
        self.refused.append(ctx.get(dut.start_refused))
        layer, clear = ctx.get(dut.layer), ctx.get(dut.clear)
        read, read_row, shift, take = (ctx.get(port) for port in (dut.read, dut.read_row, dut.shift, dut.take))
        if ctx.get(dut.computing):
            assert layer.out_rows == peers[0].layers[layer.layer].out_rows
        await ctx.tick()
        for pe, peer in enumerate(peers):
            peer.step(read, read_row, shift, take, clear >> pe & 1, broadcast, layer.layer, layer.bank, write_back)

    async def load(self, ctx, first: int, last: int) -> None:
        """Layers first .. last-1 to the layer table's beginning; the peers number them from 0 as well."""
        for number, layer in enumerate(self.layers[first:last]):
            names = ("in_rows", "out_rows", "first_row", "keep", "pointer_base", "bias_base")
            entry = {name: int(getattr(layer, name)) for name in names}
            ctx.set(self.dut.layer_write, {"valid": 1, "address": number, "entry": entry})
            await ctx.tick()
        ctx.set(self.dut.layer_write.valid, 0)
        ctx.set(self.dut.layers, last - first)
        for peer in self.peers:
            peer.layers = self.layers[first:last]

    async def start(self, ctx, resume: bool = False, hold: bool = False) -> None:
        """A start strobe and the run it begins, to its end in IDLE."""
        ctx.set(self.dut.resume, resume)
        ctx.set(self.dut.hold, hold)
        ctx.set(self.dut.start_strobe, 1)
        await self.cycle(ctx)
        ctx.set(self.dut.start_strobe, 0)
        ctx.set(self.dut.hold, not hold)
        for _ in range(20_000):
            if ctx.get(self.dut.state) == ControlState.IDLE:
                return
            await self.cycle(ctx)
        raise AssertionError("still running after 20,000 cycles")

    def simulate(self, program) -> None:
        async def bench(ctx):
            for _ in range(self.config.activation_depth):
                await ctx.tick()
            assert ctx.get(self.dut.state) == ControlState.IDLE
            await program(ctx)

        simulator = Simulator(self.dut)
        simulator.add_clock(1e-8)
        simulator.add_testbench(bench)
        simulator.run()

    def check(self, ctx, inputs: list[list[int]]) -> None:
        """Everything noted and counted over all layers, which may have been several runs."""
        wanted, source = [], inputs
        for layer in self.layers:
            wanted.append(recurrence(self.config, layer, source))
            source = source if layer.keep else layer.outputs
        assert self.broadcasts == [pair for _, pairs, _ in wanted for pair in pairs]
        assert ctx.get(self.dut.broadcasts) == len(self.broadcasts)
        assert ctx.get(self.dut.stalls) == sum(stalls for _, _, stalls in wanted)
        assert ctx.get(self.dut.cycles) == self.running == sum(cycles for cycles, _, _ in wanted)
        assert ctx.get(self.dut.done) == 1
        rows = [(layer, row) for layer in self.layers if not layer.keep for row in range(layer.out_rows)]
        assert self.addresses == [layer.bias_base + row for layer, row in rows]


def random_inputs(rng: random.Random, config: ArrayConfig, layers: list[Layer]) -> list[list[int]]:
    density = rng.choice([0.0, 0.3, 0.7, 1.0])
    rows = sum(layer.in_rows for layer in itertools.takewhile(lambda layer: layer.keep, layers))
    rows += next(layer.in_rows for layer in layers if not layer.keep)
    return [[rng.randint(1, 0xFFFF) if rng.random() < density else 0 for _ in range(rows)] for _ in range(config.pes)]


@pytest.mark.parametrize("config", [CONFIG, DOUBLE], ids=["one", "two"])
@pytest.mark.parametrize("seed", range(25))
def test_a_network_takes_the_cycles_of_the_recurrence(seed: int, config: ArrayConfig):
    rng = random.Random(seed)
    layers = random_layers(rng, config, rng.randint(1, config.layers))
    inputs = random_inputs(rng, config, layers)
    run = Run(config, layers, inputs, rng)

    async def program(ctx):
        await run.load(ctx, 0, len(layers))
        ctx.set(run.dut.start_strobe, 1)
        ctx.set(run.dut.loader_waiting, 0)
        await run.cycle(ctx)
        ctx.set(run.dut.loader_waiting, 1)
        await run.start(ctx)
        run.check(ctx, inputs)
        assert run.refused[:2] == [1, 0]
        assert run.finishes == 1
        assert ctx.get(run.dut.layer_number) == len(layers) - 1
        last = layers[-1].out_rows - 1
        columns = layers[-1].outputs
        assert run.unloaded == [([column[row] for column in columns], row == last) for row in range(last + 1)]

    run.simulate(program)


@pytest.mark.parametrize("seed", range(8))
def test_a_network_in_passes_is_held_and_resumed(seed: int):
    """Every layer is a run of its own: bank and counters go on, only the last one unloads."""
    rng = random.Random(seed)
    layers = random_layers(rng, CONFIG, CONFIG.layers)
    inputs = random_inputs(rng, CONFIG, layers)
    run = Run(CONFIG, layers, inputs, rng)

    async def program(ctx):
        ctx.set(run.dut.loader_waiting, 1)
        for number in range(len(layers)):
            last = number == len(layers) - 1
            await run.load(ctx, number, number + 1)
            assert run.finishes == number
            await run.start(ctx, resume=number > 0, hold=not last)
            assert bool(run.unloaded) == last
        assert run.finishes == len(layers)
        run.check(ctx, inputs)
        await run.start(ctx, hold=True)
        assert ctx.get(run.dut.cycles) < run.running, "a start without resume begins counting anew"
        assert ctx.get(run.dut.bank) == (not layers[-1].keep)

    run.simulate(program)


def test_after_reset_every_accumulator_is_written_once():
    dut = Controller(CONFIG)

    async def bench(ctx):
        ctx.set(dut.start_strobe, 1)
        ctx.set(dut.loader_waiting, 1)
        ctx.set(dut.layers, 1)
        for row in range(CONFIG.activation_depth):
            assert ctx.get(dut.state) == ControlState.CLEAR
            write_back = ctx.get(dut.write_back)
            assert (write_back.valid, write_back.row, write_back.address) == (1, row, 0)
            assert ctx.get(dut.start_refused) == 1
            await ctx.tick()
        assert ctx.get(dut.state) == ControlState.IDLE
        assert ctx.get(dut.write_back.valid) == 0
        ctx.set(dut.layers, 0)
        assert ctx.get(dut.start_refused) == 1
        ctx.set(dut.layers, 1)
        assert (ctx.get(dut.start), ctx.get(dut.start_refused)) == (1, 0)

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
