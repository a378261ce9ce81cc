"""sim/baseline/torch_library.py: products on a fake GPU, and on the CPU of a real torch where one is installed."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from sim.baseline.layer_product import LayerMatrix, layer_matrix
from sim.baseline.measurement import Form, one_thread
from sim.baseline.torch_library import torch_library, torch_threads
from sim.paper import PAPER_LAYERS
from tests.support.networks.fake_torch import FakeGpu


@pytest.fixture(scope="module")
def matrix() -> LayerMatrix:
    return layer_matrix(replace(PAPER_LAYERS["NT-We"], inputs=50, outputs=30), seed=1, batch=4)


@pytest.fixture(params=["fake", "real"])
def torch(request: pytest.FixtureRequest) -> Any:
    return FakeGpu().torch() if request.param == "fake" else pytest.importorskip("torch")


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("form", ["dense", "CSR"])
def test_products_are_right(torch: Any, matrix: LayerMatrix, form: Form, batch: int) -> None:
    library = torch_library(torch, "cpu", form, one_thread, scales=False)
    product = library.fetch(library.prepare(matrix, batch)())
    assert product.shape == ((30,) if batch == 1 else (30, 4))
    assert product.dtype == np.float32
    matrix.check(product, batch, library.label)


@pytest.mark.parametrize("form", ["dense", "CSR"])
def test_operands_are_on_the_device_before_the_first_run(matrix: LayerMatrix, form: Form) -> None:
    gpu = FakeGpu()
    run = torch_library(gpu.torch(), "cuda", form, one_thread, scales=False).prepare(matrix, 4)
    assert gpu.products == 0
    assert run().device == "cuda"
    assert gpu.products == 1


def test_threads_are_set_and_restored(torch: Any) -> None:
    before = torch.get_num_threads()
    threads = partial(torch_threads, torch)
    with threads(1) as used:
        assert used == torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
