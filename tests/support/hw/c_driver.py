"""The C driver and a network, compiled as users would, with a bus in Python."""

import ctypes
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hw.register_header import register_header
from model.image import NetworkImage
from sw.host.c_network import C_DRIVER, network_header
from sw.host.transports.serial_link import Line
from sw.host.transports.window import ModelWindow
from tests.support.hw.driver import Case

PROGRAM = """
#include "eie_driver.h"
#include "eie_network.h"
#include "eie_serial.h"
typedef uint32_t (*reader)(void *, uint32_t);
typedef void (*writer)(void *, uint32_t, uint32_t);
typedef int (*putter)(void *, const uint8_t *, uint32_t);
typedef int (*getter)(void *, uint8_t *, uint32_t);
static eie_bus bus;
static eie_line line;
void set_bus(reader read, writer write, uint32_t patience)
{ bus.read = read; bus.write = write; bus.context = 0; bus.patience = patience; }
void set_line(putter put, getter get) { line.put = put; line.get = get; bus = eie_serial_bus(&line); }
int load(void) { return eie_load(&bus, &eie_the_network); }
int run(const int16_t *inputs, int16_t *outputs) { return eie_run(&bus, &eie_the_network, inputs, outputs); }
uint32_t cycles(void) { return eie_read_counters(&bus).cycles; }
uint32_t entries(uint32_t pe) { return eie_pe_counter(&bus, pe, 16); }
uint32_t error(uint32_t *pe) { return eie_error(&bus, pe); }
void reset(void) { eie_reset(&bus); }
int failed(void) { return line.failed; }
"""
READER = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint32)
WRITER = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32)
BYTES = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint8), ctypes.c_uint32)


def compile_driver(image: NetworkImage, folder: Path) -> ctypes.CDLL:
    """The driver and the network as a shared library."""
    (folder / "eie_registers.h").write_text(register_header())
    (folder / "eie_network.h").write_text(network_header(image))
    (folder / "main.c").write_text(PROGRAM)
    sources = [str(folder / "main.c"), *(str(C_DRIVER / name) for name in ("eie_driver.c", "eie_serial.c"))]
    flags = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC"]
    library = folder / "driver.so"
    subprocess.run(["gcc", *flags, f"-I{folder}", f"-I{C_DRIVER}", *sources, "-o", str(library)], check=True)
    return ctypes.CDLL(str(library))


class Compiled:
    """The driver and a network as a shared library, its bus on a model behind a stream window or on a serial line."""

    def __init__(self, image: NetworkImage, folder: Path, patience: int = 0, line: Line | None = None):
        self.library = compile_driver(image, folder)
        self._out_features = image.out_features
        if line is None:
            self.window = ModelWindow(image.config)
            self._callbacks: Any = READER(lambda _, address: self.window.read(address)), WRITER(self._write)
            self.library.set_bus(*self._callbacks, ctypes.c_uint32(patience))
        else:
            self.line = line
            self._callbacks = BYTES(self._put), BYTES(self._get)
            self.library.set_line(*self._callbacks)

    def _write(self, _context: int, address: int, value: int) -> None:
        self.window.write(address, value)

    def _put(self, _context: int, data: Any, count: int) -> int:
        self.line.write(bytes(data[:count]))
        return 0

    def _get(self, _context: int, data: Any, count: int) -> int:
        got = self.line.read(count)
        ctypes.memmove(data, got, len(got))
        return int(len(got) != count)

    def run(self, inputs: NDArray[Any]) -> tuple[int, NDArray[np.int16]]:
        """What `eie_run` returns, and the outputs."""
        x, y = np.ascontiguousarray(inputs, np.int16), np.zeros(self._out_features, np.int16)
        pointer = ctypes.POINTER(ctypes.c_int16)
        return self.library.run(x.ctypes.data_as(pointer), y.ctypes.data_as(pointer)), y


def check_runs(compiled: Compiled, case: Case) -> None:
    """Load the network, then every input is one call; outputs and cycles are the engine's."""
    assert compiled.library.load() == 0
    for x, wanted, cycles in zip(case.activations, case.integers, case.cycles, strict=True):
        failed, got = compiled.run(x)
        assert failed == 0
        np.testing.assert_array_equal(got, wanted)
        assert compiled.library.cycles() == cycles
