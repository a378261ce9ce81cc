"""sw/network/accuracy.py: errors counted one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import sw.network.execution
from model.errors import EieError
from sw.network.accuracy import Errors, count_errors, measure_float, measure_integers
from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedNetwork
from sw.network.integer_forward import run_integers
from tests.support.networks.random_networks import make_conv_network, make_layer


@given(
    st.integers(1, 6).flatmap(
        lambda classes: st.tuples(
            arrays.arrays(np.int16, (5, classes), elements=st.integers(-2, 2)),
            arrays.arrays(np.int64, 5, elements=st.integers(0, classes - 1)),
            st.integers(1, classes),
        )
    )
)
def test_of_equal_outputs_the_first_is_larger(case: tuple[np.ndarray, np.ndarray, int]) -> None:
    scores, labels, top = case
    best = [sorted(range(len(row)), key=lambda index, row=row: (-row[index], index)) for row in scores.tolist()]
    errors = count_errors(scores, labels, top)
    assert errors.wrong == sum(order[0] != label for order, label in zip(best, labels, strict=True))
    assert errors.wrong_top == sum(label not in order[:top] for order, label in zip(best, labels, strict=True))
    assert errors.wrong == np.count_nonzero(scores.argmax(axis=1) != labels)
    assert errors.error == errors.wrong / 5
    assert errors.error_top == errors.wrong_top / 5


def test_a_network_in_both_arithmetics(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(50, 2, 10, 9)).astype(np.float32)
    labels = random.integers(0, 5, 50)
    network = calibrate(make_conv_network(1), inputs[:10] / 4)
    monkeypatch.setattr(sw.network.execution, "ELEMENTS_AT_ONCE", 360 * 20)
    done: list[int] = []
    dense = network.to_network()
    errors = measure_float(dense, inputs.reshape(50, -1), labels, 2, done.append)
    assert errors == count_errors(dense.forward(inputs), labels, 2)
    assert done == [20, 20, 10]
    integers = measure_integers(network, inputs, labels, 2, done.append)
    run = run_integers(network, inputs)
    assert Errors(inputs=50, wrong=integers.wrong, top=2, wrong_top=integers.wrong_top) == count_errors(
        run.integers, labels, 2
    )
    assert integers.saturated == np.count_nonzero(run.saturated) > 0
    assert integers.overflows == np.count_nonzero(run.overflow)
    assert done == [20, 20, 10] * 2
    narrow = measure_integers(network, inputs, labels, accumulator_bits=20)
    assert narrow.overflows == np.count_nonzero(run_integers(network, inputs, 20).overflow)


def test_errors() -> None:
    network = CompressedNetwork(layers=(make_layer(0, (4, 3), 1.0),))
    dense, inputs = network.to_network(), np.ones((2, 3))
    with pytest.raises(EieError, match="at least one input, got none"):
        measure_float(dense, inputs[:0], np.zeros(0, np.int64))
    with pytest.raises(EieError, match=r"one label for each of 2 inputs, got shape \(3,\)"):
        measure_float(dense, inputs, np.zeros(3, np.int64))
    for shape, way in (((2, 4), r"looks one-hot: labels.argmax\(axis=1\)"), ((2, 1), r"labels.ravel\(\) has one axis")):
        with pytest.raises(EieError, match=way):
            measure_float(dense, inputs, np.zeros(shape, np.int64))
    for label in (-1, 4):
        with pytest.raises(EieError, match=f"labels must be 0 to 3, the network's outputs, got .*{label}"):
            measure_float(dense, inputs, np.array([2, label]))
    for top in (0, 5):
        with pytest.raises(EieError, match=f"must be 1 to 4, the network's outputs, got {top}"):
            measure_float(dense, inputs, np.zeros(2, np.int64), top)
    with pytest.raises(EieError, match="outputs in float32 must be finite"):
        measure_float(dense, np.full((1, 3), 3e38), np.zeros(1, np.int64))
    with pytest.raises(EieError, match="need a calibration"):
        measure_integers(network, inputs, np.zeros(2, np.int64))
