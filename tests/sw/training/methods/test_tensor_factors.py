"""sw/training/methods/tensor_factors.py: chains compute the decompositions, whose errors are near the optimum."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")
pytest.importorskip("tensorly", reason="tensor factors need tensorly, the extra `train`")

import numpy as np
import torch
from torch import nn

from model.errors import EieError
from sw.training.methods.tensor_factors import TensorFactors, canonical, tensor_factors, tucker
from sw.training.optimiser import Training
from tests.support.networks.methods import check_file
from tests.support.networks.training import batches

NONE = Training(epochs=0)


def convolution() -> nn.Conv2d:
    torch.manual_seed(4)
    return nn.Conv2d(5, 8, (3, 2), stride=(2, 1), padding=(1, 0))


def factored(**options: Any) -> Any:
    module: Any = nn.Sequential(convolution())
    tensor_factors(module, [], TensorFactors(**options), NONE)
    return module[0]


def test_tucker_is_the_projection_and_near_the_bounds() -> None:
    """The core is the kernel in the factors' bases; the error is between the larger and the sum of the unfoldings'."""
    kernel = np.random.default_rng(1).normal(size=(8, 5, 3, 2))
    outputs, core, inputs = tucker(kernel, (4, 3), 200)
    np.testing.assert_allclose(outputs.T @ outputs, np.eye(4), atol=1e-9)
    np.testing.assert_allclose(core, np.einsum("ncyx,na,cb->abyx", kernel, outputs, inputs), atol=1e-6)
    error = ((kernel - np.einsum("abyx,na,cb->ncyx", core, outputs, inputs)) ** 2).sum()
    unfolded = [np.moveaxis(kernel, axis, 0).reshape(kernel.shape[axis], -1) for axis in (0, 1)]
    tails = [
        (np.linalg.svd(matrix, compute_uv=False)[rank:] ** 2).sum()
        for matrix, rank in zip(unfolded, (4, 3), strict=True)
    ]
    assert max(tails) <= error <= sum(tails)
    for axis, rank in ((0, 4), (1, 3)):  # each factor is the best for the other: it spans the leading singular vectors
        other = np.einsum("ncyx,cb->nbyx", kernel, inputs) if axis == 0 else np.einsum("ncyx,na->cayx", kernel, outputs)
        best = np.linalg.svd(other.reshape(len(other), -1))[0][:, :rank]
        own = outputs if axis == 0 else inputs
        np.testing.assert_allclose(best @ best.T, own @ own.T, atol=1e-3)


def test_cp_finds_factors_that_are_there() -> None:
    random = np.random.default_rng(3)
    parts = [random.normal(size=(size, 2)) for size in (8, 5, 3, 3)]
    kernel = np.einsum("nr,cr,yr,xr->ncyx", *parts)
    n, c, y, x = canonical(kernel, 2, 500)
    np.testing.assert_allclose(np.einsum("nr,cr,yr,xr->ncyx", n, c, y, x), kernel, atol=1e-3)
    norms = np.stack([np.linalg.norm(factor, axis=0) for factor in (n, c, y, x)])
    np.testing.assert_allclose(norms, np.broadcast_to(norms[:1], norms.shape), rtol=1e-6)


def test_chains_compute_what_the_kernel_of_their_factors_does() -> None:
    layer, inputs = convolution(), torch.randn(2, 5, 9, 8)
    exact = layer(inputs)
    torch.testing.assert_close(factored(rank=8)(inputs), exact, rtol=1e-4, atol=1e-5)
    kernel = layer.weight.detach().double().numpy()
    outputs, core, sources = tucker(kernel, (4, 3), 200)
    n, c, y, x = canonical(kernel, 6, 200)
    kernels = {
        "tucker": np.einsum("abyx,na,cb->ncyx", core, outputs, sources),
        "cp": np.einsum("nr,cr,yr,xr->ncyx", n, c, y, x),
    }
    made = {"tucker": factored(rank=4, input_rank=3), "cp": factored(form="cp", rank=6)}
    for form, near in kernels.items():
        with torch.no_grad():
            layer.weight.copy_(torch.as_tensor(near))
        torch.testing.assert_close(made[form](inputs), layer(inputs), rtol=1e-3, atol=1e-4)
    assert [part.groups for part in made["cp"]] == [1, 6, 6, 1]
    assert [tuple(part.kernel_size) for part in made["cp"]] == [(1, 1), (3, 1), (1, 2), (1, 1)]


@pytest.mark.parametrize("options", [{"rank": 4, "input_rank": 2}, {"form": "cp", "rank": 4, "train_on": "outputs"}])
def test_it_learns_again_and_its_file_computes_the_same(options: dict[str, Any], tmp_path: Path) -> None:
    torch.manual_seed(2)
    module: Any = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(24, 3))
    inputs, labels = torch.randn(32, 3, 6, 6), torch.arange(32) % 3
    data = [(inputs, module(inputs).argmax(1) if "train_on" in options else labels)]
    training = Training(epochs=30, optimizer="adam", learning_rate=0.01)
    history = tensor_factors(module, data, TensorFactors(**options), training)
    assert history[-1].loss < 0.6 * history[0].loss
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_((parameter * 30).round().clamp(-100, 100) / 30)
    check_file(module, (3, 6, 6), tmp_path / "factors.eie")


def test_refusals() -> None:
    with pytest.raises(EieError, match="tensor factors need a rank, got none"):
        TensorFactors()
    with pytest.raises(EieError, match="CP has one rank, got an input_rank"):
        TensorFactors(form="cp", rank=2, input_rank=2)
    with pytest.raises(EieError, match=r"ranks of 0\.weight go up to \(8, 5\), got \(9, 5\)"):
        factored(rank=9)
    grouped = nn.Sequential(nn.Conv2d(4, 4, 3, groups=2))
    with pytest.raises(EieError, match="of a convolution without groups, got 2"):
        tensor_factors(grouped, batches(), TensorFactors(rank=2), NONE)
