"""sw/compress/reconstruct.py: outputs are kept better than by magnitude, on inputs that it has not seen."""

from pathlib import Path

import numpy as np
import pytest

from model.errors import EieError
from sw.compress.pipeline import compress
from sw.compress.reconstruct import reconstruct
from sw.network.calibrate import calibrate
from sw.network.graph import ApplyLayer, Convolution, Flatten, Graph, Lstm, Node, both_sides
from sw.network.integer_forward import run_integers
from sw.network.layer import Layer
from sw.network.network import Network
from sw.network.operations import Elementwise


def layer(name: str, *shape: int, relu: bool = True, convolution: Convolution | None = None) -> Layer:
    rng = np.random.default_rng(len(name) + sum(shape))
    weight = (rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
    return Layer(name, weight, rng.normal(size=shape[0]).astype(np.float32) * np.float32(0.1), relu, convolution)


def network() -> Network:
    """A convolution, a depthwise one, a residual, a linear layer."""
    layers = (
        layer("conv", 8, 3, 3, 3, convolution=Convolution(padding=both_sides((1, 1)))),
        layer("depthwise", 8, 1, 3, 3, convolution=Convolution(padding=both_sides((1, 1)), groups=8)),
        layer("out", 5, 8 * 36, relu=False),
    )
    nodes = (
        Node(ApplyLayer(), (0,)),
        Node(ApplyLayer(), (1,)),
        Node(Elementwise(kind="add"), (1, 2)),
        Node(Flatten(), (3,)),
        Node(ApplyLayer(), (4,)),
    )
    return Network(layers, Graph(input_shape=(3, 6, 6), nodes=nodes))


def smooth(count: int, seed: int) -> np.ndarray:
    """Images whose neighbours are alike."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, 3, 6, 6)).cumsum(axis=2).cumsum(axis=3).astype(np.float32)


def error(made: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.linalg.norm(made - wanted) / np.linalg.norm(wanted))


@pytest.mark.parametrize("density", [0.3, {"conv": 0.5, "out": 0.2}, None])
def test_outputs_are_kept_better_than_by_magnitude(density: float | dict[str, float] | None):
    made, unseen = network(), smooth(200, 1)
    said: list[str] = []
    small = reconstruct(made, smooth(400, 0), density=density, code_bits=3, progress=said.append)
    plain = compress(made, density=density, code_bits=3)
    wanted = made.forward(unseen)
    found, before = (error(each.to_network().forward(unseen), wanted) for each in (small, plain))
    assert found < 0.6 * before
    for mine, other in zip(small.layers, plain.layers, strict=True):
        assert mine.positions.size <= other.positions.size
        assert mine.codebook.size == 8
    assert [sentence.split(":")[0] for sentence in said] == [f"reconstructed {each.name}" for each in made.layers]
    assert not run_integers(calibrate(small, unseen), unseen).overflow.any()


def test_what_was_pruned_stays_pruned():
    made = network()
    made.layers[0].weight[made.layers[0].weight < 0.1] = 0
    small = reconstruct(made, smooth(50, 0), density=0.9)
    assert not small.layers[0].dense()[made.layers[0].weight == 0].any()


def test_long_rows_have_their_biases_corrected(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sw.compress.reconstruct.LARGEST_ROW", 100)
    made, x = network(), smooth(300, 0)
    small = reconstruct(made, x, density={"out": 0.1}, code_bits=8)
    means = small.to_network().forward(x).mean(axis=0) - made.forward(x).mean(axis=0)
    assert np.abs(means).max() < 0.01
    np.testing.assert_array_equal(
        small.layers[2].positions, compress(made, density={"out": 0.1}).layers[2].positions
    )  # fmt: skip


def test_an_lstm_is_compressed_as_ever():
    made = Network((layer("lstm", 12, 7, relu=False),), Graph(input_shape=(5, 4), nodes=(Node(Lstm(), (0,)),)))
    x = np.random.default_rng(0).normal(size=(9, 5, 4)).astype(np.float32)
    small, plain = reconstruct(made, x, density=0.5), compress(made, density=0.5, code_bits=4)
    np.testing.assert_array_equal(small.layers[0].dense(), plain.layers[0].dense())


def test_refusals():
    with pytest.raises(EieError, match="at least one input, got none"):
        reconstruct(network(), smooth(1, 0)[:0])
    with pytest.raises(EieError, match="code_bits must be between 1 and 8, got 9"):
        reconstruct(network(), smooth(1, 0), code_bits=9)
    with pytest.raises(EieError, match="density must name layers of conv, depthwise, out"):
        reconstruct(network(), smooth(1, 0), density={"a": 0.5})


@pytest.mark.slow
def test_keyword_spotting_at_two_fifths_of_its_weights(data_folder: Path):
    """KWS of MLPerf Tiny, 250 unlabelled inputs, right answers of 250 others: dense 90 %, by magnitude 30 %."""
    pytest.importorskip("tflite")
    from sw.formats.network_file import load_network

    samples = np.load(data_folder / "mlperf_tiny" / "kws01_half.npz")
    made = load_network(data_folder / "mlperf_tiny" / "kws_ref_model_float32.tflite")
    x = ((samples["features_int8"] - 83.0) * 0.5847029089927673).astype(np.float32).reshape(-1, 49, 10, 1)
    order = np.random.default_rng(0).permutation(500)
    fitted, held = order[:250], order[250:]
    wide = {each.name for each in made.layers if each.weight[0].size == 64}
    bits = {each.name: 4 if each.name in wide else 5 for each in made.layers}
    small = calibrate(reconstruct(made, x[fitted], density=dict.fromkeys(wide, 0.4), code_bits=bits), x[fitted])
    run = run_integers(small, x[held])
    assert (run.integers.reshape(250, -1).argmax(axis=1) == samples["labels"][held]).mean() >= 0.83
