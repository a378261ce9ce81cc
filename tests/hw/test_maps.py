"""The whole array with `maps` in Amaranth's simulator: random layers of all kinds, outputs, cycles and counters."""

import random
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator

from hw.array import Array
from hw.pe.processing_element import ProcessingElement
from model.config import ArrayConfig
from model.layouts import Opcode, header
from model.registers import ADDRESS, READ_LATENCY
from tests.support.hw.map_units import MapLayer, MapMachine, random_layer
from tests.support.images.random_images import pack_lanes

CONFIG = ArrayConfig(
    pes=3,
    queue_depth=4,
    code_bits=2,
    index_bits=2,
    row_bits=14,
    sparse_matrix_depth=512,
    pointer_depth=512,
    activation_depth=64,
    constant_depth=80,
    stream_bits=32,
    max_code_length=6,
    layers=6,
    maps=True,
    accumulator_depth=40,
)
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "skip": {"skip_empty_slices": True, "queue_depth": 3, "activation_depth": 32},
    "two broadcasts": {"broadcasts_per_cycle": 2, "skip_empty_slices": True, "parity": True},
    "one PE": {"pes": 1, "queue_depth": 1, "row_bits": 16, "accumulator_depth": 70, "accumulator_bits": 40},
}


def component(config: ArrayConfig, soft_reset: Signal):
    """A PE that Amaranth's simulator can run."""
    return ResetInserter(soft_reset)(ProcessingElement(config))


class Host:
    """The streams and registers of an array in a simulation."""

    def __init__(self, config: ArrayConfig, ctx, dut: Array):
        self.config, self.ctx, self.dut = config, ctx, dut

    async def send(self, words: list[int]) -> None:
        self.ctx.set(self.dut.i.valid, 1)
        for word in words:
            self.ctx.set(self.dut.i.payload, word)
            await self.ctx.tick().until(self.dut.i.ready)
        self.ctx.set(self.dut.i.valid, 0)

    async def write(self, name: str, value: int) -> None:
        self.ctx.set(self.dut.reg_address, ADDRESS[name])
        self.ctx.set(self.dut.reg_write_data, value)
        self.ctx.set(self.dut.reg_write, 1)
        await self.ctx.tick()
        self.ctx.set(self.dut.reg_write, 0)

    async def read(self, name: str) -> int:
        self.ctx.set(self.dut.reg_address, ADDRESS[name])
        await self.ctx.tick().repeat(READ_LATENCY)
        return self.ctx.get(self.dut.reg_read_data)

    async def collect(self) -> list[int]:
        """The lanes of all output words."""
        values: list[int] = []
        self.ctx.set(self.dut.o.ready, 1)
        for _ in range(20_000):
            valid, payload = self.ctx.get(self.dut.o.valid), self.ctx.get(self.dut.o.payload)
            await self.ctx.tick()
            if valid:
                values += [payload.data >> 16 * lane & 0xFFFF for lane in range(self.config.lanes)]
                if payload.last:
                    self.ctx.set(self.dut.o.ready, 0)
                    return values
        raise AssertionError("no last output word")


def simulate(config: ArrayConfig, program) -> None:
    dut = Array(config, make_pe=component)
    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    finished = []

    async def bench(ctx):
        await program(Host(config, ctx, dut))
        finished.append(True)

    simulator.add_testbench(bench)
    simulator.run()
    assert finished


def random_layers(rng: random.Random, config: ArrayConfig, count: int) -> list[MapLayer]:
    layers: list[MapLayer] = []
    for number in range(count):
        layer = random_layer(rng, config, layers[-1] if layers else None)
        layer.keep = layer.keep and number < count - 1
        layers.append(layer)
    return layers


def random_rows(rng: random.Random, config: ArrayConfig, rows: int) -> list[list[int]]:
    density = rng.choice([0.0, 0.3, 0.7, 1.0])
    return [[rng.randint(-300, 300) if rng.random() < density else 0 for _ in range(config.pes)] for _ in range(rows)]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 8))])
def test_random_layers(variant: str, seed: int):
    config = CONFIG.with_(**VARIANTS[variant])
    rng = random.Random(f"{variant} {seed}")
    machine = MapMachine(config)
    layers = random_layers(rng, config, config.layers)

    async def program(host: Host):
        await host.send([header(Opcode.LOAD)])
        for layer in layers:
            await host.send(layer.packet(config, rng))
        for _ in range(2):  # what the first run leaves in the memories is what the second begins with
            rows = random_rows(rng, config, config.activation_depth)
            for row, values in enumerate(rows):
                for pe, value in enumerate(values):
                    machine.memory[pe][row] = value
            await host.send([header(Opcode.INPUT, len(rows)), *pack_lanes(np.array(rows), config.lanes)])
            while await host.read("LAYERS") < len(layers):
                assert await host.read("STATUS") >> 8 == 0
            await host.write("CONTROL", 1)
            wanted = machine.run(layers)
            got = await host.collect()
            assert got == [value for row in wanted.outputs for value in row]
            figures = {name: await host.read(name) for name in ("CYCLES", "BROADCASTS", "STALLS")}
            assert figures == {"CYCLES": wanted.cycles, "BROADCASTS": wanted.broadcasts, "STALLS": wanted.stalls}
            assert await host.read("STATUS") == 0b1001 | wanted.overflow << 4
            for pe in range(config.pes):
                await host.write("PE_SELECT", pe)
                counters = {name: await host.read(f"PE_{name.upper()}") for name in wanted.counters}
                assert counters == {name: values[pe] for name, values in wanted.counters.items()}

    simulate(config, program)
