"""A loader between a host that pauses at random and decoders in Python, and packets to feed it."""

import random

import numpy as np
from amaranth.sim import Simulator

from hw.control.loader import Loader
from model.config import ArrayConfig
from model.layouts import Descriptor, LoaderState, Opcode, header
from tests.support.images.random_images import pack_lanes

CONFIG = ArrayConfig(
    pes=6,
    code_bits=2,
    index_bits=2,
    row_bits=32,
    sparse_matrix_depth=8,
    pointer_depth=40,
    activation_depth=5,
    constant_depth=20,
    max_code_length=4,
    stream_bits=64,
    layers=3,
)
GOOD = Descriptor(in_rows=3, out_rows=4, first_row=2, stream_words=2, shift=31, relu=True, keep=False, bias_scale=4096)

ENTRY = ("in_rows", "out_rows", "first_row", "pointer_base", "bias_base", "shift", "relu", "keep", "bias_scale")


def row_words(rows: list[list[int]]) -> list[int]:
    """Stream words of local rows of all PEs."""
    return pack_lanes(np.array(rows), CONFIG.lanes)


class LayerPacket:
    """A LAYER packet of random content, and what must come of it."""

    def __init__(self, rng: random.Random, descriptor: Descriptor = GOOD):
        def numbers(count, width=16):
            return [rng.getrandbits(width) for _ in range(count)]

        self.descriptor = descriptor
        self.tree = numbers(CONFIG.tree_words, 2 + CONFIG.node_bits)
        self.codebook = numbers(CONFIG.code_symbols)
        self.biases = [numbers(CONFIG.pes) for _ in range(0 if descriptor.keep else descriptor.out_rows)]
        self.codes = numbers(descriptor.stream_words * CONFIG.pes, CONFIG.stream_bits)

    def words(self) -> list[int]:
        return [
            header(Opcode.LAYER),
            *self.descriptor.pack(),
            *self.tree,
            *self.codebook,
            *(row_words(self.biases) if self.biases else []),
            *self.codes,
        ]


class Bench:
    """A loader between a host that pauses at random and decoders in Python."""

    def __init__(self, seed: int = 0, pauses: float = 0.3, config: ArrayConfig = CONFIG):
        self.dut = Loader(config)
        self.rng = random.Random(seed)
        self.pauses = pauses
        self.tree: dict[int, int] = {}
        self.constants = [{} for _ in range(CONFIG.pes)]
        self.activations = [{} for _ in range(CONFIG.pes)]
        self.codes: list[list[int]] = [[] for _ in range(CONFIG.pes)]
        self.layers: list[tuple[int, dict]] = []
        self.loads = self.begins = 0
        self.load_accepted = False
        self.busy_cycles = 0

    async def cycle(self, ctx) -> bool:
        """One clock cycle; whether the input word was taken."""
        dut = self.dut
        ready = [self.rng.random() > self.pauses for _ in range(CONFIG.pes)]
        ctx.set(dut.word_ready, sum(bit << pe for pe, bit in enumerate(ready)))
        ctx.set(dut.decoder_busy, 1 << 4 if self.busy_cycles else 0)
        taken = bool(ctx.get(dut.i.valid) and ctx.get(dut.i.ready))
        payload = ctx.get(dut.i.payload)
        tree, layer = ctx.get(dut.tree_write), ctx.get(dut.layer_write)
        if tree.valid:
            assert taken
            self.tree[tree.address] = tree.data
        for port, memories in ((dut.constant_write, self.constants), (dut.activation_write, self.activations)):
            write = ctx.get(port)
            for pe in range(CONFIG.pes):
                if write.groups >> pe // CONFIG.lanes & 1:
                    assert taken
                    memories[pe][write.address] = write.data[pe % CONFIG.lanes]
        valid = ctx.get(dut.word_valid)
        assert valid.bit_count() <= 1
        for pe in range(CONFIG.pes):
            if valid >> pe & 1:
                assert ctx.get(dut.i.valid)
                assert taken == ready[pe]
                if taken:
                    self.codes[pe].append(payload)
        if layer.valid:
            assert not self.busy_cycles, "a layer is there before it is decoded"
            entry = layer.entry
            self.layers.append((layer.address, {name: entry[name] for name in ENTRY}))
        assert ctx.get(dut.load) == self.load_accepted
        self.loads += self.load_accepted
        opens = taken and ctx.get(dut.state) == LoaderState.HEADER and payload & 0xFF == Opcode.LOAD
        self.load_accepted = opens and not ctx.get(dut.soft_reset)
        if ctx.get(dut.begin_codes):
            self.begins += 1
            self.busy_cycles = self.rng.randint(10, 40)
        if ctx.get(dut.stream_ended):
            self.busy_cycles = max(0, self.busy_cycles - 1)
        await ctx.tick()
        return taken

    async def send(self, ctx, words: list[int], last: int | None = None) -> None:
        """All words; the one at position `last` is marked as the end of the transfer."""
        for position, word in enumerate(words):
            ctx.set(self.dut.last, position == last)
            while self.rng.random() < self.pauses:
                ctx.set(self.dut.i.valid, 0)
                await self.cycle(ctx)
            ctx.set(self.dut.i.payload, word)
            ctx.set(self.dut.i.valid, 1)
            for _ in range(200):
                if await self.cycle(ctx):
                    break
            else:
                raise AssertionError(f"word {word:#x} was not taken in state {ctx.get(self.dut.state)}")
        ctx.set(self.dut.i.valid, 0)
        ctx.set(self.dut.last, 0)

    async def settle(self, ctx) -> None:
        for _ in range(100):
            if ctx.get(self.dut.state) in (LoaderState.HEADER, LoaderState.ERROR):
                return
            await self.cycle(ctx)
        raise AssertionError(f"still in state {ctx.get(self.dut.state)}")

    def run(self, program) -> None:
        async def bench(ctx):
            ctx.set(self.dut.control_waiting, 1)
            await program(ctx)

        simulator = Simulator(self.dut)
        simulator.add_clock(1e-8)
        simulator.add_testbench(bench)
        simulator.run()
