"""sim/baseline/cpu.py: medians of real runs, right products, threads, RAPL counters."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

import sim.baseline.cpu
from sim.baseline.cpu import Rapl, cpu, package_domains, time_network
from sim.baseline.layer_product import layer_matrix
from sim.baseline.measurement import Budget, no_meter, time_layer
from sim.computer import THREADPOOLS, blas_threads
from sim.optional import imported
from sim.paper import PAPER_LAYERS
from sw.network.layer import Layer
from sw.network.network import Network
from tests.support.networks.fake_torch import FakeGpu

SMALL = replace(PAPER_LAYERS["NT-We"], inputs=60, outputs=40)


def test_more_work_takes_longer() -> None:
    def network(size: int) -> Network:
        weight = np.ones((size, size), np.float32)
        return Network((Layer("fc", weight, np.zeros(size, np.float32), relu=True),))

    small = time_network(network(4), np.ones((2, 4), np.float32), repeats=20)
    large = time_network(network(1024), np.ones((2, 1024), np.float32), repeats=20)
    assert 0 < small.dense_us < large.dense_us
    assert 0 < small.sparse_us < large.sparse_us


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The optional modules there are."""
    there: dict[str, Any] = {}
    monkeypatch.setattr(sim.baseline.cpu, "imported", there.get)
    return there


def test_numpy_and_scipy_are_always_timed(modules: dict[str, Any], tmp_path: Path) -> None:
    assert not modules
    device = cpu(tmp_path)
    assert [library.label for library in device.libraries] == ["numpy dense", "scipy CSR"]
    assert device.meter is no_meter
    matrix = layer_matrix(SMALL, seed=1, batch=3)
    timings = time_layer(matrix, device, [1, 3], [1], Budget(repeats=5, seconds=0.01))
    assert [(timing.library, timing.batch, timing.threads) for timing in timings] == [
        ("numpy", 1, 1),
        ("scipy", 1, 1),
        ("numpy", 3, 1),
        ("scipy", 3, 1),
    ]
    assert all(timing.minimum_us > 0 for timing in timings)


def test_torch_and_mkl_are_timed_where_they_are(modules: dict[str, Any], tmp_path: Path) -> None:
    calls: list[type] = []

    def multiply(weights: Any, inputs: Any) -> Any:
        calls.append(type(weights))
        return weights @ inputs

    gpu = FakeGpu()
    modules.update(torch=gpu.torch(), sparse_dot_mkl=SimpleNamespace(dot_product_mkl=multiply))
    device = cpu(tmp_path)
    labels = ["numpy dense", "scipy CSR", "torch dense", "torch CSR", "MKL CSR"]
    assert [library.label for library in device.libraries] == labels
    timings = time_layer(layer_matrix(SMALL, 1, 2), device, [2], [1], Budget(repeats=2, seconds=0.01))
    assert [f"{timing.library} {timing.form}" for timing in timings] == labels
    assert gpu.products == 2 * (1 + 3 + 2)
    assert calls == [csr_array] * (1 + 3 + 2)
    assert gpu.threads == 8

    modules["torch"].backends.mkl.is_available = lambda: False
    assert "torch CSR" not in [library.label for library in cpu(tmp_path).libraries]


def test_blas_threads_are_limited_and_restored() -> None:
    def threads() -> list[int]:
        return [pool["num_threads"] for pool in THREADPOOLS.threadpool_info() if pool["user_api"] == "blas"]

    before = threads()
    with blas_threads(1) as used:
        assert set(threads()) <= {1}
        assert used == (1 if before else None)
    assert threads() == before


def test_what_cannot_be_imported_is_none() -> None:
    assert imported("json") is not None
    assert imported("no_such_module_at_all") is None


@pytest.fixture
def powercap(tmp_path: Path) -> Path:
    """Two packages, a part of one, and the whole platform, as Linux shows them."""
    for folder, name in {
        "intel-rapl:0": "package-0",
        "intel-rapl:0:0": "core",
        "intel-rapl:1": "package-1",
        "intel-rapl:2": "psys",
    }.items():
        (tmp_path / folder).mkdir()
        for file, text in {"name": name, "energy_uj": "1000", "max_energy_range_uj": "5000000"}.items():
            (tmp_path / folder / file).write_text(f"{text}\n")
    return tmp_path


def test_energy_is_that_of_all_packages(powercap: Path) -> None:
    meter = Rapl(package_domains(powercap))
    assert meter() == 0
    (powercap / "intel-rapl:0" / "energy_uj").write_text("2001000\n")
    (powercap / "intel-rapl:0:0" / "energy_uj").write_text("4000000\n")
    assert meter() == 2.0
    (powercap / "intel-rapl:1" / "energy_uj").write_text("501000\n")
    assert meter() == 2.5
    assert isinstance(cpu(powercap).meter, Rapl)


def test_a_counter_may_wrap(powercap: Path) -> None:
    counter = powercap / "intel-rapl:1" / "energy_uj"
    counter.write_text("4900000\n")
    meter = Rapl(package_domains(powercap))
    counter.write_text("100000\n")
    assert meter() == pytest.approx(0.2)
    assert meter() == pytest.approx(0.2)


def test_no_energy_where_a_counter_cannot_be_read(powercap: Path) -> None:
    (powercap / "intel-rapl:1" / "energy_uj").unlink()
    assert package_domains(powercap) == []
    assert package_domains(powercap / "absent") == []
    assert cpu(powercap).meter is no_meter
