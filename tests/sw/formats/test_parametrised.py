"""sw/formats/parametrised.py: weights that torch keeps in parts are what the network computes with, or refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.errors import EieError
from sw.formats.assumptions import Assumptions
from sw.formats.network_file import load_network
from sw.formats.parametrised import join_parts

RNG = np.random.default_rng(0)
WEIGHT = RNG.normal(size=(3, 4)).astype(np.float32)
MASK = (RNG.random((3, 4)) < 0.5).astype(np.float32)


def silent(_: str) -> None:
    pass


@pytest.mark.parametrize("dtype", [np.float32, np.bool_, np.uint8])
@pytest.mark.parametrize("name", ["fc.weight", "weight", "fc.bias", "rnn.weight_hh_l0", "rnn.weight_ih_l0_reverse"])
def test_a_mask_is_applied(name: str, dtype: type):
    said: list[str] = []
    tensors = {"a": WEIGHT, f"{name}_orig": WEIGHT, f"{name}_mask": MASK.astype(dtype), "b": WEIGHT}
    whole = join_parts(tensors, said.append)
    assert list(whole) == ["a", name, "b"]
    np.testing.assert_array_equal(whole[name], WEIGHT * MASK)
    assert said == [f"{name} is {name}_orig and {name}_mask multiplied, a pruning mask of torch.nn.utils.prune"]


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".pt"])
@pytest.mark.parametrize("way", ["prune", "weight_norm", "parametrized", "spectral", "parametrized spectral"])
def test_what_torch_saves(tmp_path: Path, suffix: str, way: str):
    torch = pytest.importorskip("torch")
    safetensors_torch = pytest.importorskip("safetensors.torch")
    import torch.nn.utils.prune as prune  # its own name in torch

    torch.manual_seed(1)
    module = torch.nn.Sequential(torch.nn.Linear(8, 6), torch.nn.ReLU(), torch.nn.Linear(6, 4))
    if way == "prune":
        prune.l1_unstructured(module[0], "weight", 0.6)
        prune.l1_unstructured(module[2], "bias", 0.5)
    elif way == "parametrized":
        torch.nn.utils.parametrizations.weight_norm(module[0])
        torch.nn.utils.parametrizations.weight_norm(module[2], dim=1)
    elif way == "weight_norm":
        with pytest.warns(FutureWarning):
            torch.nn.utils.weight_norm(module[0], dim=None)
        with torch.no_grad():
            module[0].weight_g *= 3
    elif way == "spectral":
        torch.nn.utils.spectral_norm(module[0])
    else:
        torch.nn.utils.parametrizations.spectral_norm(module[2])
    module.eval()
    x = torch.randn(5, 8)
    with torch.no_grad():
        wanted = module(x).numpy()
    path = tmp_path / f"net{suffix}"
    state = module.state_dict()
    if suffix == ".pt":
        torch.save(state, path)
    elif suffix == ".npz":
        np.savez(path, **{key: value.numpy() for key, value in state.items()})
    else:
        safetensors_torch.save_file({key: value.contiguous() for key, value in state.items()}, path)
    said: list[str] = []
    network = load_network(path, assumptions=Assumptions(say=said.append))
    np.testing.assert_allclose(network.forward(x.numpy()), wanted, rtol=1e-5, atol=1e-6)
    assert len(said) > 1


@pytest.mark.parametrize(
    ("tensors", "sentence"),
    [
        (
            {"fc.weight_orig": WEIGHT},
            "fc.weight is kept in parts that are not understood, fc.weight_orig: remove it in",
        ),
        ({"fc.weight_mask": MASK}, "fc.weight is kept in parts that are not understood, fc.weight_mask"),
        ({"fc.weight": WEIGHT, "fc.weight_mask": MASK}, "fc.weight and fc.weight_mask are both there"),
        ({"fc.weight": WEIGHT, "fc.weight_orig": WEIGHT, "fc.weight_mask": MASK}, "are both there: keep one"),
        ({"fc.weight_orig": WEIGHT, "fc.weight_mask": MASK[:2]}, "a mask of 0 and 1 of its shape"),
        ({"fc.weight_orig": WEIGHT, "fc.weight_mask": MASK * 2}, "a mask of 0 and 1 of its shape"),
        ({"fc.weight_g": WEIGHT, "fc.weight_v": WEIGHT[:, :2]}, "gains and the directions of weight norm"),
        ({"fc.weight_g": WEIGHT[:2, :1], "fc.weight_v": WEIGHT}, "gains and the directions of weight norm"),
        ({"fc.weight_g": WEIGHT[:, :1], "fc.weight_v": WEIGHT * 0}, "must not be zero"),
        ({"fc.weight_g": MASK.astype(np.int8), "fc.weight_v": WEIGHT}, "must hold floating-point numbers"),
        ({"fc.weight_orig": WEIGHT, "fc.weight_u": WEIGHT[0], "fc.weight_v": WEIGHT[0]}, "singular vectors"),
        (
            {"fc.weight_orig": WEIGHT * 0, "fc.weight_u": WEIGHT[:, 0], "fc.weight_v": WEIGHT[0]},
            "must be finite and not 0",
        ),
        ({"fc.parametrizations.weight.original": WEIGHT}, "kept in parts .* fc.parametrizations.weight.original"),
        (
            {"fc.parametrizations.weight.original": WEIGHT, "fc.parametrizations.weight.0.base": WEIGHT},
            "kept in parts that are not understood",
        ),
    ],
)
def test_parts_that_do_not_belong_together(tensors: dict[str, np.ndarray], sentence: str):
    with pytest.raises(EieError, match=sentence):
        join_parts(dict(tensors), silent)


def test_other_parts_of_weights_are_no_layers(tmp_path: Path):
    for name in ("fc.weight_scale", "fc.weight_zero_point", "fc.weight_quantizer", "fc.weightless"):
        tensors: dict[str, Any] = {"fc.weight": WEIGHT, name: WEIGHT}
        np.savez(tmp_path / "net.npz", **tensors)
        with pytest.raises(EieError, match=f"NAME.weight with an optional NAME.bias, got {name}"):
            load_network(tmp_path / "net.npz")
