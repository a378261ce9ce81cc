"""sw/compress/least_squares.py: against every set of weights there is, and against least squares done again."""

from itertools import combinations

import numpy as np
import pytest

from sw.compress.least_squares import best_weights, removal_losses, share_in_turn


def problem(size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Second moments of correlated inputs, and the best weights."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(4 * size, size)) @ rng.normal(size=(size, size))
    return x.T @ x / len(x), rng.normal(size=size)


def loss(moments: np.ndarray, best: np.ndarray, kept: list[int]) -> float:
    """The least squared error with only these weights."""
    made = np.zeros_like(best)
    if kept:
        made[kept] = np.linalg.solve(moments[np.ix_(kept, kept)], (moments @ best)[kept])
    return float((made - best) @ moments @ (made - best))


@pytest.mark.parametrize("seed", range(5))
def test_removals_cost_what_they_are_said_to(seed: int):
    moments, best = problem(6, seed)
    order, losses = np.zeros(6, np.int64), np.zeros(6)
    removal_losses(best.copy(), np.linalg.inv(moments), order, losses)
    assert sorted(order) == list(range(6))
    for gone in range(1, 7):
        kept = sorted(order[gone:])
        assert losses[:gone].sum() == pytest.approx(loss(moments, best, kept), rel=1e-6)
    least = min(loss(moments, best, list(kept)) for kept in combinations(range(6), 5))
    assert losses[0] == pytest.approx(least)


def test_best_weights_are_those_of_least_squares():
    rng = np.random.default_rng(0)
    x, wanted = rng.normal(size=(50, 5)), rng.normal(size=(50, 3))
    mask = rng.random((3, 5)) < 0.6
    mask[2] = False
    made = best_weights(x.T @ x, (x.T @ wanted).T, mask)
    for row in range(2):
        expected = np.linalg.lstsq(x[:, mask[row]], wanted[:, row])[0]
        np.testing.assert_allclose(made[row, mask[row]], expected)
        assert not made[row, ~mask[row]].any()
    assert not made[2].any()


def test_sharing_in_turn_loses_less_than_the_nearest_values():
    gains: list[float] = []
    for seed in range(40):
        moments, best = problem(12, seed)
        values = np.linspace(-2, 2, 5)
        codes = np.zeros(12, np.int64)
        share_in_turn(best.copy(), np.linalg.inv(moments), values, codes)
        nearest = values[np.abs(best[:, np.newaxis] - values).argmin(axis=1)]
        errors = [float((made - best) @ moments @ (made - best)) for made in (values[codes], nearest)]
        gains.append(float(np.log(errors[1] / errors[0])))
    assert np.mean(gains) > 0.3
    assert np.mean(np.array(gains) > 0) > 0.7
