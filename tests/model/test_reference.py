"""The integer reference of a whole network."""

import numpy as np
import pytest

from model.fixed_point import wrap, write_back
from model.reference import run_reference
from tests.support.images.random_images import random_activations, random_network_image, small_config


@pytest.mark.parametrize("seed", range(5))
def test_equals_python_integers(seed):
    rng = np.random.default_rng(seed)
    config = small_config(pes=3)
    image = random_network_image(rng, config, [7, 11, 5], 0.5, magnitude=32767)
    activations = random_activations(rng, image, 0.8, magnitude=32767)
    result = run_reference(image, activations)
    overflow = False
    for layer, found in zip(image.layers, result.activations, strict=True):
        outputs = []
        for weights, bias in zip(layer.dense_weights().tolist(), layer.biases.reshape(-1).tolist(), strict=True):
            exact = 0
            for weight, activation in zip(weights, activations.tolist(), strict=True):
                exact += weight * activation
                overflow |= wrap(exact, 32) != exact
            exact += bias * layer.bias_scale
            overflow |= wrap(exact, 32) != exact
            outputs.append(write_back(wrap(exact, 32), layer.shift, layer.relu))
        assert found.tolist() == outputs
        activations = found
    assert result.overflow == overflow
    assert result.outputs is result.activations[-1]


def test_wrong_shape_is_refused():
    image = random_network_image(np.random.default_rng(0), small_config(), [5, 3], 0.5)
    with pytest.raises(ValueError, match=r"activations of shape \(8,\) wanted, got \(5,\)"):
        run_reference(image, np.zeros(5, dtype=np.int16))
