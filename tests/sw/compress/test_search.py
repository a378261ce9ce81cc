from itertools import pairwise

import numpy as np
import pytest

from model.errors import EieError
from sw.compress.bounds import Bound, ClassificationBound, OutputBound, outputs_of
from sw.compress.candidates import Choices
from sw.compress.pipeline import compress
from sw.compress.prune import kept_positions
from sw.compress.search import Found, search_outputs, search_weights
from sw.file.model_file import file_sizes, from_bytes, to_bytes
from sw.network.layer import Layer
from sw.network.network import Network

SIZES = (30, 40, 20, 5)
INPUTS = np.random.default_rng(5).normal(size=(200, SIZES[0])).astype(np.float32)


@pytest.fixture(scope="module")
def network() -> Network:
    random = np.random.default_rng(4)
    layers = [
        Layer(
            f"fc{index}",
            (random.normal(size=(outputs, inputs)) / inputs**0.5).astype(np.float32),
            (random.normal(size=outputs) / 10).astype(np.float32),
            relu=index < len(SIZES) - 2,
        )
        for index, (inputs, outputs) in enumerate(pairwise(SIZES))
    ]
    return Network(tuple(layers))


def kept(network: Network) -> list[np.ndarray]:
    return [kept_positions(layer.weight) for layer in network.layers]


def weight_errors(network: Network, found: Found) -> list[float]:
    decoded = from_bytes(to_bytes(found.network))
    pairs = zip(network.layers, decoded.layers, strict=True)
    return [float(np.linalg.norm(one.weight - other.dense()) / np.linalg.norm(one.weight)) for one, other in pairs]


@pytest.mark.parametrize("limit", [0.3, 0.02])
def test_the_bound_on_weights_is_kept_on_the_decoded_file(network: Network, limit: float):
    found = search_weights(network, kept(network), limit, Choices())
    errors = weight_errors(network, found)
    assert max(errors) <= limit * (1 + 1e-6)
    assert found.error == pytest.approx(max(errors), rel=1e-5)
    assert min(errors) > limit / 3


def test_fewer_bytes_than_k_means_at_no_more_error(network: Network):
    for bits in (3, 5):
        usual = compress(network, code_bits=bits)
        error = max(weight_errors(network, Found(network=usual, layers=(), error=0, trials=())))
        found = search_weights(network, kept(network), error, Choices())
        assert file_sizes(found.network).bytes <= file_sizes(usual).bytes


def bound_of(network: Network, kind: str) -> Bound:
    outputs = outputs_of(network, INPUTS)
    return (
        OutputBound(outputs, 0.2) if kind == "outputs" else ClassificationBound(outputs, outputs.argmax(axis=1), 0.03)
    )


@pytest.mark.parametrize(
    ("kind", "choices"),
    [("outputs", Choices(most_code_bits=4, init="exact")), ("labels", Choices()), ("labels", Choices(pruning=True))],
)
def test_the_bound_on_outputs_is_kept_on_the_decoded_file(network: Network, kind: str, choices: Choices):
    bound = bound_of(network, kind)
    found = search_outputs(network, kept(network), INPUTS, bound, choices)
    decoded = from_bytes(to_bytes(found.network)).to_network()
    assert found.error == bound.error(decoded.forward(INPUTS)) <= bound.limit
    assert max(layer.code_bits for layer in found.network.layers) <= choices.most_code_bits
    size = sum(candidate.bytes for candidate in found.layers)
    assert size == min(trial.bytes for trial in found.trials if trial.allowed)
    assert sum(layer.bytes for layer in file_sizes(found.network).layers) == pytest.approx(size, rel=0.02)
    assert size < found.trials[0].bytes


def test_equal_searches_give_equal_files(network: Network):
    bound = bound_of(network, "labels")
    first, again = (search_outputs(network, kept(network), INPUTS, bound, Choices(seed=7)) for _ in range(2))
    assert to_bytes(first.network) == to_bytes(again.network)
    assert first.trials == again.trials


def test_what_was_pruned_stays_pruned_and_is_no_error_of_weights(network: Network):
    positions = [kept_positions(layer.weight, density=0.2) for layer in network.layers]
    found = search_weights(network, positions, 0.05, Choices())
    assert [layer.positions.tolist() for layer in found.network.layers] == [one.tolist() for one in positions]


def test_shared_weights_are_stored_exactly(network: Network):
    shared = compress(network, code_bits=3).to_network()
    found = search_weights(shared, kept(shared), 0, Choices())
    assert weight_errors(shared, found) == [0, 0, 0]
    assert [candidate.sharing for candidate in found.layers] == ["3 bits"] * 3


def test_bounds_that_cannot_be_kept(network: Network):
    with pytest.raises(EieError, match=r"layer fc0: .* at most 1e-06 was wanted, 8 code bits reach 0\.0"):
        search_weights(network, kept(network), 1e-6, Choices())
    bound = OutputBound(outputs_of(network, INPUTS), 1e-6)
    with pytest.raises(EieError, match=r"an error of at most 1e-06 was wanted, the finest sharing has 0\.0"):
        search_outputs(network, kept(network), INPUTS, bound, Choices())
