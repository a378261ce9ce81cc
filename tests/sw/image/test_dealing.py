from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.config import RowDealing
from model.errors import EieError
from sw.image.dealing import deal_rows

weights = st.lists(st.integers(0, 50), min_size=1, max_size=60).map(np.array)
policies: list[RowDealing] = ["modulo", "balanced"]


@given(weights, st.integers(1, 20), st.sampled_from(policies))
def test_every_row_once_and_padding_elsewhere(row_weights: np.ndarray, pes: int, policy: RowDealing):
    order = deal_rows(row_weights, pes, policy)
    assert order.size == -(-row_weights.size // pes) * pes
    assert sorted(order[order >= 0].tolist()) == list(range(row_weights.size))
    assert (order[order < 0] == -1).all()


@given(weights, st.integers(1, 20))
def test_balanced_gives_the_heaviest_row_to_the_lightest_pe_with_room(row_weights: np.ndarray, pes: int):
    out_rows = -(-row_weights.size // pes)
    loads, held = [0] * pes, [0] * pes
    for row in sorted(range(row_weights.size), key=lambda row: (-row_weights[row], row)):
        pe = min((pe for pe in range(pes) if held[pe] < out_rows), key=lambda pe: (loads[pe], pe))
        loads[pe] += int(row_weights[row])
        held[pe] += 1
    order = deal_rows(row_weights, pes, "balanced").reshape(out_rows, pes)
    padded = np.append(row_weights, 0)
    assert padded[order].sum(axis=0).tolist() == loads


def test_modulo_is_the_paper():
    assert deal_rows(np.array([3, 1, 2]), 2, "modulo").tolist() == [0, 1, 2, -1]


def test_hand_example():
    assert deal_rows(np.array([5, 1, 4, 1, 1]), 2, "balanced").tolist() == [0, 1, 3, 2, -1, 4]


def test_unknown_policy():
    with pytest.raises(EieError, match="modulo, balanced or searched, got 'random'"):
        deal_rows(np.array([1]), 2, cast("RowDealing", "random"))
