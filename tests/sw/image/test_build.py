import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.config import ArrayConfig, RowDealing
from model.errors import EieError
from model.fixed_point import layer_reference, to_fixed
from model.image import NetworkImage
from sw.image.build import build_image
from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedLayer, CompressedNetwork
from sw.network.quantise import choose_formats
from tests.support.networks.random_networks import make_config, make_layer, networks

configs = st.builds(
    lambda pes, index_bits, dealing: make_config(pes=pes, index_bits=index_bits, code_bits=8, row_dealing=dealing),
    st.sampled_from([1, 2, 3, 4, 8, 64]),
    st.integers(1, 8),
    st.sampled_from(["modulo", "balanced"]),
)


def run(image: NetworkImage, activations: np.ndarray, accumulator_bits: int) -> np.ndarray:
    """The image's outputs in logical order, on dense integer matrices."""
    physical = np.zeros(image.layers[0].columns, np.int16)
    physical[: activations.size] = activations
    for layer in image.layers:
        biases = layer.biases.ravel()
        physical, overflow = layer_reference(
            layer.dense_weights(), biases, layer.bias_scale, physical, layer.shift, layer.relu, accumulator_bits
        )
        assert not overflow
    padding = np.setdiff1d(np.arange(physical.size), image.output_order)
    assert not physical[padding].any()
    return physical[image.output_order]


@given(networks(calibrated=True), configs)
def test_the_image_computes_the_network(network: CompressedNetwork, config: ArrayConfig):
    image = build_image(network, config)
    activations = to_fixed(np.random.default_rng(0).normal(size=network.in_features), image.input_fraction_bits) // 8
    expected = activations
    for layer, chosen in zip(network.layers, choose_formats(network, 32), strict=True):
        weights = to_fixed(layer.dense(), chosen.weight_fraction_bits)
        biases = to_fixed(layer.bias, chosen.bias_fraction_bits)
        expected, _ = layer_reference(weights, biases, chosen.bias_scale, expected, chosen.shift, layer.relu, 32)
    assert run(image, activations, 32).tolist() == expected.tolist()
    assert (image.in_features, image.out_features) == (network.in_features, network.out_features)


@given(networks(calibrated=True), configs)
def test_slices_are_well_formed(network: CompressedNetwork, config: ArrayConfig):
    image = build_image(network, config)
    for layer, small in zip(image.layers, network.layers, strict=True):
        assert layer.in_rows == -(-small.shape[1] // config.pes)
        assert layer.out_rows == -(-small.shape[0] // config.pes)
        assert layer.pes == config.pes
        assert layer.codebook.shape == (config.code_symbols,)
        assert layer.codebook[0] == 0
        assert layer.entries - layer.fillers == small.positions.size
        assert (layer.runs[layer.codes == 0] == config.max_run).all()
        assert (layer.pointers[:, 0] == 0).all()
        assert (layer.pointers[:, -1] == np.diff(layer.offsets)).all()


@pytest.mark.parametrize("dealing", ["modulo", "balanced"])
def test_dense_weights_are_the_permuted_quantised_ones(dealing: RowDealing):
    layer = make_layer(5, (23, 30), 0.2)
    network = calibrate(CompressedNetwork(layers=(layer,)), np.ones((1, 30)))
    image = build_image(network, make_config(row_dealing=dealing))
    (chosen,) = choose_formats(network, 32)
    dense = image.layers[0].dense_weights()
    assert (dense[image.output_order, :30] == to_fixed(layer.dense(), chosen.weight_fraction_bits)).all()
    assert (np.sort(image.output_order) == image.output_order).all() == (dealing == "modulo")
    assert np.count_nonzero(dense) == layer.positions.size


def test_a_long_gap_in_a_slice_takes_fillers():
    layer = make_layer(0, (200, 1), 1.0)
    keep = [0, 197]
    layer = CompressedLayer(
        **{**vars(layer), "positions": layer.positions[keep], "codes": layer.codes[keep], "name": "gap"}
    )
    network = calibrate(CompressedNetwork(layers=(layer,)), np.ones((1, 1)))
    image = build_image(network, make_config(pes=1, activation_depth=256, index_bits=4)).layers[0]
    assert image.runs.tolist() == [0, *[15] * 12, 196 - 12 * 16]
    assert (image.codes == 0).tolist() == [False, *[True] * 12, False]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"layers": 1}, "layer table: the network needs 2 layers, the array has 1"),
        (
            {"activation_depth": 9},
            "activation memory: the network needs 10 local activations on 4 PEs, the array has 9",
        ),
        ({"pointer_depth": 60}, r"pointer memory: the network needs 62 pointers, the array has 60"),
        ({"constant_depth": 60}, "constant memory: the network needs 61 words, the array has 60"),
        ({"code_bits": 3}, "layer a: the array takes codes of at most 3 bits, got 4"),
        ({"sparse_matrix_depth": 10}, r"sparse-matrix memory: PE \d needs \d+ rows of 8 entries, the array has 10"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_numbers(changes: dict[str, int], sentence: str):
    layers = (make_layer(1, (40, 19), 0.5, name="a"), make_layer(2, (12, 40), 0.5, name="b"))
    network = calibrate(CompressedNetwork(layers=layers), np.ones((1, 19)))
    config = make_config(layers=3, constant_depth=128)
    build_image(network, config, resident=True)
    with pytest.raises(EieError, match=sentence):
        build_image(network, config.with_(**changes), resident=True)


def test_memories_filled_to_the_last_word():
    layers = (make_layer(1, (40, 19), 0.5, name="a"), make_layer(2, (12, 40), 0.5, name="b"))
    network = calibrate(CompressedNetwork(layers=layers), np.ones((1, 19)))
    image = build_image(network, make_config())
    rows = np.max(-(-np.diff(image.layers[0].offsets) // 8) - (-np.diff(image.layers[1].offsets) // 8))
    exact = {"activation_depth": 10, "pointer_depth": 62, "constant_depth": 61, "sparse_matrix_depth": int(rows)}
    for resident in (False, True):
        whole = build_image(network, make_config(**exact), resident=resident)
        assert (len(whole.layers), whole.pass_starts) == (2, (0,))
    for field in ("pointer_depth", "constant_depth", "sparse_matrix_depth"):
        short = make_config(**{**exact, field: exact[field] - (2 if field == "pointer_depth" else 1)})
        with pytest.raises(EieError, match=field.removesuffix("_depth").replace("_", "-")):
            build_image(network, short, resident=True)
        assert build_image(network, short).pass_starts == (0, 1)


def test_calibration_is_required():
    with pytest.raises(EieError, match="need a calibration"):
        build_image(CompressedNetwork(layers=(make_layer(0, (3, 3), 0.5),)), make_config())
