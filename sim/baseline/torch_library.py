"""Products through torch, dense and CSR, on any of its devices. Torch is optional: nothing here imports it."""

import warnings
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.baseline.layer_product import LayerMatrix
from sim.baseline.measurement import Form, Library, Run, Threads


def torch_library(torch: Any, device: str, form: Form, threads: Threads, *, scales: bool) -> Library:
    """The product of the module `torch` on its device `device`, "cpu" or "cuda"."""
    return Library(
        name="torch",
        form=form,
        prepare=partial(_prepare, torch, device, form),
        fetch=_fetch,
        threads=threads,
        scales=scales,
    )


@contextmanager
def torch_threads(torch: Any, wanted: int) -> Generator[int]:
    """At most `wanted` threads in torch's CPU products."""
    before = torch.get_num_threads()
    torch.set_num_threads(wanted)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


def _prepare(torch: Any, device: str, form: Form, matrix: LayerMatrix, batch: int) -> Run:
    weights = torch.from_numpy(matrix.dense) if form == "dense" else _csr(torch, matrix)
    weights, inputs = weights.to(device), torch.from_numpy(matrix.operand(batch)).to(device)
    return lambda: weights @ inputs


def _csr(torch: Any, matrix: LayerMatrix) -> Any:
    csr = matrix.csr
    parts = (torch.from_numpy(part) for part in (csr.indptr, csr.indices, csr.data))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(*parts, size=csr.shape, check_invariants=True)


def _fetch(product: Any) -> NDArray[np.float32]:
    return product.cpu().numpy()
