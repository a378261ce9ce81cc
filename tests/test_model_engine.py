"""The fast engine: cycles by hand, figures, and what it refuses."""

from typing import Any

import numpy as np
import pytest

from model.engine import Engine, run_image
from model.engine_kernel import layer_schedule, layer_schedule_skipping
from model.reference import run_reference
from model.registers import PeCounter
from tests.support_images import layer_from_codes, network, random_activations, random_network_image, small_config


def single_weight(rows: int = 1):
    """One PE, one column, one weight in the last row."""
    config = small_config(pes=1)
    codes = np.zeros((rows, 1), dtype=int)
    codes[-1, 0] = 1
    codebook = np.array([0, 3] + [0] * 14, dtype=np.int16)
    return network(config, [layer_from_codes(config, codes, codebook, [0] * rows)], 1, rows)


@pytest.mark.parametrize("rows", [1, 2, 9])
def test_cycles_by_hand(rows):
    """Broadcast in cycle 2, issue in 5, end of DRAIN in 6, then out_rows + 9 cycles: 16 + out_rows in all."""
    (result,) = run_image(single_weight(rows), np.array([[5]], dtype=np.int16))
    layer = result.layers[0]
    assert (layer.compute_cycles, layer.drain_cycles, layer.write_back_cycles) == (3, 4, rows + 9)
    assert result.cycles == layer.cycles == 16 + rows
    assert result.outputs.tolist() == [0] * (rows - 1) + [15]


def test_cycles_of_a_zero_input_by_hand():
    """The only row is exhausted in cycle 2, and DRAIN takes one cycle."""
    (result,) = run_image(single_weight(), np.array([[0]], dtype=np.int16))
    layer = result.layers[0]
    assert (layer.compute_cycles, layer.drain_cycles, layer.write_back_cycles) == (3, 1, 10)
    assert result.counters[PeCounter.STARVED_CYCLES].tolist() == [2]


def plain_schedule(active, counts, in_rows, depth):
    """Section 8 word for word, in Python integers."""
    pes = counts.shape[1]
    broadcasts, finished, stalls = [], [[0] * pes], 0
    for number, column in enumerate(active):
        row = column // pes
        before = active[number - 1] // pes if number else None
        zero_rows = row if before is None else max(row - before - 1, 0)
        free = 2 + zero_rows if number == 0 else broadcasts[-1] + 1 + zero_rows
        room = 1 + max(finished[number - depth + 1]) if number >= depth else 0
        broadcasts.append(max(free, room))
        stalls += broadcasts[-1] - free
        arrival = broadcasts[-1] + 2
        finished.append([max(last, arrival) + max(n, 1) for last, n in zip(finished[-1], counts[column], strict=True)])
    exhausted = broadcasts[-1] + in_rows - 1 - active[-1] // pes if len(active) else 1 + in_rows
    return broadcasts, (exhausted, max(exhausted + 1, 1 + max(finished[-1])), stalls)


def decided(schedule, active, counts, in_rows, depth):
    """What a compiled schedule says: cycles of the broadcasts, and the rest."""
    broadcasts = np.full(len(active), -1, dtype=np.int32)
    rest = schedule(active, counts, in_rows, depth, broadcasts)
    return broadcasts.tolist(), rest


@pytest.mark.parametrize("seed", range(40))
def test_schedule_equals_the_recurrence(seed):
    rng = np.random.default_rng(seed)
    pes, in_rows = int(rng.integers(1, 7)), int(rng.integers(1, 9))
    counts = rng.integers(0, 5, (in_rows * pes, pes)).astype(np.int32)
    active = np.flatnonzero(rng.random(in_rows * pes) < rng.random())
    depth = int(rng.integers(1, 6))
    wanted = plain_schedule(active.tolist(), counts, in_rows, depth)
    assert decided(layer_schedule, active, counts, in_rows, depth) == wanted


def test_figures():
    config = small_config(pes=2)
    codes = np.array([[1, 0, 1], [0, 0, 1], [1, 0, 0]])
    codebook = np.array([0, 2] + [0] * 14, dtype=np.int16)
    image = network(config, [layer_from_codes(config, codes, codebook, [0, 0, 0])], 3, 3)
    activations = np.array([[1, 1, 1, 0]], dtype=np.int16)
    (result,) = run_image(image, activations)
    layer = result.layers[0]
    assert layer.nonzeros_active == 4
    assert layer.ideal_cycles == 2.0
    assert layer.broadcasts == result.broadcasts == 3
    assert result.counters[PeCounter.EMPTY_SLICES].tolist() == [1, 2]
    assert result.useful_efficiency == pytest.approx(4 / (2 * result.cycles))
    assert result.balance == pytest.approx((4 + 3) / 2 / result.cycles)
    assert result.load_cycles == 1 + 2 * config.groups


def test_a_batch_equals_its_inputs_one_by_one():
    rng = np.random.default_rng(0)
    image = random_network_image(rng, small_config(), [12, 9, 5], 0.5)
    batch = np.stack([random_activations(rng, image, 0.5) for _ in range(5)])
    engine = Engine(image)
    for together, row in zip(engine.run(batch), batch, strict=True):
        (alone,) = run_image(image, row[None])
        assert together.outputs.tolist() == alone.outputs.tolist()
        assert together.cycles == alone.cycles
        assert together.counters.tolist() == alone.counters.tolist()


def test_a_partial_sum_that_leaves_the_range_and_comes_back():
    """Three columns push row 0 up and three down again: only the sums in between do not fit 32 bits."""
    config = small_config(pes=2)
    codes = np.array([[1, 1, 1, 2, 2, 2], [0] * 6])
    codebook = np.array([0, 32767, -32767] + [0] * 13, dtype=np.int16)
    image = network(config, [layer_from_codes(config, codes, codebook, [0, 0])], 6, 2)
    for activation, overflow in ((10000, False), (-32768, True)):
        batch = np.full((1, 6), activation, dtype=np.int16)
        (result,) = run_image(image, batch)
        assert result.overflow == overflow == run_reference(image, batch[0])[1]
        assert result.outputs.tolist() == run_reference(image, batch[0])[0].tolist() == [0, 0]


def test_wrong_activations_are_refused():
    image = single_weight()
    with pytest.raises(ValueError, match=r"shape \(batch, 1\) wanted, got int16 \(1, 2\)"):
        run_image(image, np.zeros((1, 2), dtype=np.int16))
    wide: Any = np.zeros((1, 1), dtype=np.int32)
    with pytest.raises(ValueError, match="got int32"):
        run_image(image, wide)


def test_an_entry_past_the_last_row_is_refused():
    image = single_weight(2)
    image.layers[0].runs[-1] = 7
    with pytest.raises(ValueError, match="rows below 2 wanted, got row 7"):
        Engine(image)


@pytest.mark.parametrize("seed", range(60))
def test_both_schedules_agree_where_no_slice_is_empty(seed):
    random = np.random.default_rng(seed)
    pes, in_rows, queue_depth = (int(value) for value in random.integers(1, 9, 3))
    counts = random.integers(1, 5, (in_rows * pes, pes)).astype(np.int32)
    active = np.flatnonzero(random.random(in_rows * pes) < random.random())
    wanted = decided(layer_schedule, active, counts, in_rows, queue_depth)
    assert decided(layer_schedule_skipping, active, counts, in_rows, queue_depth) == wanted
