from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.config import ArrayConfig
from model.errors import EieError
from model.function_descriptor import FunctionDescriptor
from model.image import LayerImage, NetworkImage
from model.layouts import Descriptor, TreeKind
from sw.image.build import build_image
from sw.image.stream import (
    decode_image,
    dequantise_outputs,
    encode_image,
    encode_passes,
    input_packet,
    quantise_inputs,
    unpack_outputs,
)
from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedNetwork
from tests.support.networks.random_networks import make_config, make_layer, networks

configs = st.builds(
    lambda pes, stream_bits, index_bits, spare: make_config(
        pes=pes,
        stream_bits=stream_bits,
        index_bits=index_bits,
        code_bits=7,
        max_code_length=max(index_bits + 1, 7) + spare,
    ),
    st.sampled_from([1, 2, 3, 4, 6, 8, 64]),
    st.sampled_from([32, 64, 128]),
    st.integers(1, 8),
    st.integers(0, 7),
)


def floats(*shape: int) -> Any:
    """An array of a type that the caller did not ask for."""
    return np.zeros(shape)


def same(a: LayerImage, b: LayerImage) -> bool:
    arrays = ("codebook", "biases", "pointers", "codes", "runs", "offsets")
    scalars = ("in_rows", "out_rows", "bias_scale", "shift", "relu", "first_row", "keep", "map")
    functions = [layer.functions or FunctionDescriptor() for layer in (a, b)]
    return (
        all(np.array_equal(getattr(a, field), getattr(b, field)) for field in arrays)
        and all(getattr(a, field) == getattr(b, field) for field in scalars)
        and functions[0] == functions[1]
    )


@given(networks(calibrated=True, code_bits=7), configs)
def test_round_trip(network: CompressedNetwork, config: ArrayConfig):
    image = build_image(network, config)
    layers = decode_image(encode_image(image), config)
    assert [layer.name for layer in layers] == [f"layer{index}" for index in range(len(layers))]
    for decoded, layer in zip(layers, image.layers, strict=True):
        assert same(decoded, layer)


def hand_image(**changes: int) -> NetworkImage:
    """Two PEs, two columns, three outputs. PE 0: code 1 in column 0, rows 0 and 1; PE 1: code 2 in column 1, row 0."""
    config = ArrayConfig(
        pes=2,
        code_bits=2,
        index_bits=1,
        row_bits=8,
        sparse_matrix_depth=8,
        pointer_depth=8,
        activation_depth=4,
        constant_depth=16,
        layers=2,
        stream_bits=32,
        max_code_length=3,
    ).with_(**changes)
    layer = LayerImage(
        name="hand",
        in_rows=1,
        out_rows=2,
        codebook=np.array([0, 5, -6, 0], np.int16),
        biases=np.array([[1, -2], [3, 0]], np.int16),
        bias_scale=4,
        shift=3,
        relu=True,
        pointers=np.array([[0, 2, 2], [0, 0, 1]]),
        codes=np.array([1, 1, 2], np.uint8),
        runs=np.array([0, 0, 0], np.uint8),
        offsets=np.array([0, 2, 3]),
    )
    return NetworkImage(
        config=config,
        layers=(layer,),
        in_features=2,
        out_features=3,
        input_fraction_bits=4,
        output_fraction_bits=3,
        output_order=np.array([2, 1, 0]),
    )


def hand_words() -> list[int]:
    # Runs: 0 three times, end of column (2) four times: both one bit, 0 first. Codes: 1 twice, 2 once: 1 is 0, 2 is 1.
    descriptor = [1 | 2 << 16, 0, 1, 3 | 1 << 8 | 4 << 16]
    runs_tree, codes_tree = [2, 3, *[0] * 6], [2 | 1 << 2, 2 | 2 << 2, *[0] * 6]
    constants = [0, 5, 0xFFFA, 0, 0xFFFE0001, 3]
    # PE 0: run 0, code 1, run 0, code 1, end, end. PE 1: end, run 0, code 2, end.
    return [1, 2, *descriptor, *runs_tree, *codes_tree, *constants, 0b000011 << 26, 0b1011 << 28]


def test_words_of_the_hand_made_example():
    image = hand_image()
    assert encode_image(image).ravel().tolist() == hand_words()
    (layer,) = decode_image(np.array(hand_words(), np.uint32)[:, np.newaxis], image.config)
    assert same(layer, image.layers[0])


def test_wide_words_hold_the_first_bit_at_the_top_and_lanes_at_the_bottom():
    words = encode_image(hand_image(stream_bits=128))
    assert words.shape[1] == 4
    assert words[-2:].tolist() == [[0, 0, 0, 0b000011 << 26], [0, 0, 0, 0b1011 << 28]]
    assert words[-4:-2].tolist() == [[0xFFFE0001, 0, 0, 0], [3, 0, 0, 0]]


def test_inputs_and_outputs():
    image = hand_image()
    assert input_packet(image, np.array([7, -1], np.int16)).ravel().tolist() == [3 | 1 << 8, 0xFFFF0007]
    assert unpack_outputs(image, np.array([[0xFFFE0001], [3]], np.uint32)).tolist() == [3, -2, 1]
    assert quantise_inputs(image, np.array([1.5, -1e9])).tolist() == [24, -32768]
    assert quantise_inputs(image, np.zeros((5, 2), np.float32)).shape == (5, 2)
    assert dequantise_outputs(image, np.array([12, -4], np.int16)).tolist() == [1.5, -0.5]


def test_inputs_are_padded_to_whole_local_rows():
    network = calibrate(CompressedNetwork(layers=(make_layer(0, (3, 9), 0.5),)), np.ones((1, 9)))
    image = build_image(network, make_config(pes=6, stream_bits=64))
    packet = input_packet(image, np.arange(1, 10, dtype=np.int16))
    assert packet[0].tolist() == [3 | 2 << 8, 0]
    # Two lanes per word (gcd of 6 PEs and 4 values), three words per local row.
    assert packet[1:].tolist() == [[a | (a + 1) << 16, 0] for a in (1, 3, 5, 7)] + [[9, 0], [0, 0]]


def test_outputs_of_any_group_size():
    network = calibrate(CompressedNetwork(layers=(make_layer(0, (11, 9), 0.5),)), np.ones((1, 9)))
    image = build_image(network, make_config(pes=6, stream_bits=64, row_dealing="balanced"))
    physical = np.arange(100, 112)
    words = np.zeros((6, 2), np.uint32)
    words[:, 0] = physical[0::2] | physical[1::2] << 16
    assert unpack_outputs(image, words).tolist() == physical[image.output_order].tolist()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda image: input_packet(image, np.zeros(3, np.int16)), r"int16 of shape \(2,\), got int16 \(3,\)"),
        (lambda image: input_packet(image, floats(2)), r"int16 of shape \(2,\), got float64"),
        (lambda image: unpack_outputs(image, np.zeros((1, 1), np.uint32)), r"shape \(2, 1\), got uint32 \(1, 1\)"),
        (lambda image: unpack_outputs(image, floats(2, 1)), "must be uint32"),
        (lambda image: quantise_inputs(image, np.zeros(3)), r"shape \(..., 2\), got float64 \(3,\)"),
        (lambda image: quantise_inputs(image, np.array([np.nan, 0])), "must be finite"),
    ],
)
def test_wrong_shapes(call: Callable[[NetworkImage], object], sentence: str):
    with pytest.raises(EieError, match=sentence):
        call(hand_image())


def depth(tree: np.ndarray, node: int) -> int:
    """Of the tree below a node: bits of its longest code."""
    return 1 + max(depth(tree, word >> 2) if word & 3 == TreeKind.NODE else 0 for word in tree[node].tolist())


def test_the_longest_codes_travel():
    layer = make_layer(0, (64, 64), 1.0)
    layer.codes[:] = np.repeat(np.arange(1, 16), [2048, 1024, 512, 256, 128, 64, 32, 16, 8, 4, *[1] * 4, 0])
    network = calibrate(CompressedNetwork(layers=(layer,)), np.ones((1, 64)))
    config = make_config(max_code_length=12)
    image = build_image(network, config)
    words = encode_image(image)
    tree = words[6:][config.tree_words // 2 : config.tree_words, 0].reshape(-1, 2)
    assert depth(tree, 0) == 12
    assert same(decode_image(words, config)[0], image.layers[0])


def tiles_of_the_hand_made_example() -> NetworkImage:
    """Its columns, one local row of them, twice over: a tile and the rest of the layer, each in a pass of its own."""
    image = hand_image(pointer_depth=4)
    (rest,) = image.layers
    nothing = {"biases": np.zeros_like(rest.biases), "bias_scale": 1, "shift": 0, "relu": False}
    tile = LayerImage(**{**vars(rest), **nothing, "keep": True})
    rest = LayerImage(**{**vars(rest), "first_row": 1})
    return NetworkImage(**{**vars(image), "layers": (tile, rest), "pass_starts": (0, 1), "in_features": 4})


def test_words_of_column_tiles_in_passes():
    image = tiles_of_the_hand_made_example()
    first, second = (words.ravel().tolist() for words in encode_passes(image))
    words = hand_words()
    kept = 1 << 9 | 1 << 16
    assert first == [1, 2, 1 | 2 << 16, 0, 1, kept, *words[6:22], *words[22:26], *words[-2:]]
    assert second == [1, 2, 1 | 2 << 16, 1, *words[4:]]
    for at, words in enumerate(encode_passes(image)):
        (layer,) = decode_image(words, image.config)
        assert same(layer, image.layers[at])
    with pytest.raises(EieError, match="one that the array holds at once, got one of 2 passes"):
        encode_image(image)
    assert input_packet(image, np.array([7, -1, 2, 3], np.int16)).ravel().tolist() == [3 | 2 << 8, 0xFFFF0007, 0x30002]


def test_what_no_descriptor_can_say():
    image = hand_image()
    wide = LayerImage(**{**vars(image.layers[0]), "shift": 64})
    with pytest.raises(EieError, match="the descriptor's fields must hold its numbers"):
        encode_image(NetworkImage(**{**vars(image), "layers": (wide,)}))
    far = LayerImage(**{**vars(image.layers[0]), "runs": np.array([0, 2, 0], np.uint8)})
    with pytest.raises(EieError, match="runs and codes must fit 1 and 2 bits"):
        encode_image(NetworkImage(**{**vars(image), "layers": (far,)}))


def test_descriptor_of_the_hand_made_example():
    descriptor = Descriptor.unpack(hand_words()[2:6])
    assert (descriptor.stream_words, descriptor.first_row, descriptor.bias_scale) == (1, 0, 4)
