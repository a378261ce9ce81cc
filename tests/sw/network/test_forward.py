"""sw/network/forward.py: against values worked out by hand, against loops, and against torch."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import sw.network.forward
from sw.network.forward import apply_layer, convolve, patches, pool
from sw.network.graph import Convolution, Pair, Pool, both_sides, window_count
from sw.network.layer import Layer
from tests.support.networks.formats import branching

RAMP = np.arange(12, dtype=np.float32).reshape(1, 1, 3, 4)

pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, Convolution]:
    """Inputs, weights and biases of small whole numbers, whose sums are exact in float32."""
    groups, kernel, stride = draw(st.integers(1, 3)), draw(pairs), draw(pairs)
    up, left, down, right = (draw(st.integers(0, 4)) for _ in range(4))
    dilation = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    rows, columns = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    assume(rows + up + down > (kernel[0] - 1) * dilation[0])
    assume(columns + left + right > (kernel[1] - 1) * dilation[1])
    random = np.random.default_rng(draw(st.integers(0, 1 << 16)))
    channels, outputs = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    x = random.integers(-9, 10, (draw(st.integers(1, 3)), channels, rows, columns))
    weight = random.integers(-9, 10, (outputs, channels // groups, *kernel))
    bias = random.integers(-9, 10, outputs)
    convolution = Convolution(stride=stride, padding=(up, left, down, right), dilation=dilation, groups=groups)
    return x.astype(np.float32), weight.astype(np.float32), bias.astype(np.float32), convolution


@st.composite
def pools(draw: st.DrawFn) -> tuple[np.ndarray, Pool]:
    kernel, rows, columns = draw(pairs), draw(st.integers(1, 8)), draw(st.integers(1, 8))
    pool = Pool(
        kind=draw(st.sampled_from(["max", "average"])),
        kernel=kernel,
        stride=draw(pairs),
        # What torch takes: at most half a window.
        padding=both_sides((draw(st.integers(0, kernel[0] // 2)), draw(st.integers(0, kernel[1] // 2)))),
        ceil=draw(st.booleans()),
        count_padding=draw(st.booleans()),
    )
    assume(all(counts(pool, (rows, columns))))
    random = np.random.default_rng(draw(st.integers(0, 1 << 16)))
    return random.normal(size=(2, 3, rows, columns)).astype(np.float32), pool


def counts(pool: Pool, sizes: tuple[int, int]) -> list[int]:
    return [
        max(0, window_count(sizes[axis], pool.kernel[axis], pool.stride[axis], pool.padding[axis::2], pool.ceil))
        for axis in (0, 1)
    ]


def test_a_convolution_by_hand():
    weight = np.array([[[[1, 10], [100, 1000]]]], np.float32)
    found = convolve(RAMP, weight, np.array([0.5], np.float32), Convolution(stride=(1, 2), padding=(1, 0, 1, 0)))
    # Of the second window of the second row, [[2, 3], [6, 7]], the sum is 2 + 30 + 600 + 7000.
    assert found.tolist() == [[[[1000.5, 3200.5], [5410.5, 7632.5], [9854.5, 12076.5], [98.5, 120.5]]]]


def test_groups_by_hand():
    x = np.array([1, 10, 100, 1000], np.float32).reshape(1, 4, 1, 1)
    weight = np.array([[1, 2], [3, 4], [5, 6], [7, 8]], np.float32).reshape(4, 2, 1, 1)
    found = convolve(x, weight, np.zeros(4, np.float32), Convolution(groups=2))
    assert found.reshape(-1).tolist() == [21, 43, 6500, 8700]


def test_patches_are_in_the_order_of_weights():
    x = np.arange(2 * 2 * 3 * 3).reshape(2, 2, 3, 3)
    found = patches(x, (2, 2), Convolution(groups=2))
    assert found.shape == (2, 2 * 4, 4)
    assert found.dtype == x.dtype
    assert found[0, 0].tolist() == [0, 1, 3, 4]
    assert found[1, 0].tolist() == [9, 10, 12, 13]
    assert found[0, 5].tolist() == [19, 20, 22, 23]


@given(convolutions())
def test_convolutions_are_what_loops_make(case: tuple[np.ndarray, np.ndarray, np.ndarray, Convolution]):
    x, weight, bias, convolution = case
    (up, left, below, behind), (down, right) = convolution.padding, convolution.stride
    padded = np.zeros((*x.shape[:2], x.shape[2] + up + below, x.shape[3] + left + behind), np.float32)
    padded[:, :, up : up + x.shape[2], left : left + x.shape[3]] = x
    channels, outputs = weight.shape[1], len(weight) // convolution.groups
    found = convolve(x, weight, bias, convolution)
    for n, out, row, column in np.ndindex(found.shape):
        first = out // outputs * channels
        window = padded[n, first : first + channels, row * down :, column * right :]
        rows, columns = (np.arange(weight.shape[2 + axis]) * convolution.dilation[axis] for axis in (0, 1))
        window = window[:, rows[:, np.newaxis], columns]
        assert found[n, out, row, column] == (window * weight[out]).sum() + bias[out]


@given(convolutions())
def test_convolutions_in_torch(case: tuple[np.ndarray, np.ndarray, np.ndarray, Convolution]):
    torch: Any = pytest.importorskip("torch")
    x, weight, bias, convolution = case
    image, *tensors = (torch.from_numpy(array) for array in (x, weight, bias))
    up, left, below, behind = convolution.padding
    wanted = torch.nn.functional.conv2d(
        torch.nn.functional.pad(image, (left, behind, up, below)),
        *tensors,
        stride=convolution.stride,
        dilation=convolution.dilation,
        groups=convolution.groups,
    )
    np.testing.assert_array_equal(convolve(x, weight, bias, convolution), wanted.numpy())


def test_inputs_run_in_parts(monkeypatch: pytest.MonkeyPatch):
    random = np.random.default_rng(0)
    x = random.integers(-9, 10, (7, 2, 5, 5)).astype(np.float32)
    weight, bias = random.integers(-9, 10, (3, 2, 3, 3)).astype(np.float32), np.ones(3, np.float32)
    whole = convolve(x, weight, bias, Convolution())
    monkeypatch.setattr(sw.network.forward, "VALUES_AT_ONCE", 3 * 9 * 18)
    np.testing.assert_array_equal(convolve(x, weight, bias, Convolution()), whole)


@pytest.mark.parametrize(
    ("kind", "padding", "ceil", "count_padding", "wanted"),
    [
        ("max", (0, 0), False, True, [[5, 7]]),
        ("max", (0, 0), True, True, [[5, 7], [9, 11]]),
        ("max", (1, 1), False, True, [[0, 2, 3], [8, 10, 11]]),
        ("average", (0, 0), False, True, [[2.5, 4.5]]),
        # The last row of windows holds two elements each.
        ("average", (0, 0), True, True, [[2.5, 4.5], [8.5, 10.5]]),
        ("average", (1, 1), False, True, [[0, 0.75, 0.75], [3, 7.5, 4.5]]),
        ("average", (1, 1), False, False, [[0, 1.5, 3], [6, 7.5, 9]]),
    ],
)
def test_pools_by_hand(kind: Any, padding: Pair, ceil: bool, count_padding: bool, wanted: list[list[float]]):
    pads = both_sides(padding)
    operation = Pool(kind=kind, kernel=(2, 2), stride=(2, 2), padding=pads, ceil=ceil, count_padding=count_padding)
    assert pool(RAMP, operation).tolist() == [[wanted]]


def test_the_maximum_of_negative_numbers_is_not_the_padding():
    operation = Pool(kind="max", kernel=(2, 2), stride=(2, 2), padding=(1, 1, 1, 1), ceil=True)
    for dtype in (np.float32, np.int64):
        assert pool(-1 - RAMP.astype(dtype), operation).max() == -1
    assert pool(RAMP.astype(np.int64), operation).dtype == np.int64


def test_a_mean_of_integers_is_float64():
    found = pool(RAMP.astype(np.int64), Pool(kind="average", kernel=(3, 4), stride=(1, 1)))
    assert found.dtype == np.float64
    assert found.item() == 5.5


@given(pools())
def test_pools_in_torch(case: tuple[np.ndarray, Pool]):
    torch: Any = pytest.importorskip("torch")
    x, operation = case
    arguments = (torch.from_numpy(x), operation.kernel, operation.stride, operation.padding[:2])
    if operation.kind == "max":
        wanted = torch.nn.functional.max_pool2d(*arguments, ceil_mode=operation.ceil)
    else:
        wanted = torch.nn.functional.avg_pool2d(*arguments, operation.ceil, operation.count_padding)
    found = pool(x, operation)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("kind", "count_padding"), [("max", True), ("average", True), ("average", False)])
def test_padding_behind_alone_by_hand(kind: Any, count_padding: bool):
    pads = (0, 0, 1, 1)
    operation = Pool(kind=kind, kernel=(2, 2), stride=(2, 1), padding=pads, count_padding=count_padding)
    found = pool(RAMP, operation)[0, 0]
    plain = np.pad(RAMP[0, 0], ((0, 1), (0, 1)), constant_values=-np.inf if kind == "max" else 0)
    inside = np.pad(np.ones((3, 4)), ((0, 1), (0, 1)), constant_values=1 if count_padding else 0)
    for row, column in np.ndindex(found.shape):
        place = slice(2 * row, 2 * row + 2), slice(column, column + 2)
        expected = plain[place].max() if kind == "max" else plain[place].sum() / inside[place].sum()
        assert found[row, column] == expected


def test_layers_end_in_their_relu():
    weight, bias = np.array([[1, -2], [-1, 3]], np.float32), np.array([0.5, -4], np.float32)
    x = np.array([[1, 2]], np.float32)
    assert apply_layer(Layer("a", weight, bias, relu=False), x).tolist() == [[-2.5, 1]]
    assert apply_layer(Layer("a", weight, bias, relu=True), x).tolist() == [[0, 1]]
    moves = Convolution()
    layer = Layer("a", weight.reshape(2, 2, 1, 1), bias, relu=True, convolution=moves)
    assert apply_layer(layer, x.reshape(1, 2, 1, 1)).reshape(-1).tolist() == [0, 1]


def test_a_branching_network_in_torch():
    torch: Any = pytest.importorskip("torch")
    functional = torch.nn.functional
    network = branching()
    x = np.random.default_rng(0).normal(size=(3, 4, 11, 9)).astype(np.float32)
    first, left, right, head = (
        (torch.from_numpy(layer.weight), torch.from_numpy(layer.bias)) for layer in network.layers
    )
    value = functional.relu(functional.conv2d(torch.from_numpy(x), *first, stride=(2, 1), padding=(1, 0), groups=2))
    value = functional.max_pool2d(value, (3, 2), (2, 2), (1, 0), ceil_mode=True)
    value = torch.cat([functional.conv2d(value, *right, padding=1), functional.conv2d(value, *left)], dim=1)
    value = functional.avg_pool2d(functional.relu(value), 3, 2, 1, count_include_pad=False)
    wanted = functional.linear(value.flatten(1), *head).numpy()
    np.testing.assert_allclose(network.forward(x), wanted, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(network.forward(x.reshape(3, -1)), network.forward(x))
