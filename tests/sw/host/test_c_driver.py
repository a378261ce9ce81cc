"""The C driver, compiled as users would, on the stepped model behind a stream window: equal to the engine."""

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest

from hw.register_header import register_header
from model.registers import ADDRESS, Error
from sw.host.c_network import C_DRIVER, network_header
from sw.host.transports.window import ModelWindow
from tests.support.hw.driver import Case, make_case

PROGRAM = """
#include "eie_driver.h"
#include "eie_network.h"
typedef uint32_t (*reader)(void *, uint32_t);
typedef void (*writer)(void *, uint32_t, uint32_t);
static eie_bus bus;
void set_bus(reader read, writer write, uint32_t patience)
{ bus.read = read; bus.write = write; bus.context = 0; bus.patience = patience; }
int load(void) { return eie_load(&bus, &eie_the_network); }
int run(const int16_t *inputs, int16_t *outputs) { return eie_run(&bus, &eie_the_network, inputs, outputs); }
uint32_t cycles(void) { return eie_read_counters(&bus).cycles; }
uint32_t entries(uint32_t pe) { return eie_pe_counter(&bus, pe, 16); }
uint32_t error(uint32_t *pe) { return eie_error(&bus, pe); }
void reset(void) { eie_reset(&bus); }
"""
READER = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint32)
WRITER = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32)


class Compiled:
    """The driver and a network as a shared library, its bus on a model."""

    def __init__(self, case: Case, folder: Path, patience: int = 0):
        (folder / "eie_registers.h").write_text(register_header())
        (folder / "eie_network.h").write_text(network_header(case.image))
        (folder / "main.c").write_text(PROGRAM)
        sources = [str(folder / "main.c"), str(C_DRIVER / "eie_driver.c")]
        flags = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC"]
        library = folder / "driver.so"
        subprocess.run(["gcc", *flags, f"-I{folder}", f"-I{C_DRIVER}", *sources, "-o", str(library)], check=True)
        self.library = ctypes.CDLL(str(library))
        self.window = ModelWindow(case.config)
        self._callbacks = READER(lambda _, address: self.window.read(address)), WRITER(self._write)
        self.library.set_bus(*self._callbacks, ctypes.c_uint32(patience))

    def _write(self, _context: int, address: int, value: int) -> None:
        self.window.write(address, value)

    def run(self, inputs, out_features: int) -> tuple[int, np.ndarray]:
        x, y = np.ascontiguousarray(inputs, np.int16), np.zeros(out_features, np.int16)
        pointer = ctypes.POINTER(ctypes.c_int16)
        return self.library.run(x.ctypes.data_as(pointer), y.ctypes.data_as(pointer)), y


@pytest.mark.parametrize(("passes", "stream_bits", "pes"), [(1, 32, 4), (1, 128, 3), (2, 64, 4)])
def test_outputs_and_cycles_are_the_engine_s(tmp_path: Path, passes: int, stream_bits: int, pes: int):
    case = make_case(passes, stream_bits, pes)
    compiled = Compiled(case, tmp_path)
    activations = np.round(case.inputs * 2.0**case.image.input_fraction_bits).clip(-32768, 32767).astype(np.int16)
    assert compiled.library.load() == 0
    for x, wanted, cycles in zip(activations[:3], case.integers, case.cycles, strict=False):
        failed, got = compiled.run(x, case.image.out_features)
        assert failed == 0
        np.testing.assert_array_equal(got, wanted)
        assert compiled.library.cycles() == cycles
    assert compiled.library.entries(0) > 0


def test_another_array_an_error_and_a_timeout_have_their_codes(tmp_path: Path):
    case = make_case()
    compiled = Compiled(case, tmp_path, patience=3000)
    inputs = np.zeros(case.image.in_features)
    assert compiled.run(inputs, case.image.out_features)[0] == -4, "started without a network"
    pe = ctypes.c_uint32(7)
    assert compiled.library.error(ctypes.byref(pe)) == Error.START
    assert pe.value == 0
    window = compiled.window
    compiled.window = ModelWindow(case.config.with_(queue_depth=6))
    assert compiled.library.load() == -2
    compiled.window.read = lambda address: 0
    assert compiled.library.load() == -1
    compiled.window = window
    compiled.library.reset()
    assert compiled.library.error(None) == Error.NONE
    assert compiled.library.load() == 0
    window.read = lambda address: 0 if address == ADDRESS["STREAM_STATUS"] else 1
    assert compiled.run(inputs, case.image.out_features)[0] == -3
