"""sw/formats/keras/*.py: what Keras itself computes, for every kind of layer and both kinds of files."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.errors import EieError
from sw.formats.assumptions import Assumptions
from sw.formats.network_file import load_network
from sw.network.network import Network
from tests.support.files import keras_files
from tests.support.networks.formats import assert_refuses_cuts, assert_survives_damage

pytest.importorskip("pyfive")
# Keras's own: torch's variables as arrays, and its opinion of .h5 files.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")


@pytest.fixture(scope="module")
def keras() -> Any:
    """Keras with torch, which takes seconds to import."""
    pytest.importorskip("torch")
    os.environ["KERAS_BACKEND"] = "torch"
    keras: Any = pytest.importorskip("keras")
    keras.utils.set_random_seed(1)
    return keras


def save(keras: Any, model: Any, folder: Path, kind: str) -> Path:
    """The model in a file, with weights that are all random: Keras's biases are 0 and its norms do nothing."""
    rng = np.random.default_rng(2)
    for variable in model.weights:
        if "float" in str(variable.dtype):
            low = 0.5 if "variance" in variable.path else -0.5
            variable.assign(rng.uniform(low, 1.0, variable.shape).astype(np.float32))
    path = folder / f"model.{kind}"
    model.save(path)
    return path


def compare(keras: Any, model: Any, path: Path) -> Network:
    """The network in the file, whose outputs are Keras's."""
    network = load_network(path)
    shapes = [tuple(each.shape[1:]) for each in model.inputs]
    rng = np.random.default_rng(3)
    inputs = [rng.normal(size=(3, *shape)).astype(np.float32) for shape in shapes]
    found = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    wanted = np.concatenate([each.reshape(3, -1) for each in (found if isinstance(found, list) else [found])], axis=1)
    flat = inputs[0] if len(inputs) == 1 else np.concatenate([each.reshape(3, -1) for each in inputs], axis=1)
    mine = network.forward(flat)
    if not isinstance(found, list):
        assert mine.shape == found.shape
    error = np.abs(mine.reshape(3, -1) - wanted).max() / np.abs(wanted).max()
    assert error <= 1e-5, f"relative error {error:.2e}"
    return network


# A function of keras.layers that makes the layers of a Sequential model, and the shape of its input.
Case = tuple[str, tuple[int, ...], Callable[[Any], list[Any]]]
NAMES = (
    "celu elu exponential gelu hard_sigmoid hard_silu leaky_relu log_softmax mish relu relu6 selu sigmoid silu softmax "
    "softplus softsign tanh"
)
CASES: list[Case] = [
    ("dense", (12,), lambda L: [L.Dense(9, activation="relu"), L.Dropout(0.5), L.Dense(5, use_bias=False)]),
    ("dense of steps", (7, 4), lambda L: [L.Dense(9, activation="tanh"), L.TimeDistributed(L.Dense(3))]),
    ("dense of rows", (4, 5, 3), lambda L: [L.Dense(6)]),
    ("conv same", (9, 8, 3), lambda L: [L.Conv2D(4, (3, 2), strides=2, padding="same"), L.Flatten(), L.Dense(3)]),
    ("conv dilated", (9, 8, 3), lambda L: [L.Conv2D(4, 3, dilation_rate=2, activation="relu")]),
    ("conv groups", (9, 8, 4), lambda L: [L.Conv2D(6, 3, groups=2, use_bias=False), L.BatchNormalization()]),
    ("conv 1d causal", (9, 3), lambda L: [L.Conv1D(4, 3, padding="causal", dilation_rate=2), L.Flatten()]),
    ("conv 1d", (9, 3), lambda L: [L.Conv1D(4, 3, strides=2, padding="same"), L.MaxPooling1D(2)]),
    ("depthwise", (8, 8, 3), lambda L: [L.DepthwiseConv2D(3, depth_multiplier=2, padding="same"), L.ReLU(6.0)]),
    ("depthwise 1d", (8, 3), lambda L: [L.DepthwiseConv1D(3, depth_multiplier=2, strides=2)]),
    ("separable", (8, 8, 3), lambda L: [L.SeparableConv2D(5, 3, depth_multiplier=2, strides=2, activation="gelu")]),
    ("separable 1d", (8, 3), lambda L: [L.SeparableConv1D(5, 3, padding="same")]),
    ("transposed", (5, 4, 3), lambda L: [L.Conv2DTranspose(4, 3, strides=2, padding="same")]),
    ("transposed valid", (5, 4, 3), lambda L: [L.Conv2DTranspose(4, (2, 4), strides=(3, 2))]),
    ("transposed 1d", (5, 3), lambda L: [L.Conv1DTranspose(4, 4, strides=2, padding="same")]),
    ("norm first", (6, 6, 3), lambda L: [L.BatchNormalization(scale=False), L.Conv2D(2, 3), L.BatchNormalization()]),
    ("norm of rows", (6, 4, 3), lambda L: [L.Dense(3), L.BatchNormalization(axis=1), L.Dense(2)]),
    (
        "layer norm",
        (6, 5),
        lambda L: [L.Dense(4), L.LayerNormalization(), L.Dense(3), L.LayerNormalization(center=False)],
    ),
    ("pools", (9, 9, 3), lambda L: [L.Conv2D(4, 2), L.AveragePooling2D(2, 2, "same"), L.MaxPooling2D(2, 1, "same")]),
    ("pools 1d", (9, 3), lambda L: [L.Conv1D(4, 2), L.AveragePooling1D(2), L.GlobalMaxPooling1D()]),
    ("global pool", (6, 5, 3), lambda L: [L.Conv2D(4, 2), L.GlobalAveragePooling2D(), L.Dense(3)]),
    ("padding", (6, 5, 3), lambda L: [L.ZeroPadding2D(((1, 2), (0, 1))), L.Conv2D(4, 3, strides=2, padding="valid")]),
    ("padding 1d", (6, 3), lambda L: [L.ZeroPadding1D((2, 1)), L.Conv1D(4, 3), L.Cropping1D((1, 0))]),
    ("crop, repeat", (6, 5, 3), lambda L: [L.Cropping2D(((1, 0), (2, 1))), L.UpSampling2D((2, 3)), L.Conv2D(2, 2)]),
    ("between", (4, 5, 3), lambda L: [L.UpSampling2D((3, 2), interpolation="bilinear"), L.Conv2D(2, 2)]),
    ("shapes", (6, 4), lambda L: [L.Permute((2, 1)), L.Reshape((3, -1)), L.Dense(4), L.UpSampling1D(2), L.Flatten()]),
    (
        "activations",
        (4, 5),
        lambda L: [L.Dense(5), L.LeakyReLU(0.1), L.PReLU(), L.ELU(0.5), L.ReLU(2.0, 0.25), L.Softmax()],
    ),
    ("prelu of channels", (4, 5, 3), lambda L: [L.Conv2D(4, 2), L.PReLU(shared_axes=[1, 2]), L.Conv2D(2, 2)]),
    ("rescaling", (4, 5, 3), lambda L: [L.Rescaling(1 / 64, -1.0), L.Conv2D(4, 2)]),
    ("lstm", (7, 3), lambda L: [L.LSTM(5, return_sequences=True), L.LSTM(4), L.Dense(3)]),
    ("lstm backwards", (7, 3), lambda L: [L.LSTM(5, return_sequences=True, go_backwards=True, use_bias=False)]),
    ("gru", (7, 3), lambda L: [L.GRU(5, return_sequences=True), L.GRU(4, use_bias=False)]),
    ("rnn", (7, 3), lambda L: [L.SimpleRNN(5), L.Dense(3)]),
    ("both ways", (7, 3), lambda L: [L.Bidirectional(L.LSTM(5, return_sequences=True)), L.Bidirectional(L.GRU(4))]),
    ("both ways, summed", (7, 3), lambda L: [L.Bidirectional(L.LSTM(5), merge_mode="sum"), L.Dense(3)]),
    *((name, (6,), lambda L, name=name: [L.Dense(5, activation=name), L.Dense(4)]) for name in NAMES.split()),
]


@pytest.mark.parametrize("case", CASES, ids=[name for name, _, _ in CASES])
@pytest.mark.parametrize("kind", ["keras", "h5"])
def test_computes_what_keras_computes(keras: Any, tmp_path: Path, kind: str, case: Case) -> None:
    _, shape, make = case
    model = keras.Sequential([keras.Input(shape), *make(keras.layers)])
    compare(keras, model, save(keras, model, tmp_path, kind))


def test_a_mean_leaves_padding_out(keras: Any, tmp_path: Path) -> None:
    """As TensorFlow, JAX and numpy have it; Keras with torch counts the last element twice (findings/)."""
    L = keras.layers
    model = keras.Sequential([keras.Input((4, 1)), L.Dense(1), L.AveragePooling1D(3, 2, "same")])
    path = tmp_path / "model.keras"
    model.layers[0].set_weights([np.ones((1, 1), np.float32), np.zeros(1, np.float32)])
    model.save(path)
    x = np.arange(1, 5, dtype=np.float32).reshape(1, 4, 1)
    assert load_network(path).forward(x).reshape(-1).tolist() == [2.0, 3.5]


def residual(keras: Any) -> Any:
    """Branches, joined in every way, and layers that are applied twice."""
    L = keras.layers
    x = keras.Input((8, 8, 4), name="image")
    shared = L.Conv2D(4, 3, padding="same", activation="relu", name="shared")
    a = shared(x)
    b = shared(a)
    made = L.Concatenate()([L.Add()([a, b, x]), L.Multiply()([a, L.Reshape((1, 1, 4))(L.GlobalMaxPooling2D()(b))])])
    made = L.Average()([made, L.Subtract()([made, 0.5 * made + 1.0])])
    made = L.Concatenate(axis=1)([made, made])
    return keras.Model(x, L.Dense(3)(L.Flatten()(made)))


def nested(keras: Any) -> Any:
    """Models inside a model, one of them frozen, and two inputs and outputs."""
    L = keras.layers
    inner = keras.Sequential([keras.Input((6,)), L.Dense(5, activation="relu"), L.BatchNormalization(), L.Dense(4)])
    inner.trainable = False
    y = keras.Input((3, 2))
    body = keras.Model(y, L.Dense(6, name="dense")(L.Flatten()(y)), name="body")
    a, b = keras.Input((3, 2)), keras.Input((6,))
    h = inner(body(a))
    return keras.Model([a, b], [L.Dense(2)(h), L.Concatenate()([h, inner(b)])])


@pytest.mark.parametrize("make", [residual, nested])
@pytest.mark.parametrize("kind", ["keras", "h5"])
def test_functional_models(keras: Any, tmp_path: Path, kind: str, make: Callable[[Any], Any]) -> None:
    model = make(keras)
    compare(keras, model, save(keras, model, tmp_path, kind))


@pytest.mark.parametrize("kind", ["keras", "h5"])
def test_files_of_keras_2(project_root: Path, kind: str) -> None:
    """Its defaults and its numbering of nodes and arrays are other ones."""
    folder = project_root / "tests" / "support" / "files" / "keras2"
    with np.load(folder / "outputs.npz") as known:
        found = load_network(folder / f"model.{kind}").forward(known["inputs"])
        np.testing.assert_allclose(found, known["outputs"], rtol=1e-5, atol=1e-6)


def test_layers_keep_their_names_and_a_norm_is_folded(keras: Any, tmp_path: Path) -> None:
    L = keras.layers
    model = keras.Sequential([keras.Input((8, 8, 3)), L.Conv2D(4, 3, name="stem"), L.BatchNormalization(), L.ReLU()])
    network = compare(keras, model, save(keras, model, tmp_path, "keras"))
    assert [(layer.name, layer.relu) for layer in network.layers] == [("stem", True)]


def test_open_sizes_want_a_shape(keras: Any, tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(4, 3)])
    path = save(keras, model, tmp_path, "keras")
    with pytest.raises(EieError, match=r"leaves sizes open.*--input-shape"):
        load_network(path)
    network = load_network(path, assumptions=Assumptions(input_shape=(8, 7, 3)))
    assert network.shapes[-1] == (6, 5, 4)
    with pytest.raises(EieError, match="must fit to"):
        load_network(path, assumptions=Assumptions(input_shape=(8, 7, 4)))


def test_layers_applied_twice_are_said(keras: Any, tmp_path: Path) -> None:
    said: list[str] = []
    load_network(save(keras, residual(keras), tmp_path, "keras"), assumptions=Assumptions(say=said.append))
    assert any("shared (2 times)" in each for each in said)


REFUSED: list[tuple[str, tuple[int, ...], Callable[[Any], Any], str]] = [
    ("embedding", (4,), lambda L: L.Embedding(5, 2), "Embedding.*not supported; known are"),
    ("masking", (4, 3), lambda L: L.Masking(), "Masking.*not supported"),
    ("reset before", (4, 3), lambda L: L.GRU(2, reset_after=False), "reset_after must be True"),
    (
        "hard gates",
        (4, 3),
        lambda L: L.LSTM(2, recurrent_activation="hard_sigmoid"),
        "recurrent_activation must be sig",
    ),
    ("relu gates", (4, 3), lambda L: L.LSTM(2, activation="relu"), "activation must be tanh"),
    ("bicubic", (4, 4, 3), lambda L: L.UpSampling2D(2, interpolation="bicubic"), "must be nearest or bilinear, got bi"),
    ("more padding", (4, 4, 3), lambda L: L.Conv2DTranspose(2, 3, 2, output_padding=1), "output_padding"),
    ("threshold", (4,), lambda L: L.ReLU(threshold=1.0), "threshold must be 0"),
    ("a function of their own", (4,), lambda L: L.Lambda(lambda x: x + 1), "Lambda.*not supported"),
    ("sparse", (4,), lambda L: L.Activation("sparsemax"), "its activation must be one of"),
]


@pytest.mark.parametrize("case", REFUSED, ids=[name for name, *_ in REFUSED])
def test_refuses_what_it_cannot_compute(keras: Any, tmp_path: Path, case: Any) -> None:
    _, shape, make, match = case
    model = keras.Sequential([keras.Input(shape), make(keras.layers)])
    with pytest.raises(EieError, match=match):
        load_network(save(keras, model, tmp_path, "keras"))


def test_refuses_weights_alone(keras: Any, tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.save_weights(tmp_path / "model.weights.h5")
    with pytest.raises(EieError, match="must hold a whole Keras model"):
        load_network(tmp_path / "model.weights.h5")


@pytest.mark.parametrize(("kind", "make"), [("keras", keras_files.archive), ("h5", keras_files.legacy)])
def test_damaged_files(tmp_path: Path, kind: str, make: Callable[[], bytes]) -> None:
    pytest.importorskip("h5py")
    path = tmp_path / f"model.{kind}"
    path.write_bytes(make())
    assert_refuses_cuts(load_network, path, 97)
    assert_survives_damage(load_network, path, 300)
