"""A module that stands for torch with CUDA: tensors are numpy's, the GPU's clock is a count, calls are recorded."""

from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy.sparse import csr_array

LAUNCH_MS = 0.5  # what the fake GPU's clock says of every product


class FakeTensor:
    """Just enough of a tensor for a product on a device and the way back."""

    def __init__(self, value: Any, gpu: "FakeGpu", device: str = "cpu"):
        self.value, self.gpu, self.device = value, gpu, device

    def to(self, device: str) -> "FakeTensor":
        return FakeTensor(self.value, self.gpu, device)

    def cpu(self) -> "FakeTensor":
        return self.to("cpu")

    def numpy(self) -> Any:
        if self.device != "cpu":
            raise TypeError("cannot convert a CUDA tensor to numpy")
        return self.value

    def __matmul__(self, other: "FakeTensor") -> "FakeTensor":
        if self.device != other.device:
            raise RuntimeError(f"tensors on {self.device} and {other.device}\nsecond line")
        self.gpu.milliseconds += LAUNCH_MS
        self.gpu.products += 1
        return FakeTensor(self.value @ other.value, self.gpu, self.device)


class FakeEvent:
    """Takes the fake clock's time; can be read once everything before it was waited for."""

    def __init__(self, gpu: "FakeGpu", *, enable_timing: bool):
        assert enable_timing
        self.gpu, self.at, self.launched = gpu, 0.0, 0

    def record(self) -> None:
        self.at, self.launched = self.gpu.milliseconds, self.gpu.products

    def elapsed_time(self, end: "FakeEvent") -> float:
        assert end.launched <= self.gpu.waited, "read before the GPU was waited for"
        return end.at - self.at


class FakeGpu:
    """The state behind a fake torch: its clock in milliseconds, products launched, products waited for."""

    def __init__(self) -> None:
        self.milliseconds, self.products, self.waited, self.threads = 0.0, 0, 0, 8

    def torch(self, *, cuda: bool = True) -> Any:
        """The module."""
        properties = SimpleNamespace(name="Fake GPU", total_memory=8 << 30, uuid="1234")
        return SimpleNamespace(
            __version__="9.9",
            version=SimpleNamespace(cuda="99.0" if cuda else None),
            backends=SimpleNamespace(mkl=SimpleNamespace(is_available=lambda: True)),
            from_numpy=lambda array: FakeTensor(array, self),
            sparse_csr_tensor=self._csr,
            get_num_threads=lambda: self.threads,
            set_num_threads=lambda number: setattr(self, "threads", number),
            cuda=SimpleNamespace(
                is_available=lambda: cuda,
                current_device=lambda: 0,
                get_device_properties=lambda _: properties,
                synchronize=lambda: setattr(self, "waited", self.products),
                Event=lambda enable_timing: FakeEvent(self, enable_timing=enable_timing),
            ),
        )

    def _csr(
        self, starts: FakeTensor, columns: FakeTensor, values: FakeTensor, size: Any, check_invariants: bool
    ) -> FakeTensor:
        assert check_invariants
        assert starts.value.dtype == columns.value.dtype == np.int32
        return FakeTensor(csr_array((values.value, columns.value, starts.value), shape=size), self)


class FakeNvml:
    """A module that stands for pynvml: 2 J more at every reading, unless the board does not count."""

    NVMLError = type("NVMLError", (Exception,), {})

    def __init__(self, *, board: bool = True, counter: bool = True):
        self.board, self.counter, self.millijoules = board, counter, 0

    def nvmlInit(self) -> None:
        if not self.board:
            raise self.NVMLError

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        assert uuid == "GPU-1234"
        return uuid

    def nvmlSystemGetDriverVersion(self) -> str:
        return "555.1"

    def nvmlDeviceGetTotalEnergyConsumption(self, board: str) -> int:
        if not self.counter:
            raise self.NVMLError
        self.millijoules += 2000
        return self.millijoules
