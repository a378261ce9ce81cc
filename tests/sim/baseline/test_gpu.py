"""sim/baseline/gpu.py: the whole path on a fake GPU, whose events must be waited for and whose time is known."""

from dataclasses import replace
from typing import Any

import pytest

import sim.baseline.gpu
from model.errors import EieError
from sim.baseline.gpu import board_meter, cuda_clock, gpu
from sim.baseline.layer_product import layer_matrix
from sim.baseline.measurement import Budget, no_meter, time_layer
from sim.paper import PAPER_LAYERS
from tests.support.networks.fake_torch import LAUNCH_MS, FakeGpu, FakeNvml

SMALL = replace(PAPER_LAYERS["NT-We"], inputs=60, outputs=40)


@pytest.fixture(autouse=True)
def modules(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The optional modules there are."""
    there: dict[str, Any] = {}
    monkeypatch.setattr(sim.baseline.gpu, "imported", there.get)
    return there


def test_dense_and_csr_at_every_batch(modules: dict[str, Any]) -> None:
    modules.update(torch=FakeGpu().torch(), pynvml=FakeNvml())
    device = gpu()
    assert (device.name, device.memory_bytes) == ("Fake GPU", 8 << 30)
    assert device.versions == {"torch": "9.9", "cuda": "99.0", "driver": "555.1"}
    timings = time_layer(layer_matrix(SMALL, 1, 64), device, [1, 64], [1], Budget(repeats=7, seconds=0.001))
    assert [(timing.library, timing.form, timing.batch) for timing in timings] == [
        ("torch", "dense", 1),
        ("torch", "CSR", 1),
        ("torch", "dense", 64),
        ("torch", "CSR", 64),
    ]
    for timing in timings:
        assert timing.runs == 5  # 0.5 ms each: the seconds are used after two
        assert timing.median_us == timing.maximum_us == pytest.approx(1000 * LAUNCH_MS / timing.batch)
        assert timing.threads is None
        assert timing.microjoules is not None
        assert timing.microjoules > 0


def test_the_clock_waits_for_all_runs_and_times_each() -> None:
    fake = FakeGpu()
    torch = fake.torch()

    def run() -> None:
        fake.milliseconds += fake.products + 1
        fake.products += 1

    assert cuda_clock(torch, run, 3) == [1000, 2000, 3000]
    assert fake.waited == 3


def test_without_torch_or_cuda_there_is_one_sentence(modules: dict[str, Any]) -> None:
    with pytest.raises(EieError, match=r"^a GPU is reached through torch with CUDA, and torch is not installed$"):
        gpu()
    modules["torch"] = FakeGpu().torch(cuda=False)
    with pytest.raises(EieError, match=r"^a GPU is .* with CUDA, and torch 9\.9 finds no CUDA device$"):
        gpu()


def test_the_board_meter_counts_joules() -> None:
    meter, driver = board_meter(FakeNvml(), "GPU-1234")
    assert driver == {"driver": "555.1"}
    assert [meter(), meter()] == [2.0, 4.0]


def test_no_energy_is_claimed_where_nvml_does_not_answer(modules: dict[str, Any]) -> None:
    modules["torch"] = FakeGpu().torch()
    assert gpu().meter is no_meter
    assert board_meter(FakeNvml(board=False), "GPU-1234") == (no_meter, {})
    meter, driver = board_meter(FakeNvml(counter=False), "GPU-1234")
    assert driver
    assert meter() is None
    modules["pynvml"] = FakeNvml(counter=False)
    timings = time_layer(layer_matrix(SMALL, 1, 1), gpu(), [1], [1], Budget(repeats=1, seconds=0.001))
    assert {timing.microjoules for timing in timings} == {None}
