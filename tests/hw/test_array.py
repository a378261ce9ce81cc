"""The whole array in Amaranth's own simulator: a network in, its outputs, cycles and counters out."""

import random

import numpy as np
import pytest
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator

from hw.array import Array
from hw.pe.processing_element import ProcessingElement
from model.config import ArrayConfig
from model.fixed_point import layer_reference
from model.layouts import (
    CODE_ALPHABET,
    RUN_ALPHABET,
    Descriptor,
    LoaderState,
    Opcode,
    TreeKind,
    array_debug_fields,
    header,
    tree_address,
    tree_word,
)
from model.registers import ADDRESS, ID_VALUE, READ_LATENCY, Error, PeCounter
from tests.support.images.random_images import pack_lanes

CONFIG = ArrayConfig(
    pes=6,
    queue_depth=3,
    code_bits=2,
    index_bits=1,
    row_bits=7,
    sparse_matrix_depth=100,
    pointer_depth=64,
    activation_depth=5,
    constant_depth=25,
    stream_bits=64,
    max_code_length=3,
    layers=2,
)


def two_bit_trees() -> list[int]:
    """The TREE section of codes of 2 bits: the root, then nodes 1 and 2."""
    words = [0] * CONFIG.tree_words
    for alphabet, symbols in ((RUN_ALPHABET, CONFIG.run_symbols), (CODE_ALPHABET, CONFIG.code_symbols)):
        for symbol in range(symbols):
            node = 1 + (symbol >> 1)
            words[tree_address(CONFIG, alphabet, 0, symbol >> 1)] = tree_word(TreeKind.NODE, node)
            end = alphabet == RUN_ALPHABET and symbol == CONFIG.end_symbol
            word = tree_word(TreeKind.END) if end else tree_word(TreeKind.SYMBOL, symbol)
            words[tree_address(CONFIG, alphabet, node, symbol & 1)] = word
    return words


class Network:
    """Random layers, laid out for the array with fixed-length codes: 2 bits for a run or end, 2 for a code."""

    def __init__(self, rng: random.Random, shapes: list[tuple[int, int]], density: float):
        self.shapes = shapes
        self.weights, self.biases, self.codebooks, self.words = [], [], [], [header(Opcode.LOAD)]
        self.entries = [0] * CONFIG.pes
        for number, (in_rows, out_rows) in enumerate(shapes):
            codebook = [0, *(rng.randint(-300, 300) for _ in range(3))]
            codes = np.array(
                [
                    [rng.randint(1, 3) if rng.random() < density else 0 for _ in range(in_rows * CONFIG.pes)]
                    for _ in range(out_rows * CONFIG.pes)
                ]
            )
            biases = [rng.randint(-100, 100) for _ in range(out_rows * CONFIG.pes)]
            self.weights.append(np.array(codebook, dtype=np.int16)[codes])
            self.biases.append(np.array(biases, dtype=np.int16))
            self.words += self.layer_words(in_rows, out_rows, self.relu(number), codebook, codes, biases)

    def relu(self, layer: int) -> bool:
        return layer < len(self.shapes) - 1

    def layer_words(self, in_rows, out_rows, relu, codebook, codes, biases) -> list[int]:
        streams = [self.stream(codes[pe :: CONFIG.pes], pe) for pe in range(CONFIG.pes)]
        size = max(1, *(-(-len(bits) // CONFIG.stream_bits) for bits in streams))
        padded = [int(bits.ljust(size * CONFIG.stream_bits, "0"), 2) for bits in streams]
        shifts = [CONFIG.stream_bits * (size - 1 - word) for word in range(size)]
        mask = (1 << CONFIG.stream_bits) - 1
        descriptor = Descriptor(
            in_rows=in_rows,
            out_rows=out_rows,
            first_row=0,
            stream_words=size,
            shift=6,
            relu=relu,
            keep=False,
            bias_scale=16,
        )
        return [
            header(Opcode.LAYER),
            *descriptor.pack(),
            *two_bit_trees(),
            *(value & 0xFFFF for value in codebook),
            *row_words(biases),
            *(padded[pe] >> shift & mask for shift in shifts for pe in range(CONFIG.pes)),
        ]

    def stream(self, codes, pe: int) -> str:
        """The code bits of one PE's slices (local rows x columns)."""
        bits = ""
        for column in codes.T:
            run = 0
            for code in column:
                if code:
                    while run > CONFIG.max_run:
                        bits += f"{CONFIG.max_run:02b}{0:02b}"
                        run -= CONFIG.max_run + 1
                        self.entries[pe] += 1
                    bits += f"{run:02b}{code:02b}"
                    self.entries[pe] += 1
                    run = 0
                else:
                    run += 1
            bits += f"{CONFIG.end_symbol:02b}"
        return bits

    def run(self, activations: list[int]) -> list[int]:
        values = np.array(activations, dtype=np.int16)
        for number, (weights, biases) in enumerate(zip(self.weights, self.biases, strict=True)):
            values, _ = layer_reference(weights, biases, 16, values, 6, self.relu(number), CONFIG.accumulator_bits)
        return [int(value) & 0xFFFF for value in values]


def row_words(values: list[int]) -> list[int]:
    """Stream words of local rows of all PEs."""
    return pack_lanes(np.array(values), CONFIG.lanes)


class Host:
    def __init__(self, dut: Array, rng: random.Random):
        self.dut, self.rng = dut, rng

    async def send(self, ctx, words: list[int]) -> None:
        for word in words:
            ctx.set(self.dut.i.valid, 0)
            if self.rng.random() < 0.2:
                await ctx.tick()
            ctx.set(self.dut.i.payload, word)
            ctx.set(self.dut.i.valid, 1)
            await ctx.tick().until(self.dut.i.ready)
        ctx.set(self.dut.i.valid, 0)

    async def write(self, ctx, name: str, value: int) -> None:
        ctx.set(self.dut.reg_address, ADDRESS[name])
        ctx.set(self.dut.reg_write_data, value)
        ctx.set(self.dut.reg_write, 1)
        await ctx.tick()
        ctx.set(self.dut.reg_write, 0)

    async def read(self, ctx, name: str) -> int:
        ctx.set(self.dut.reg_address, ADDRESS[name])
        await ctx.tick().repeat(READ_LATENCY)
        return ctx.get(self.dut.reg_read_data)

    async def collect(self, ctx) -> list[int]:
        values, offered = [], None
        for _ in range(5000):
            ready = self.rng.choice([0, 1])
            ctx.set(self.dut.o.ready, ready)
            payload = ctx.get(self.dut.o.payload) if ctx.get(self.dut.o.valid) else None
            assert offered is None or (payload is not None and payload.as_bits() == offered), "a word changed"
            offered = None
            await ctx.tick()
            if payload is not None and ready:
                values += [payload.data >> 16 * lane & 0xFFFF for lane in range(CONFIG.lanes)]
                if payload.last:
                    ctx.set(self.dut.o.ready, 0)
                    return values
            elif payload is not None:
                offered = payload.as_bits()
        raise AssertionError("no last output word in 5000 cycles")


def component(config: ArrayConfig, soft_reset: Signal):
    """A PE that Amaranth's simulator can run."""
    return ResetInserter(soft_reset)(ProcessingElement(config))


def simulate(program, debug: bool = False) -> None:
    dut = Array(CONFIG, debug=debug, make_pe=component)
    host = Host(dut, random.Random(1))
    simulator = Simulator(dut)
    simulator.add_clock(1e-8)

    async def bench(ctx):
        await program(ctx, host)

    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("density", [0.1, 0.6])
def test_a_network_gives_the_reference_outputs_twice(density: float):
    rng = random.Random(5)
    network = Network(rng, [(3, 5), (5, 2)], density)

    async def program(ctx, host: Host):
        await host.send(ctx, network.words)
        for sparsity in (0.4, 1.0):
            inputs = [rng.randint(-900, 900) if rng.random() < sparsity else 0 for _ in range(3 * CONFIG.pes)]
            await host.send(ctx, [header(Opcode.INPUT, 3), *row_words(inputs)])
            assert await host.read(ctx, "LAYERS") == 2
            assert await host.read(ctx, "STATUS") & 1 == 1
            await host.write(ctx, "CONTROL", 1)
            assert await host.read(ctx, "STATUS") & 0xF == 0b0011
            wanted = network.run(inputs)
            assert any(wanted)
            assert await host.collect(ctx) == wanted
            assert await host.read(ctx, "STATUS") == 0b1001
            assert await host.read(ctx, "CYCLES") > 2 * 18 + 5 + 2
            assert await host.read(ctx, "BROADCASTS") >= np.count_nonzero(inputs)
        for pe in range(CONFIG.pes):
            await host.write(ctx, "PE_SELECT", pe)
            decoded = await host.read(ctx, f"PE_{PeCounter.DECODED_SYMBOLS.name}")
            assert decoded == 2 * network.entries[pe] + 8 * CONFIG.pes

    simulate(program)


def test_an_input_right_after_reset_is_kept():
    """The outputs of the accumulator clearing are still in the pipeline while the first words come in."""
    rng = random.Random(6)
    network = Network(rng, [(4, 2)], 0.7)
    inputs = [rng.randint(-900, 900) for _ in range(4 * CONFIG.pes)]

    async def program(ctx, host: Host):
        ctx.set(host.dut.i.valid, 1)
        for word in [header(Opcode.INPUT, 4), *row_words(inputs)]:
            ctx.set(host.dut.i.payload, word)
            await ctx.tick().until(host.dut.i.ready)
        await host.send(ctx, network.words)
        while not await host.read(ctx, "LAYERS"):
            pass
        await host.write(ctx, "CONTROL", 1)
        assert await host.collect(ctx) == network.run(inputs)

    simulate(program)


def test_a_soft_reset_ends_a_run_and_the_network_runs_again():
    """In the middle of a run, of an output row and of loading; a register left behind would show in the outputs."""
    rng = random.Random(7)
    network = Network(rng, [(3, 5), (5, 2)], 0.6)
    inputs = [rng.randint(-900, 900) for _ in range(3 * CONFIG.pes)]
    give = [header(Opcode.INPUT, 3), *row_words(inputs)]

    async def program(ctx, host: Host):
        await host.send(ctx, network.words)
        await host.write(ctx, "IRQ_ENABLE", 0b11)
        for wait, register, running in ((30, "STATUS", 0b0011), (600, "STATUS", 0b1101)):
            await host.send(ctx, give)
            while await host.read(ctx, "LAYERS") < 2:
                pass
            await host.write(ctx, "CONTROL", 1)
            await ctx.tick().repeat(wait)
            assert await host.read(ctx, register) & 0b1111 == running
            ctx.set(host.dut.o.ready, 1)
            await ctx.tick()
            ctx.set(host.dut.o.ready, 0)
            await host.write(ctx, "CONTROL", 0b10)
            assert await host.read(ctx, register) == 1
            assert ctx.get(host.dut.o.valid) == 0
        assert await host.read(ctx, "IRQ_STATUS") == 0b01
        await host.write(ctx, "IRQ_STATUS", 0b01)
        await host.send(ctx, give)
        await host.write(ctx, "CONTROL", 1)
        assert await host.collect(ctx) == network.run(inputs)
        assert ctx.get(host.dut.interrupt) == 1
        await host.send(ctx, network.words[1:80])
        assert await host.read(ctx, "STATUS") == Error.LAYERS << 8 | 0b1000
        await host.write(ctx, "CONTROL", 0b10)
        await host.send(ctx, network.words[:80])
        await host.write(ctx, "CONTROL", 0b10)
        await host.send(ctx, [*network.words, *give])
        await host.write(ctx, "CONTROL", 1)
        assert await host.collect(ctx) == network.run(inputs)

    simulate(program)


def test_no_word_passes_in_the_cycle_of_a_soft_reset():
    """Neither into an activation memory, which no reset clears, nor out of the array."""
    rng = random.Random(9)
    network = Network(rng, [(3, 5)], 0.6)
    inputs = [rng.randint(-900, 900) for _ in range(3 * CONFIG.pes)]

    async def program(ctx, host: Host):
        dut = host.dut
        await host.send(ctx, [*network.words, header(Opcode.INPUT, 3), *row_words(inputs)])
        await host.send(ctx, [header(Opcode.INPUT, 3)])
        await host.write(ctx, "CONTROL", 0b10)
        ctx.set(dut.i.payload, ~row_words(inputs)[0] & (1 << CONFIG.stream_bits) - 1)
        ctx.set(dut.i.valid, 1)
        assert ctx.get(dut.i.ready) == 0
        await ctx.tick()
        ctx.set(dut.i.valid, 0)
        await ctx.tick().until(dut.i.ready)
        await host.write(ctx, "CONTROL", 1)
        assert await host.collect(ctx) == network.run(inputs)
        await host.write(ctx, "CONTROL", 1)
        await ctx.tick().until(dut.o.valid)
        await host.write(ctx, "CONTROL", 0b10)
        assert ctx.get(dut.o.valid) == 0

    simulate(program)


def test_a_failing_pe_is_named():
    rng = random.Random(8)
    network = Network(rng, [(3, 5)], 0.6)
    trees = 1 + 1 + 4
    words = [*network.words[:trees], *[0] * CONFIG.tree_words, *network.words[trees + CONFIG.tree_words :]]

    async def program(ctx, host: Host):
        await host.send(ctx, words)
        await ctx.tick().repeat(5)
        assert await host.read(ctx, "STATUS") == Error.CODE << 8
        assert await host.read(ctx, "ERROR_PE") == 0
        assert await host.read(ctx, "IRQ_STATUS") == 0b10
        await host.write(ctx, "CONTROL", 0b10)
        ctx.set(host.dut.i_last, 1)
        await host.send(ctx, [header(Opcode.LOAD), header(Opcode.LAYER)])
        ctx.set(host.dut.i_last, 0)
        assert await host.read(ctx, "STATUS") == Error.TRUNCATED << 8

    simulate(program)


def test_identity_errors_and_the_debug_port():
    fields = array_debug_fields(CONFIG)

    async def program(ctx, host: Host):
        assert await host.read(ctx, "ID") == ID_VALUE
        await host.write(ctx, "CONTROL", 1)
        assert await host.read(ctx, "STATUS") == Error.START << 8 | 1
        await host.send(ctx, [header(Opcode.LOAD), 0xFF])
        assert await host.read(ctx, "STATUS") == Error.OPCODE << 8
        bits = ctx.get(host.dut.debug)
        assert bits & 0xF == LoaderState.ERROR
        assert bits >> fields[0].width & 0xF == Error.OPCODE

    simulate(program, debug=True)
