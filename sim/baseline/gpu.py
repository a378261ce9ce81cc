"""The paper's layers on a GPU through torch: dense (cuBLAS) and CSR (cuSPARSE), timed on the GPU itself."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

from model.errors import EieError
from sim.baseline.measurement import Clock, Library, Meter, Run, no_meter
from sim.baseline.torch_library import torch_library
from sim.optional import imported


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """A GPU as a `sim.baseline.measurement.Device`, and what results name of it.

    Energy is that of the whole board (NVML) where nvidia-ml-py is installed and the board counts it.
    """

    name: str
    memory_bytes: int
    versions: dict[str, str]
    libraries: Sequence[Library]
    clock: Clock
    meter: Meter


def gpu(torch: Any = None, nvml: Any = None) -> Gpu:
    """The GPU that torch uses unless told otherwise; EieError without torch or CUDA.

    `torch` and `nvml` (the module pynvml) are imported unless they are given.
    """
    torch = torch or imported("torch")
    if torch is None:
        raise EieError("a GPU is reached through torch with CUDA, and torch is not installed")
    if not torch.cuda.is_available():
        raise EieError(f"a GPU is reached through torch with CUDA, and torch {torch.__version__} finds no CUDA device")
    properties = torch.cuda.get_device_properties(torch.cuda.current_device())
    uuid = getattr(properties, "uuid", "unknown")  # torch before 2.4 does not say; NVML then finds no board
    meter, driver = board_meter(nvml or imported("pynvml"), f"GPU-{uuid}")
    return Gpu(
        name=properties.name,
        memory_bytes=properties.total_memory,
        versions={"torch": str(torch.__version__), "cuda": str(torch.version.cuda), **driver},
        libraries=[
            torch_library(torch, "cuda", "dense", _no_threads, scales=False),
            torch_library(torch, "cuda", "CSR", _no_threads, scales=False),
        ],
        clock=partial(cuda_clock, torch),
        meter=meter,
    )


def cuda_clock(torch: Any, run: Run, runs: int) -> list[float]:
    """Microseconds from a CUDA event before each run to one behind it, when all of them have ended.

    All runs are launched before any is waited for: a run's time is that of its kernels, or of launching them from
    Python where that takes longer, which is what a caller sees.
    """
    marks = [torch.cuda.Event(enable_timing=True) for _ in range(2 * runs)]
    torch.cuda.synchronize()
    for begin, end in zip(marks[::2], marks[1::2], strict=True):
        begin.record()
        run()
        end.record()
    torch.cuda.synchronize()
    return [1000 * float(begin.elapsed_time(end)) for begin, end in zip(marks[::2], marks[1::2], strict=True)]


def board_meter(nvml: Any, uuid: str) -> tuple[Meter, dict[str, str]]:
    """The energy counter of the board `uuid`, and {"driver": its version}; neither where NVML does not answer."""
    if nvml is None:
        return no_meter, {}
    try:
        nvml.nvmlInit()
        board = nvml.nvmlDeviceGetHandleByUUID(uuid)
        driver = {"driver": str(nvml.nvmlSystemGetDriverVersion())}
    except nvml.NVMLError:
        return no_meter, {}

    def joules() -> float | None:
        try:
            return nvml.nvmlDeviceGetTotalEnergyConsumption(board) / 1000
        except nvml.NVMLError:
            return None

    return joules, driver


def _no_threads(_: int) -> AbstractContextManager[None]:
    return nullcontext()
