"""The fast engine: cycles by hand, figures, and what it refuses."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from model.engine import Engine, run_image, slice_figures
from model.engine_kernel import tally
from model.reference import run_reference
from model.registers import PeCounter
from model.schedule_kernel import Queueing, layer_schedule
from tests.support.images.random_images import (
    layer_from_codes,
    network,
    random_activations,
    random_network_image,
    small_config,
)


def single_weight(rows: int = 1):
    """One PE, one column, one weight in the last row."""
    config = small_config(pes=1)
    codes = np.zeros((rows, 1), dtype=int)
    codes[-1, 0] = 1
    codebook = np.array([0, 3] + [0] * 14, dtype=np.int16)
    return network(config, [layer_from_codes(config, codes, codebook, [0] * rows)], 1, rows)


@pytest.mark.parametrize("rows", [1, 2, 9])
def test_cycles_by_hand(rows):
    """Selection in cycle 4, issue in 10, end of DRAIN in 11, then out_rows + 9 cycles: 21 + out_rows in all."""
    (result,) = run_image(single_weight(rows), np.array([[5]], dtype=np.int16))
    layer = result.layers[0]
    assert (layer.compute_cycles, layer.drain_cycles, layer.write_back_cycles) == (5, 7, rows + 9)
    assert result.cycles == layer.cycles == 21 + rows
    assert result.outputs.tolist() == [0] * (rows - 1) + [15]


def test_cycles_of_a_zero_input_by_hand():
    """The only row is exhausted in cycle 4, and DRAIN takes one cycle."""
    (result,) = run_image(single_weight(), np.array([[0]], dtype=np.int16))
    layer = result.layers[0]
    assert (layer.compute_cycles, layer.drain_cycles, layer.write_back_cycles) == (5, 1, 10)
    assert result.counters[PeCounter.STARVED_CYCLES].tolist() == [2]


def groups_of(active, pes, lanes):
    """Active columns as they are decided: those of one local row by ones or twos."""
    groups = []
    for column in active:
        joins = groups and groups[-1][0] // pes == column // pes and len(groups[-1]) < lanes
        groups[-1].append(column) if joins else groups.append([column])
    return groups


def plain_schedule(active, counts, in_rows, depth, lanes=1):
    """Section 8 word for word, in Python integers."""
    pes = counts.shape[1]
    broadcasts, finished, stalls, row = [], [[0] * pes], 0, -1
    for group in groups_of(active, pes, lanes):
        zero_rows = max(group[0] // pes - row - 1, 0)
        free = (broadcasts[-1] + 1 if broadcasts else 4) + zero_rows
        waits_for = len(broadcasts) - depth + lanes - 1
        room = 2 + max(finished[waits_for + 1]) if waits_for >= 0 else 0
        decided_in, row = max(free, room), group[0] // pes
        stalls += decided_in - free
        for column in group:
            broadcasts.append(decided_in)
            before = zip(finished[-1], counts[column], strict=True)
            finished.append([max(last, decided_in + 5) + max(n, 1) for last, n in before])
    exhausted = broadcasts[-1] + in_rows - 1 - row if active else 3 + in_rows
    return broadcasts, (exhausted, max(exhausted + 1, 1 + max(finished[-1])), stalls)


def plain_schedule_skipping(active, counts, in_rows, depth, lanes=1):
    """The same with empty slices dropped, cycle by cycle."""
    pes = counts.shape[1]
    broadcasts, finished, stalls, row = [], [[] for _ in range(pes)], 0, -1
    for group in groups_of(active, pes, lanes):
        cycle = free = (broadcasts[-1] + 1 if broadcasts else 4) + max(group[0] // pes - row - 1, 0)
        while True:
            unknown = sum(at >= cycle - 5 for at in broadcasts)
            known = [sum(at < cycle - 5 and end >= cycle - 1 for at, end in held) for held in finished]
            if unknown + max(known) <= depth - lanes:
                break
            cycle += 1
        stalls, row = stalls + cycle - free, group[0] // pes
        for column in group:
            broadcasts.append(cycle)
            for pe, n in enumerate(counts[column].tolist()):
                if n:
                    before = finished[pe][-1][1] if finished[pe] else 0
                    finished[pe].append((cycle, max(before, cycle + 5) + n))
    if not active:
        return [], (3 + in_rows, 4 + in_rows, 0)
    exhausted = broadcasts[-1] + in_rows - 1 - row
    latest = max((held[-1][1] for held in finished if held), default=0)
    return broadcasts, (exhausted, max(exhausted + 1, broadcasts[-1] + 5, 1 + latest), stalls)


def decided(skipping, active, counts, in_rows, depth, lanes=1):
    """What the compiled schedule says: cycles of the broadcasts, and the rest."""
    broadcasts = np.full(len(active), -1, dtype=np.int32)
    rest = layer_schedule(
        active, active // counts.shape[1], counts, in_rows, Queueing(depth, lanes, skipping), broadcasts
    )
    return broadcasts.tolist(), rest


@pytest.mark.parametrize("lanes", [1, 2])
@pytest.mark.parametrize("seed", range(40))
def test_schedule_equals_the_recurrence(seed, lanes):
    rng = np.random.default_rng(seed)
    pes, in_rows = int(rng.integers(1, 7)), int(rng.integers(1, 9))
    counts = (rng.integers(0, 5, (in_rows * pes, pes)) * rng.integers(0, 2, (in_rows * pes, 1))).astype(np.int32)
    active = np.flatnonzero(rng.random(in_rows * pes) < rng.random())
    depth = int(rng.integers(1, 9)) if lanes == 1 else 2 * int(rng.integers(2, 6))
    for skipping, plain in ((False, plain_schedule), (True, plain_schedule_skipping)):
        wanted = plain(active.tolist(), counts, in_rows, depth, lanes)
        assert decided(skipping, active, counts, in_rows, depth, lanes) == wanted


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


@pytest.mark.parametrize("lanes", [1, 2])
@pytest.mark.parametrize("seed", range(60))
def test_both_schedules_agree_where_no_slice_is_empty(seed, lanes):
    random = np.random.default_rng(seed)
    pes, in_rows = (int(value) for value in random.integers(1, 9, 2))
    depth = int(random.integers(1, 9)) * lanes + 2 * (lanes - 1)
    counts = random.integers(1, 5, (in_rows * pes, pes)).astype(np.int32)
    active = np.flatnonzero(random.random(in_rows * pes) < random.random())
    wanted = decided(False, active, counts, in_rows, depth, lanes)
    assert decided(True, active, counts, in_rows, depth, lanes) == wanted


def test_fixed_cost_of_a_layer():
    """Section 8: one active column of n entries takes n + out_rows + 20 cycles, none in_rows + out_rows + 14."""
    rng = np.random.default_rng(0)
    for n, rows in ((1, 7), (3, 9), (7, 13)):
        codes = np.zeros((n, 4 * rows), dtype=int)
        codes[:, 0] = 1
        config = small_config(pes=1, activation_depth=64)
        codebook = rng.integers(1, 9, 16).astype(np.int16)
        codebook[0] = 0
        image = network(config, [layer_from_codes(config, codes[:, :rows], codebook, np.zeros(n))], rows, n)
        batch = np.zeros((2, rows), dtype=np.int16)
        batch[0, 0] = 1
        busy, silent = run_image(image, batch)
        assert rows == n + 6  # no more are exhausted in time
        assert busy.cycles == n + n + 20
        assert silent.cycles == rows + n + 14


def plain_tally(active, slices):
    """The counters of section 7 from the slices, one by one."""
    pes = slices.shape[2]
    counted, held = np.zeros((4, pes), dtype=int), [None] * pes
    for column in active:
        for pe in range(pes):
            count, weights, rows, first = (int(value) for value in slices[:, column, pe])
            counted[:3, pe] += (count, weights, count == 0)
            if count:
                counted[3, pe] += rows - (first == held[pe])
                held[pe] = first + rows - 1
    return counted


@pytest.mark.parametrize("kind", [np.uint16, np.uint32])
@pytest.mark.parametrize("most", [1, 5, 30000])
def test_tally_of_any_width(kind, most):
    """Sums leave 16 bits, rows end where the next begin, and all widths have a value that stands for no row."""
    rng = np.random.default_rng(most)
    counts = rng.integers(0, most + 1, (60, 7))
    rows = -(-counts // 8)
    first = np.cumsum(rows, axis=0) - rows - (rng.random(rows.shape) < 0.5)
    highest = 0xFFFE if kind is np.uint16 else 0xF0000
    first = np.maximum(first, 0) % (highest - most)
    slices = np.stack([counts, rng.integers(0, counts + 1), rows, first]).astype(kind)
    active = np.flatnonzero(rng.random(60) < 0.8)
    counted = np.full((4, 7), -1, dtype=np.int32)
    tally(active, slices, most, counted)
    assert counted.tolist() == plain_tally(active, slices).tolist()


def test_cycles_and_counters_without_outputs():
    rng = np.random.default_rng(3)
    image = random_network_image(rng, small_config(), [12, 9, 5], 0.5)
    batch = np.stack([random_activations(rng, image, 0.5) for _ in range(3)])
    engine = Engine(image)
    for with_outputs, without in zip(engine.run_layers(batch), engine.run_layers(batch, outputs=False), strict=True):
        assert without.cycles.tolist() == with_outputs.cycles.tolist()
        assert without.total().counters.tolist() == with_outputs.total().counters.tolist()
    assert without.outputs.shape == (3, 0)


@pytest.mark.parametrize("rows", [0xFFF0, 0x1000F])
def test_slices_in_memories_of_any_depth(rows):
    """A figure that does not leave the largest value of 16 bits free takes 32."""
    config = small_config(pes=1, sparse_matrix_depth=1 << 18)
    image = one_long_layer(config, rows)
    figures = slice_figures(image.layers[0], np.diff(image.layers[0].pointers), config.entries_per_row)
    assert figures.dtype == (np.uint16 if rows < 0xFFFF else np.uint32)
    assert figures[3].max() == rows - 1
    assert figures.flags.c_contiguous


def one_long_layer(config, rows):
    """Columns of entries in all rows of the memory but the last, and one of an entry in that."""
    entries, columns = (rows - 1) * config.entries_per_row + 1, 16
    layer = layer_from_codes(config, np.ones((1, columns), dtype=int), np.zeros(16, np.int16), [0])
    long = replace(
        layer,
        pointers=np.append(np.linspace(0, entries - 1, columns).astype(int), entries)[None],
        codes=np.zeros(entries, np.uint8),
        runs=np.zeros(entries, np.uint8),
        offsets=np.array([0, entries]),
    )
    return network(config, [long], columns, 1)
