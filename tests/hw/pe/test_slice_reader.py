import random

import pytest

from hw.pe.slice_reader import SliceReader
from model.config import PRESETS
from tests.support.hw.faults import faulty_memory
from tests.support.hw.units import simulate, write


def reader_cycles(config, pointers, flipped, activations, flip=0):
    """Broadcast (activation, pointer address) or None per cycle, every output compared; returns what stage Q saw."""
    dut = SliceReader(config)
    last_slot = config.entries_per_row - 1
    seen = []

    def split(pointer):
        return divmod(pointer, 1 << config.slot_bits)

    flip %= 1 << config.pointer_bits
    stored = [pointer ^ (flip if address in flipped else 0) for address, pointer in enumerate(pointers)]

    def expected_slice(activation, address):
        start, end = stored[address], stored[address + 1]
        wrong = config.parity and (address in flipped or address + 1 in flipped)
        row, slot = split(end)
        final = (row, slot - 1) if slot else ((row - 1) % (1 << config.row_address_bits), last_slot)
        return activation, split(start), final, end <= start or wrong, end < start, wrong

    async def testbench(ctx):
        for address, pointer in enumerate(pointers):
            write(ctx, dut.write, address, pointer)
            await ctx.tick()
        write(ctx, dut.write)
        in_p = in_q = None
        for cycle, at in enumerate([*activations, None, None]):
            ctx.set(dut.broadcast.valid, at is not None)
            if at is not None:
                ctx.set(dut.broadcast.activation, at[0])
                ctx.set(dut.broadcast.pointer, at[1])
            names = ("p_valid", "q_valid", "push", "skipped", "pointer_error", "parity_error")
            got = [ctx.get(getattr(dut, name)) for name in names]
            wanted = [in_p is not None, in_q is not None, 0, 0, 0, 0]
            if in_q is not None:
                activation, start, final, empty, backwards, wrong = expected_slice(*in_q)
                enters = not (empty and config.skip_empty_slices)
                wanted[2:] = [enters, not enters, backwards, wrong]
                seen.append((empty, backwards, wrong))
                if enters:
                    slice_ = ctx.get(dut.slice)
                    got += [slice_.activation, slice_.empty, (slice_.start.row, slice_.start.slot)]
                    wanted += [activation, empty, start]
                    if not empty:
                        got.append((slice_.final.row, slice_.final.slot))
                        wanted.append(final)
            assert (cycle, got) == (cycle, wanted)
            await ctx.tick()
            in_p, in_q = at, in_p

    simulate(dut, testbench)
    return seen


@pytest.mark.parametrize("row_bits", [32, 24, 40])
@pytest.mark.parametrize("skip", [False, True])
def test_slices_in_every_cycle(row_bits, skip):
    # Rising, equal and falling pointers, with slots that a row may not have.
    config = PRESETS["tiny4"].with_(row_bits=row_bits, skip_empty_slices=skip)
    rng = random.Random(row_bits)
    limit = 1 << config.pointer_bits
    pointers = [rng.randrange(limit)]
    while len(pointers) < config.pointer_depth:
        previous = pointers[-1]
        pointers.append(rng.choice([previous, (previous + rng.randrange(20)) % limit, rng.randrange(limit)]))
    activations = [
        None if rng.random() < 0.3 else (rng.getrandbits(16), rng.randrange(config.pointer_depth - 1))
        for _ in range(600)
    ]
    seen = reader_cycles(config, pointers, (), activations)
    assert {(False, False, False), (True, False, False), (True, True, False)} == set(seen)


def test_the_smallest_differences():
    config = PRESETS["tiny4"]
    pointers = [5, 5, 6, 5, 7, 0, 0, 1, 0, (1 << config.pointer_bits) - 1, 0]
    seen = reader_cycles(config, pointers, (), [(address + 1, address) for address in range(len(pointers) - 1)])
    assert [empty for empty, _, _ in seen] == [1, 0, 1, 0, 1, 1, 0, 1, 0, 1]
    assert [backwards for _, backwards, _ in seen] == [0, 0, 1, 0, 1, 0, 0, 1, 0, 1]


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("bit", [0, 7, 11])
def test_a_changed_pointer_makes_its_slices_empty(skip, bit, monkeypatch):
    config = PRESETS["tiny4"].with_(parity=True, skip_empty_slices=skip)
    assert config.pointer_bits == 11
    rng = random.Random(bit)
    pointers = sorted(rng.randrange(1 << config.pointer_bits) for _ in range(100))
    activations = [None if rng.random() < 0.3 else (9, rng.randrange(99)) for _ in range(300)]
    assert {wrong for _, _, wrong in reader_cycles(config, pointers, (), activations)} == {False}

    # Word 3 of both banks: pointers 6 and 7; the highest bit is the parity bit itself.
    monkeypatch.setattr("hw.pe.pointer_memory.BlockMemory", faulty_memory({3: 1 << bit}))
    seen = reader_cycles(config, pointers, (6, 7), activations, flip=1 << bit)
    assert {wrong for _, _, wrong in seen} == {False, True}
