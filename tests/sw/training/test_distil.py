"""sw/training/distil.py: the whole network is nearer to what it was than layer by layer, and stays as small."""

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

import numpy as np
import torch
from torch import nn

from model.errors import EieError
from sw.compress.reconstruct import reconstruct
from sw.file.model_file import save
from sw.formats.network_file import load_network
from sw.network.calibrate import calibrate
from sw.network.graph import ApplyLayer, Convolution, Flatten, Graph, Node, Pool, both_sides
from sw.network.host_end import without_softmax
from sw.network.integer_forward import run_integers
from sw.network.layer import Layer
from sw.network.network import Network
from sw.network.operations import Softmax
from sw.training.distil import BIAS_RATE, Distilled, Kept, OutputLoss, distil


def layer(name: str, *shape: int, relu: bool = True, convolution: Convolution | None = None) -> Layer:
    random = np.random.default_rng(len(name) + sum(shape))
    weight = (random.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
    return Layer(name, weight, random.normal(size=shape[0]).astype(np.float32) * np.float32(0.1), relu, convolution)


def network(softmax: bool = True) -> Network:
    """Convolutions, a mean, a classifier."""
    layers = (
        layer("conv", 8, 2, 3, 3, convolution=Convolution(padding=both_sides((1, 1)))),
        layer("pointwise", 16, 8, 1, 1, convolution=Convolution()),
        layer("depthwise", 16, 1, 3, 3, convolution=Convolution(padding=both_sides((1, 1)), groups=16)),
        layer("out", 6, 16, relu=False),
    )
    layers[3].weight[:] *= 20
    nodes = [
        Node(ApplyLayer(), (0,)),
        Node(ApplyLayer(), (1,)),
        Node(ApplyLayer(), (2,)),
        Node(Pool(kind="average", kernel=(6, 6), stride=(6, 6)), (3,)),
        Node(Flatten(), (4,)),
        Node(ApplyLayer(), (5,)),
        *([Node(Softmax(axis=0), (6,))] if softmax else []),
    ]
    return Network(layers, Graph(input_shape=(2, 6, 6), nodes=tuple(nodes)))


def smooth(count: int, seed: int) -> np.ndarray:
    """Images whose neighbours are alike."""
    random = np.random.default_rng(seed)
    return random.normal(size=(count, 2, 6, 6)).cumsum(axis=2).cumsum(axis=3).astype(np.float32)


LIMITS = {"density": {"pointwise": 0.4, "out": 0.4}, "code_bits": 4}


@pytest.mark.parametrize("softmax", [True, False])
def test_outputs_are_kept_better_than_layer_by_layer(softmax: bool) -> None:
    made, x, unseen = network(softmax), smooth(200, 0), smooth(300, 1)
    said: list[str] = []
    found = distil(made, x, steps=150, progress=said.append, **LIMITS)
    plain = reconstruct(made, x, **LIMITS)
    bare, softmax_found = without_softmax(made)
    axis = None if softmax_found is None else softmax_found.axis + 1
    assert axis == (1 if softmax else None)
    wanted = torch.as_tensor(bare.forward(unseen))
    loss = OutputLoss(wanted, axis)
    mine, other = (
        float(loss(torch.as_tensor(without_softmax(each.to_network())[0].forward(unseen)), wanted))
        for each in (found.network, plain)
    )
    assert mine < 0.9 * other
    assert found.distilled < 0.9 * found.layer_by_layer
    assert found.held_back == 40
    assert sum(sentence.startswith("distilling") for sentence in said) == 3
    for mine, other in zip(found.network.layers, plain.layers, strict=True):
        assert mine.code_bits == 4
        assert mine.positions.size <= other.positions.size
    assert found.network.graph == made.graph


def test_the_seed_decides_and_what_was_pruned_stays_pruned() -> None:
    made = network()
    made.layers[0].weight[made.layers[0].weight < 0.1] = 0
    dense = [
        [each.dense() for each in distil(made, smooth(40, 0), steps=25, seed=seed).network.layers] for seed in (1, 1, 2)
    ]
    assert not dense[0][0][made.layers[0].weight == 0].any()
    assert all((one == other).all() for one, other in zip(dense[0], dense[1], strict=True))
    assert not all((one == other).all() for one, other in zip(dense[0], dense[2], strict=True))


def test_training_that_does_not_help_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sw.training.distil.FREE_RATE", 10.0)
    monkeypatch.setattr("sw.training.distil.SHARED_RATE", 10.0)
    made, x = network(), smooth(40, 0)
    found: Distilled = distil(made, x, steps=30, **LIMITS)
    assert found.distilled > found.layer_by_layer
    order = np.random.default_rng(0).permutation(40)
    plain = reconstruct(made, x[order][8:], **LIMITS)
    for mine, other in zip(found.network.layers, plain.layers, strict=True):
        np.testing.assert_array_equal(mine.dense(), other.dense())


def test_the_loss_is_what_it_says() -> None:
    wanted, outputs = torch.tensor([[0.0, 2.0], [4.0, 2.0]]), torch.tensor([[1.0, 2.0], [4.0, 2.0]])
    assert float(OutputLoss(wanted, None)(outputs, wanted)) == pytest.approx(0.25 / 2)
    teacher, student = np.exp([0.0, 1.0]) / np.exp([0.0, 1.0]).sum(), np.exp([0.5, 1.0]) / np.exp([0.5, 1.0]).sum()
    divergence = (teacher * np.log(teacher / student)).sum() / 2  # of two inputs, at temperature 2
    assert float(OutputLoss(wanted, 1)(outputs, wanted)) == pytest.approx(0.25 / 2 + 4 * divergence)
    assert float(OutputLoss(wanted, 1)(wanted, wanted)) == 0


def test_weights_that_are_zero_get_no_gradient() -> None:
    module = nn.Linear(3, 2)
    with torch.no_grad():
        module.weight[:, 1] = 0
    form = Kept(module, {"weight": 2.0, "bias": 4.0})
    module(torch.ones(1, 3)).sum().backward()
    form.gather()
    assert module.weight.grad is not None
    assert module.weight.grad.tolist() == [[1, 0, 1], [1, 0, 1]]
    assert form.rate("weight") == 2.0
    assert form.rate("bias") == 4 * BIAS_RATE


def test_refusals() -> None:
    with pytest.raises(EieError, match="at least 10 inputs, got 9"):
        distil(network(), smooth(9, 0))
    with pytest.raises(EieError, match="at least 1 step, got 0"):
        distil(network(), smooth(10, 0), steps=0)


@pytest.mark.slow
def test_keyword_spotting_at_two_fifths_of_its_weights(data_folder: Path, tmp_path: Path) -> None:
    """KWS of MLPerf Tiny, 250 unlabelled inputs, right answers of 250 others: dense 90 %, by magnitude 30 %."""
    pytest.importorskip("tflite")
    samples = np.load(data_folder / "mlperf_tiny" / "kws01_half.npz")
    made = load_network(data_folder / "mlperf_tiny" / "kws_ref_model_float32.tflite")
    x = ((samples["features_int8"] - 83.0) * 0.5847029089927673).astype(np.float32).reshape(-1, 49, 10, 1)
    order = np.random.default_rng(0).permutation(500)
    fitted, held = order[:250], order[250:]
    wide = {each.name for each in made.layers if each.weight[0].size == 64}
    bits = {each.name: 4 if each.name in wide else 5 for each in made.layers}
    small = distil(made, x[fitted], density=dict.fromkeys(wide, 0.4), code_bits=bits, steps=300)
    calibrated = calibrate(small.network, x[fitted])
    run = run_integers(calibrated, x[held])
    assert (run.integers.reshape(250, -1).argmax(axis=1) == samples["labels"][held]).mean() >= 0.865
    save(calibrated, tmp_path / "kws.eie")
    assert (tmp_path / "kws.eie").stat().st_size <= 9_500
