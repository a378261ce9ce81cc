"""An array on a Zynq board under PYNQ: registers through its MMIO class, streams through an AXI DMA."""

import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from model.config import ArrayConfig
from model.errors import EieError
from sw.host.transports.transport import TransportError
from sw.image.words import PIECE_BITS, Words

# What `zynq.tcl` (hw/ip_package/zynq.py) calls the array and its DMA.
ARRAY, DMA = "eie", "axi_dma_0"


class PynqTransport:
    """The array of `eie verilog --bus axi` beside an AXI DMA whose streams are as wide as the array's.

    ``PynqTransport(config, overlay.eie.mmio, overlay.axi_dma_0, pynq.allocate)``

    Parameters
    ----------
    config : the array's.
    registers : `pynq.MMIO` of the array's registers; addresses in bytes.
    dma : `pynq.lib.dma.DMA` with both channels.
    allocate : `pynq.allocate`, makes buffers that the DMA can reach.
    seconds : time that a transfer may take.

    A transfer ends with TLAST, which must be a packet's end: build the DMA with a buffer length register wide enough
    for the largest image (26 bits are 64 MB).
    """

    def __init__(
        self, config: ArrayConfig, registers: Any, dma: Any, allocate: Callable[..., Any], seconds: float = 10.0
    ):
        self._seconds = seconds
        self._pieces = config.stream_bits // PIECE_BITS
        self._registers = registers
        self._dma = dma
        self._allocate = allocate

    def read(self, address: int) -> int:
        return int(self._registers.read(4 * address))

    def write(self, address: int, value: int) -> None:
        self._registers.write(4 * address, value)

    def send(self, words: Words) -> None:
        buffer = self._allocate(shape=words.shape, dtype=np.uint32)
        try:
            buffer[:] = words
            self._transfer(self._dma.sendchannel, buffer, "send")
        finally:
            buffer.freebuffer()

    def receive(self, count: int) -> Words:
        buffer = self._allocate(shape=(count, self._pieces), dtype=np.uint32)
        try:
            self._transfer(self._dma.recvchannel, buffer, "receive")
            return np.array(buffer, dtype=np.uint32)
        finally:
            buffer.freebuffer()

    def close(self) -> None:
        """Nothing: the overlay stays loaded."""

    def _transfer(self, channel: Any, buffer: Any, verb: str) -> None:
        """One DMA transfer; its own `wait` has no time limit, and waits for ever when the channel has halted."""
        channel.transfer(buffer)
        until = time.monotonic() + self._seconds
        while not channel.idle:
            if not channel.running:
                raise TransportError(f"the DMA stopped with an error when it was to {verb} {len(buffer)} words")
            if time.monotonic() > until:
                raise TransportError(f"the DMA did not {verb} {len(buffer)} words in {self._seconds:g} s")
        channel.wait()


def open_overlay(config: ArrayConfig, bitstream: Path) -> PynqTransport:
    """Configure the board with `eie.bit` of `eie verilog --bus axi --ip` (its `.hwh` beside it); the way to its array.

    EieError without PYNQ, without the file, or if the overlay has no array or no DMA of those names.
    """
    if not bitstream.is_file():
        raise EieError(f"a bitstream must be at {bitstream}, none is")
    try:
        pynq = import_module("pynq")
    except ImportError as error:
        raise EieError("an overlay needs the package pynq, which PYNQ's boards have: run this on the board") from error
    overlay: Any = pynq.Overlay(str(bitstream))
    for name in (ARRAY, DMA):
        if not hasattr(overlay, name):
            raise EieError(f"the overlay {bitstream} must have {ARRAY} and {DMA}, it has no {name}")
    return PynqTransport(config, getattr(overlay, ARRAY).mmio, getattr(overlay, DMA), pynq.allocate)
