"""An array in the processor's address space: /dev/mem or a UIO device, no driver of the operating system needed."""

import mmap
import os
from pathlib import Path

import numpy as np

from model.config import ArrayConfig
from model.errors import EieError
from model.registers import ADDRESS_BITS
from sw.files import reason
from sw.host.transports.window import WindowStreams

BYTES = 4 << ADDRESS_BITS  # of the register space


class MemoryMappedTransport(WindowStreams):
    """Registers at `base` of a memory device, streams through the stream window (`eie verilog --bus axi-lite`).

    Parameters
    ----------
    config : the array's.
    base : byte address of the array's registers; a multiple of 4.
    path : /dev/mem, a /dev/uio device (base 0), or any file that maps registers.
    seconds : time without progress after which a stream counts as stuck.

    Raises EieError if the file cannot be mapped there.
    """

    def __init__(self, config: ArrayConfig, base: int, path: Path = Path("/dev/mem"), seconds: float = 10.0):
        super().__init__(self, config, seconds)
        if base < 0 or base % 4:
            raise EieError(f"base must be a byte address, a multiple of 4, got {base:#x}")
        page = base - base % mmap.PAGESIZE
        try:
            handle = os.open(path, os.O_RDWR | os.O_SYNC)
            try:
                self._memory = mmap.mmap(handle, base - page + BYTES, offset=page)
            finally:
                os.close(handle)
        except (OSError, ValueError) as error:
            cause = reason(error) if isinstance(error, OSError) else str(error)
            raise EieError(f"cannot map {BYTES} bytes of {path} at {base:#x}: {cause}") from error
        # An element of this array is read and written as one 32-bit access, which slices of the mapping are not.
        self._registers_there = np.frombuffer(self._memory, np.uint32, 1 << ADDRESS_BITS, base - page)

    def read(self, address: int) -> int:
        return int(self._registers_there[address])

    def write(self, address: int, value: int) -> None:
        self._registers_there[address] = value

    def close(self) -> None:
        del self._registers_there
        self._memory.close()
