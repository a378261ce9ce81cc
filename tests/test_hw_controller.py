"""The central control unit against the recurrence of docs/architecture.md, section 8, with PEs written in Python."""

import random
from collections import deque
from dataclasses import dataclass, field

import pytest
from amaranth.sim import Simulator

from hw.controller import Controller
from model.config import ArrayConfig
from model.layouts import FLUSH_CYCLES, ControlState

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


@dataclass
class Layer:
    """in_rows, out_rows; entries[pe][column] of work; activations after the layer: outputs[pe][row]."""

    in_rows: int
    out_rows: int
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
    current: int = 0
    pending: bool = False
    arriving: int | None = None
    queue: deque[int] = field(default_factory=deque)
    writes: deque[int | None] = field(default_factory=lambda: deque([None] * FLUSH_CYCLES))

    def step(self, read, read_row, take, clear, broadcast, layer, bank, write_back) -> None:
        """One clock edge."""
        if self.queue:
            self.queue[0] -= 1
            if not self.queue[0]:
                self.queue.popleft()
        if self.arriving is not None:
            self.queue.append(self.arriving)
        self.arriving = None
        if broadcast.valid:
            column = broadcast.pointer - self.layers[layer].pointer_base
            self.arriving = max(1, self.layers[layer].entries[self.number][column])
        if take:
            self.current, self.pending = self.read_data, self.read_data != 0
        elif clear:
            self.pending = False
        if read:
            in_memory = read_row < CONFIG.activation_depth  # a row past the end may be presented, but not taken
            self.read_data = self.banks[bank][read_row] if in_memory else 0xBAD
        self.writes.append(write_back.row if write_back.valid else None)
        row = self.writes.popleft()
        if row is not None:
            self.banks[1 - bank][row] = self.layers[layer].outputs[self.number][row]


def random_layers(rng: random.Random, count: int) -> list[Layer]:
    layers = []
    pointer_base, bias_base, in_rows = 0, CONFIG.bias_base, rng.randint(1, CONFIG.activation_depth)
    density, work = rng.choice([0.0, 0.2, 0.6, 1.0]), rng.choice([0, 1, 6])
    for _ in range(count):
        out_rows = rng.randint(1, CONFIG.activation_depth)
        columns = in_rows * CONFIG.pes
        layers.append(
            Layer(
                in_rows,
                out_rows,
                pointer_base,
                bias_base,
                [[rng.randint(0, work) for _ in range(columns)] for _ in range(CONFIG.pes)],
                [
                    [rng.randint(1, 0xFFFF) if rng.random() < density else 0 for _ in range(out_rows)]
                    for _ in range(CONFIG.pes)
                ],
            )
        )
        pointer_base, bias_base, in_rows = pointer_base + columns + 1, bias_base + out_rows, out_rows
    return layers


def recurrence(layer: Layer, inputs: list[list[int]]) -> tuple[int, list[tuple[int, int]], int]:
    """(cycles, broadcasts as (activation, pointer), stalls) of one layer from section 8."""
    pes, depth = CONFIG.pes, CONFIG.queue_depth
    active = [(row, pe) for row in range(layer.in_rows) for pe in range(pes) if inputs[pe][row]]
    decided: list[int] = []
    finished: list[list[int]] = []
    stalls, last_row = 0, -1
    for number, (row, pe) in enumerate(active):
        zero_rows = max(0, row - last_row - 1)
        earliest = (decided[-1] + 1 if decided else 2) + zero_rows
        room = 1 + max(finished[number - depth]) if number >= depth else 0
        decided.append(max(earliest, room))
        stalls += decided[-1] - earliest
        before = finished[-1] if finished else [0] * pes
        work = [max(layer.entries[k][row * pes + pe], 1) for k in range(pes)]
        finished.append([max(before[k], decided[-1] + 2) + work[k] for k in range(pes)])
        last_row = row
    exhausted = decided[-1] + layer.in_rows - 1 - last_row if decided else 1 + layer.in_rows
    drained = max([exhausted + 1, *(1 + finish for finish in (finished[-1] if finished else []))])
    broadcasts = [(inputs[pe][row], layer.pointer_base + row * pes + pe) for row, pe in active]
    return drained + layer.out_rows + 10, broadcasts, stalls


def run_network(layers: list[Layer], inputs: list[list[int]], rng: random.Random) -> None:
    dut = Controller(CONFIG)
    padding = [[0] * CONFIG.activation_depth for _ in range(CONFIG.pes)]
    peers = [PePeer(pe, layers, [inputs[pe] + padding[pe][len(inputs[pe]) :], padding[pe]]) for pe in range(CONFIG.pes)]
    broadcasts, addresses, unloaded, refused = [], [], [], []
    states: list[int] = []

    async def cycle(ctx):
        broadcast = ctx.get(dut.broadcast)
        pending = [pe for pe, peer in enumerate(peers) if peer.pending]
        nonzero = {"valid": bool(pending), "more": len(pending) > 1}
        if pending:
            nonzero |= {"index": pending[0], "activation": peers[pending[0]].current}
        held = [len(peer.queue) + (peer.arriving is not None) for peer in peers]
        ctx.set(dut.nonzero, nonzero)
        ctx.set(dut.full, sum((n + broadcast.valid >= CONFIG.queue_depth) << pe for pe, n in enumerate(held)))
        ctx.set(dut.queue_empty, sum((not n) << pe for pe, n in enumerate(held)))
        ctx.set(dut.row_done, ctx.get(dut.unload_row) & rng.choice([0, 1, 1]))
        states.append(ctx.get(dut.state))
        write_back = ctx.get(dut.write_back)
        if broadcast.valid:
            broadcasts.append((broadcast.activation, broadcast.pointer))
        if write_back.valid:
            addresses.append(write_back.address)
        if ctx.get(dut.row_done):
            unloaded.append(([peer.current for peer in peers], ctx.get(dut.last_row)))
        refused.append(ctx.get(dut.start_refused))
        read, read_row, take = ctx.get(dut.read), ctx.get(dut.read_row), ctx.get(dut.take)
        layer = ctx.get(dut.layer)
        clear = ctx.get(dut.clear)
        await ctx.tick()
        for pe, peer in enumerate(peers):
            peer.step(read, read_row, take, clear >> pe & 1, broadcast, layer.layer, layer.bank, write_back)

    async def bench(ctx):
        for number, layer in enumerate(layers):
            entry = {
                "in_rows": layer.in_rows,
                "out_rows": layer.out_rows,
                "pointer_base": layer.pointer_base,
                "bias_base": layer.bias_base,
            }
            ctx.set(dut.layer_write, {"valid": 1, "address": number, "entry": entry})
            await ctx.tick()
        ctx.set(dut.layer_write.valid, 0)
        ctx.set(dut.layers, len(layers))
        while ctx.get(dut.state) != ControlState.IDLE:
            await ctx.tick()
        for waiting in (0, 1):
            ctx.set(dut.loader_waiting, waiting)
            ctx.set(dut.start_strobe, 1)
            await cycle(ctx)
        ctx.set(dut.start_strobe, 0)
        while ctx.get(dut.state) != ControlState.IDLE:
            await cycle(ctx)
        wanted = [recurrence(layer, source) for layer, source in zip(layers, [inputs, *outputs], strict=False)]
        assert refused[:2] == [1, 0]
        assert broadcasts == [pair for _, pairs, _ in wanted for pair in pairs]
        assert ctx.get(dut.broadcasts) == len(broadcasts)
        assert ctx.get(dut.stalls) == sum(stalls for _, _, stalls in wanted)
        assert ctx.get(dut.cycles) == sum(cycles for cycles, _, _ in wanted)
        assert sum(ControlState.PREFETCH_0 <= state <= ControlState.FLUSH for state in states) == ctx.get(dut.cycles)
        assert ctx.get(dut.done) == 1
        assert ctx.get(dut.layer_number) == len(layers) - 1
        assert addresses == [layer.bias_base + row for layer in layers for row in range(layer.out_rows)]
        last = layers[-1].out_rows - 1
        assert unloaded == [([column[row] for column in outputs[-1]], row == last) for row in range(last + 1)]

    outputs = [layer.outputs for layer in layers]
    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("seed", range(25))
def test_a_network_takes_the_cycles_of_the_recurrence(seed: int):
    rng = random.Random(seed)
    layers = random_layers(rng, rng.randint(1, CONFIG.layers))
    density = rng.choice([0.0, 0.3, 0.7, 1.0])
    inputs = [
        [rng.randint(1, 0xFFFF) if rng.random() < density else 0 for _ in range(layers[0].in_rows)]
        for _ in range(CONFIG.pes)
    ]
    run_network(layers, inputs, rng)


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
