"""sim/timeline/trace_events.py: the form of the events, and that they say what the stepped model and the engine say."""

import json
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from model.engine import Engine, RunResult, run_image
from model.image import NetworkImage
from model.layouts import FLUSH_CYCLES
from model.registers import PeCounter
from model.schedule import LayerSchedule
from sim.timeline.trace_events import BROADCAST_LANE, FIRST_PE_LANE, PHASE_LANE, Event, Timeline, View
from tests.support.hw.queues import Seen, slices_of, watch
from tests.support.images.map_programs import random_map_network
from tests.support.images.maps import map_config
from tests.support.images.random_images import random_activations, random_network_image, small_config

CYCLES = 1.0  # nanoseconds a cycle, so that times are cycles


def made(
    seed: int, *, pes: int = 4, depth: int = 3, skip: bool = False, lanes: int = 1
) -> tuple[NetworkImage, np.ndarray]:
    """A random network of three layers that stalls now and then, and an input."""
    rng = np.random.default_rng(seed)
    memories = {"activation_depth": 32, "sparse_matrix_depth": 512}  # enough for a single PE
    config = small_config(pes=pes, queue_depth=depth, skip_empty_slices=skip, broadcasts_per_cycle=lanes, **memories)
    image = random_network_image(rng, config, [30, 24, 9], 0.4)
    return image, random_activations(rng, image, 0.6)


def scheduled(image: NetworkImage, activations: np.ndarray) -> list[LayerSchedule]:
    (works,) = Engine(image).work(activations[None])
    return [work.schedule(image.config.queue_depth) for work in works]


def shown(
    schedules: Sequence[LayerSchedule], begin: int = 0, end: int | None = None, cycle_ns: float = CYCLES, each=False
) -> list[Event]:
    """The events of these cycles, of all cycles without bounds."""
    last = sum(schedule.cycles for schedule in schedules) if end is None else end
    timeline = Timeline(schedules, View(begin=begin, end=last, cycle_ns=cycle_ns, queue_of_each_pe=each))
    events = list(timeline.events("array"))
    assert len([event for event in events if event["ph"] != "M"]) <= timeline.size <= len(events)
    return events


def lanes_of(events: Sequence[Event]) -> dict[int, list[Event]]:
    """Complete events by lane, in the order in which a viewer opens them."""
    lanes = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            lanes[event["tid"]].append(event)
    return {lane: sorted(found, key=lambda event: (event["ts"], -event["dur"])) for lane, found in lanes.items()}


def nanoseconds(event: Event) -> tuple[int, int]:
    """Begin and end, as a viewer that keeps whole nanoseconds rounds them: nothing may be lost by that."""
    start, duration = round(1000 * event["ts"]), round(1000 * event["dur"])
    assert event["ts"] == start / 1000
    assert event["dur"] == duration / 1000
    return start, start + duration


def steps_of(events: Sequence[Event], name: str, cycles: int) -> list[float]:
    """A counter's value in every cycle, for a trace that starts with the run and shows a cycle as 1 ns."""
    values = [float("nan")] * cycles
    changes = [event for event in events if event["ph"] == "C" and event["name"] == name]
    starts = [*(round(1000 * event["ts"]) for event in changes), cycles]
    for event, (begin, end) in zip(changes, pairwise(starts), strict=True):
        assert begin < end
        (value,) = event["args"].values()
        values[begin:end] = [value] * (end - begin)
    return values


@pytest.mark.parametrize("cycle_ns", [1.0, 1.25, 1000 / 333, 10.0])
@pytest.mark.parametrize("skip", [False, True])
def test_form(skip, cycle_ns):
    """What the Trace Event Format wants of each kind of event, and lanes whose events nest."""
    image, activations = made(1, skip=skip)
    events = shown(scheduled(image, activations), cycle_ns=cycle_ns, each=True)
    json.dumps(events, allow_nan=False)
    lanes = lanes_of(events)
    names = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
    assert names == dict(enumerate(["phases", "broadcast", "PE 0", "PE 1", "PE 2", "PE 3"], start=1))
    assert set(lanes) == set(names)
    for event in events:
        assert event["pid"] == 1
        assert isinstance(event["args"], dict)
        if event["ph"] == "X":
            assert set(event) == {"ph", "name", "cat", "pid", "tid", "ts", "dur", "args"}
            begin, end = nanoseconds(event)
            assert 0 <= begin < end
        elif event["ph"] == "C":
            assert set(event) == {"ph", "name", "pid", "ts", "args"}
            assert len(event["args"]) == 1
        else:
            assert event["ph"] == "M"
            assert event["name"] in ("process_name", "thread_name", "thread_sort_index")
    for lane, found in lanes.items():
        open_until: list[int] = []
        for event in found:
            begin, end = nanoseconds(event)
            while open_until and open_until[-1] <= begin:
                open_until.pop()
            assert not open_until or end <= open_until[-1], "events of a lane lie within one another or apart"
            open_until.append(end)
            assert lane == PHASE_LANE or len(open_until) == 1


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_cycles_are_the_stepped_models(seed, skip):
    lanes = 1 if seed < 6 else 2
    image, activations = made(seed, pes=int(seed + 1), depth=1 + seed % 4 if lanes == 1 else 4, skip=skip, lanes=lanes)
    schedules = scheduled(image, activations)
    events = shown(schedules, each=True)
    lanes = lanes_of(events)
    layers = watch(image, activations)
    offsets = np.cumsum([0, *(schedule.cycles for schedule in schedules)]).tolist()
    for pe in range(image.config.pes):
        wanted = []
        for seen, offset in zip(layers, offsets[:-1], strict=True):
            spans = slices_of([row[pe] for row in seen.issued])
            wanted += [(offset + first, offset + last + 1) for first, last in spans]
        assert [nanoseconds(event) for event in lanes.get(FIRST_PE_LANE + pe, [])] == wanted
        held = steps_of(events, f"queue PE {pe}", offsets[-1])
        assert held == all_cycles(layers, offsets, lambda seen, pe=pe: [row[pe] for row in seen.counts])
    sent = [event for event in lanes[BROADCAST_LANE] if event["cat"] == "broadcast"]
    wanted = [
        offset + cycle - 1
        for seen, offset in zip(layers, offsets[:-1], strict=True)
        for cycle in np.repeat(np.arange(len(seen.selected)), seen.selected)
    ]
    assert [nanoseconds(event) for event in sent] == [(cycle, cycle + 1) for cycle in sorted({*wanted})]
    assert steps_of(events, "broadcasts", offsets[-1]) == [sum(at <= c for at in wanted) for c in range(offsets[-1])]
    means = all_cycles(layers, offsets, lambda seen: [round(float(np.mean(row)), 4) for row in seen.counts])
    assert steps_of(events, "queue mean", offsets[-1]) == means
    fullest = all_cycles(layers, offsets, lambda seen: [max(row) for row in seen.counts])
    assert steps_of(events, "queue fullest", offsets[-1]) == fullest
    for event in lanes[BROADCAST_LANE]:
        if event["cat"] == "stall":
            last = nanoseconds(event)[1] - 1
            layer = int(np.searchsorted(offsets, last, side="right")) - 1
            full = np.flatnonzero(layers[layer].full[last - offsets[layer]])
            assert event["args"]["full PEs"] == ", ".join(map(str, full))
            assert full.size > 0


def all_cycles(layers: Sequence[Seen], offsets: Sequence[int], values) -> list[float]:
    """A figure of every cycle of the run; queues are empty after DRAIN."""
    found: list[float] = []
    for seen, (offset, after) in zip(layers, pairwise(offsets), strict=True):
        found += values(seen)
        found += [0.0] * (after - offset - len(seen.counts))
    return found


def check_counters(events: Sequence[Event], image: NetworkImage, run: RunResult) -> None:
    """Sums of all events against the engine's counters."""
    lanes = lanes_of(events)
    slices = [lanes.get(FIRST_PE_LANE + pe, []) for pe in range(image.config.pes)]
    busy = np.sum([layer.busy_cycles for layer in run.layers], axis=0)
    assert [sum(event["args"]["cycles"] for event in found) for found in slices] == busy.tolist()
    for name in ("entries", "fillers"):
        totals = [sum(event["args"][name] for event in found) for found in slices]
        assert totals == run.counters[PeCounter[name.upper()]].tolist()
    by_category = defaultdict(list)
    for event in lanes[BROADCAST_LANE]:
        by_category[event["cat"]].append(event)
    assert sum(len(event["args"]["column"].split(", ")) for event in by_category["broadcast"]) == run.broadcasts
    assert sum(event["args"]["cycles"] for event in by_category["stall"]) == run.stalls
    assert sum(event["args"]["entries"] for event in by_category["broadcast"]) == run.counters[PeCounter.ENTRIES].sum()


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_sums_are_the_engines_counters(seed, skip):
    image, activations = made(seed, depth=4, skip=skip, lanes=1 + seed % 2)
    (run,) = run_image(image, activations[None])
    assert run.stalls > 0
    check_counters(shown(scheduled(image, activations), cycle_ns=1.25), image, run)


def test_phases_of_every_layer():
    image, activations = made(3)
    (run,) = run_image(image, activations[None])
    found = lanes_of(shown(scheduled(image, activations)))[PHASE_LANE]
    at = 0
    for number, (layer, result) in enumerate(zip(image.layers, run.layers, strict=True)):
        whole, *phases = found[6 * number : 6 * number + 6]
        assert (whole["name"], whole["cat"], nanoseconds(whole)) == (layer.name, "layer", (at, at + result.cycles))
        assert whole["args"]["stalls"] == result.stalls
        lengths = (
            4,
            result.compute_cycles - 4,
            result.drain_cycles,
            layer.out_rows,
            FLUSH_CYCLES,
        )
        assert [phase["name"] for phase in phases] == ["prefetch", "compute", "drain", "write-back", "flush"]
        for phase, length in zip(phases, lengths, strict=True):
            assert nanoseconds(phase) == (at, at + length)
            at += length
    assert at == run.cycles
    assert len(found) == 6 * len(image.layers)


def test_arguments_of_a_slice_and_its_broadcast():
    image, activations = made(4, depth=2)
    schedules = scheduled(image, activations)
    lanes = lanes_of(shown(schedules))
    first = schedules[0]
    sent = [event for event in lanes[BROADCAST_LANE] if event["cat"] == "broadcast"][: len(first.broadcasts)]
    for number, event in enumerate(sent):
        column = int(first.work.columns[number])
        assert event["name"] == f"column {column}"
        assert (event["args"]["row"], int(event["args"]["PE"])) == divmod(column, 4)
        assert int(event["args"]["activation"]) == activations[column] != 0
        assert event["args"]["cycle"] == first.broadcasts[number]
    pointers = image.layers[0].pointers
    for pe in range(4):
        for event, number in zip(lanes[FIRST_PE_LANE + pe], range(len(first.broadcasts)), strict=False):
            column = int(first.work.columns[number])
            entries = int(pointers[pe, column + 1] - pointers[pe, column])
            assert event["name"] == (f"column {column}" if entries else f"column {column}, empty")
            assert event["args"]["entries"] == entries
            assert event["args"]["cycle"] == first.broadcasts[number] + 6 + event["args"]["waited"]


@pytest.mark.parametrize("skip", [False, True])
def test_windows_cut_a_run_without_losing_or_doubling_a_cycle(skip):
    image, activations = made(5, skip=skip)
    schedules = scheduled(image, activations)
    total = sum(schedule.cycles for schedule in schedules)
    whole = lanes_of(shown(schedules))
    cut = defaultdict(list)
    for begin in range(0, total, 17):
        events = shown(schedules, begin, min(begin + 17, total))
        for lane, found in lanes_of(events).items():
            for event in found:
                low, high = nanoseconds(event)
                assert begin <= low < high <= begin + 17
                cut[lane].append(event)
        counters = [event for event in events if event["ph"] == "C"]
        assert min(event["ts"] for event in counters) == begin / 1000
    for lane, found in whole.items():
        cycles = [cycle for event in found for cycle in range(*nanoseconds(event))]
        parts = [cycle for event in cut[lane] for cycle in range(*nanoseconds(event))]
        assert sorted(parts) == sorted(cycles)
        exact = {(event["name"], event["args"]["cycle"], event["args"]["cycles"]) for event in cut[lane]}
        assert exact == {(event["name"], event["args"]["cycle"], event["args"]["cycles"]) for event in found}


def test_a_window_past_the_first_layers_shows_none_of_them():
    image, activations = made(6)
    schedules = scheduled(image, activations)
    events = shown(schedules, schedules[0].cycles + 1)
    assert [e["name"] for e in events if e.get("cat") == "layer"] == [layer.name for layer in image.layers[1:]]
    broadcasts = [event for event in events if event["name"] == "broadcasts"]
    assert broadcasts[0]["args"] == {"sent": len(schedules[0].broadcasts)}


def test_an_input_of_zeros_has_phases_only():
    image, activations = made(7)
    image = random_network_image(np.random.default_rng(0), image.config, [30, 24], 0.4)
    events = shown(scheduled(image, np.zeros_like(activations)))
    assert {event["tid"] for event in events if event["ph"] == "X"} == {PHASE_LANE}


def test_pushes_of_local_mode():
    """Stalls, slices and pushes of map layers add up to the engine's counters, and a push names its PEs."""
    rng = np.random.default_rng(4)
    config = map_config(pes=3, queue_depth=1, accumulator_depth=512, activation_depth=1024)
    image = random_map_network(rng, config, ["depthwise", "maximum", "convolution"], 1.0, largest=(4, 4, 1))
    activations = random_activations(rng, image, 0.6)
    (run,) = run_image(image, activations[None])
    schedules = scheduled(image, activations)
    events = shown(schedules)
    lanes = lanes_of(events)
    sent = lanes[BROADCAST_LANE]
    assert sum(event["args"]["cycles"] for event in sent if event["cat"] == "stall") == run.stalls > 0
    slices = [sum(event["args"]["cycles"] for event in lanes[FIRST_PE_LANE + pe]) for pe in range(3)]
    assert slices == np.sum([layer.busy_cycles for layer in run.layers], axis=0).tolist()
    pushes = [event["args"] for event in sent if event["cat"] == "push"]
    numbers = [pe for push in pushes for pe in push["PE"].split(", ")]
    local = [layer for layer, work in zip(run.layers, schedules, strict=True) if work.work.own is not None]
    assert len(local) == 2
    reads = np.sum([layer.counters[PeCounter.POINTER_READS] for layer in local], axis=0)
    assert [numbers.count(str(pe)) for pe in range(3)] == reads.tolist()
    broadcast = [event for event in sent if event["cat"] == "broadcast"]
    assert len(broadcast) == run.broadcasts == steps_of(events, "broadcasts", run.cycles)[-1] > 0
    entries = sum(push["entries"] for push in pushes) + sum(event["args"]["entries"] for event in broadcast)
    assert entries == run.counters[PeCounter.ENTRIES].sum()
    write_back = [event for event in lanes[PHASE_LANE] if event["name"] == "write-back"]
    assert [event["args"]["cycles"] for event in write_back] == [layer.out_rows for layer in image.layers]
