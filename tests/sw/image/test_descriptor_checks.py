"""sw/image/descriptor_checks.py: images of map layers are read back as they were written, damaged ones are refused."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from model.errors import EieError
from model.function_descriptor import FunctionDescriptor
from model.image import LayerImage, NetworkImage
from model.map_reference import geometry_of
from model.registers import Error
from sw.image.build import build_image
from sw.image.decode import decode_image
from sw.image.stream import encode_image
from sw.network.calibrate import calibrate
from tests.support.images.function_programs import with_functions
from tests.support.images.hostile import Hostile
from tests.support.images.hostile_maps import CONFIG, corpus
from tests.support.images.map_programs import KINDS, random_map_network
from tests.support.images.maps import map_config
from tests.support.networks.whole import MAP_ARRAY, whole_network
from tests.sw.image.test_stream import same


def read_back(image: NetworkImage) -> None:
    layers = decode_image(encode_image(image), image.config)
    for decoded, layer in zip(layers, image.layers, strict=True):
        wanted = replace(layer, biases=np.zeros_like(layer.biases)) if layer.keep else layer  # which does not travel
        assert same(decoded, wanted)


@settings(max_examples=40)
@given(
    st.lists(st.sampled_from(KINDS), min_size=1, max_size=3), st.sampled_from([0.1, 0.6, 1.0]), st.integers(0, 1 << 20)
)
def test_random_programs(kinds: list[str], density: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    config = map_config(pes=int(rng.integers(1, 5)), accumulator_depth=512, activation_depth=1024)
    read_back(random_map_network(rng, config, kinds, density))


@pytest.mark.parametrize("seed", range(6))
def test_blocks_and_loops(seed: int) -> None:
    rng = np.random.default_rng(seed)
    config = map_config(accumulator_depth=512, activation_depth=1024, functions=True)
    read_back(with_functions(rng, random_map_network(rng, config, ["convolution", "depthwise"], 0.6)))


def test_a_loop_that_begins_in_another_is_refused() -> None:
    rng = np.random.default_rng(0)
    config = map_config(accumulator_depth=512, activation_depth=1024, functions=True)
    plain = random_map_network(rng, config, ["convolution", "convolution"], 0.6)
    back = FunctionDescriptor(loop_count=2, loop_back=0)
    layers = (replace(plain.layers[0], functions=back), replace(plain.layers[1], functions=replace(back, loop_back=1)))
    with pytest.raises(EieError, match="layer1: loop_back must be at most 0, its loop begins 1 layers before it"):
        decode_image(encode_image(replace(plain, layers=layers)), config)


def test_a_compiled_network() -> None:
    inputs = np.random.default_rng(0).normal(size=(2, 2, 6, 4))
    read_back(build_image(calibrate(whole_network(), inputs), MAP_ARRAY))


REFUSED = [hostile for hostile in corpus() if hostile.cause == Error.DESCRIPTOR]


@pytest.mark.parametrize("hostile", REFUSED, ids=[hostile.name for hostile in REFUSED])
def test_a_descriptor_that_the_machine_refuses_is_refused(hostile: Hostile) -> None:
    with pytest.raises(EieError, match=r"layer0|memory"):
        decode_image(np.array(hostile.words, np.uint32)[:, np.newaxis], CONFIG)


def residual() -> NetworkImage:
    config = map_config(accumulator_depth=512, activation_depth=1024)
    return random_map_network(np.random.default_rng(5), config, ["residual"], 0.6)


def changed(image: NetworkImage, **changes: int) -> NetworkImage:
    """With another geometry of the layer that takes the kept sums."""
    last: LayerImage = image.layers[-1]
    return replace(image, layers=(*image.layers[:-1], replace(last, map=replace(geometry_of(last), **changes))))


@pytest.mark.parametrize("field", ["out_height", "out_width", "row_pitch"])
def test_sums_that_are_kept_stay_where_they_are(field: str) -> None:
    image = residual()
    value = getattr(geometry_of(image.layers[-1]), field)
    with pytest.raises(EieError, match=f"layer1: {field} must be the {value} of the sums kept, got {value + 1}"):
        decode_image(encode_image(changed(image, **{field: value + 1})), image.config)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 31)), min_size=1, max_size=2, unique=True))
@settings(max_examples=100, suppress_health_check=[HealthCheck.filter_too_much])
def test_any_flipped_bits_are_refused_or_read(flips: list[tuple[int, int]]) -> None:
    image = residual()
    words = encode_image(image)
    for at, bit in flips:
        words[at, 0] ^= np.uint32(1 << bit)
    try:
        layers = decode_image(words, image.config)
    except EieError:
        reject()
    again = decode_image(encode_image(replace(image, layers=layers)), image.config)
    assert all(same(a, b) for a, b in zip(again, layers, strict=True))
