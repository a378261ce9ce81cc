"""sim/timeline/queue_depth.py: cycles of every depth, and the depth that a loss needs."""

import numpy as np
import pytest

from model.config import PRESETS
from model.engine import Engine
from model.errors import ConfigError, EieError
from sim.timeline.queue_depth import MOST_DEPTH, DepthCurve, depth_curve, parse_loss
from tests.support.images.random_images import random_activations, random_network_image, small_config


def curve_of(cycles: list[int], unbounded: int) -> DepthCurve:
    """A curve that starts with these cycles and then loses nothing."""
    return DepthCurve(np.array(cycles + [unbounded] * (MOST_DEPTH - len(cycles))), unbounded)


@pytest.mark.parametrize("skip", [False, True])
def test_every_depth_is_the_recurrence_of_that_depth(skip):
    rng = np.random.default_rng(1)
    image = random_network_image(rng, small_config(skip_empty_slices=skip), [60, 60], 0.3)
    ((work,),) = Engine(image).work(random_activations(rng, image, 0.9)[None])
    curve = depth_curve(work)
    assert curve.cycles.tolist() == [work.cycles(depth) for depth in range(1, MOST_DEPTH + 1)]
    assert curve.unbounded == work.cycles(10**6) == curve.cycles[-1] < curve.cycles[0]


@pytest.mark.parametrize("skip", [False, True])
def test_two_broadcasts_want_even_queues_of_four_or_more(skip):
    rng = np.random.default_rng(1)
    config = small_config(skip_empty_slices=skip, broadcasts_per_cycle=2)
    image = random_network_image(rng, config, [60, 60], 0.3)
    ((work,),) = Engine(image).work(random_activations(rng, image, 0.9)[None])
    curve = depth_curve(work)
    buildable = [max(4, depth - depth % 2) for depth in range(1, MOST_DEPTH + 1)]
    assert curve.cycles.tolist() == [work.cycles(depth) for depth in buildable]
    assert curve.needed(10.0) == 4
    needed = curve.needed(0.001)
    assert needed is not None
    assert needed % 2 == 0


def test_the_smallest_depth_within_a_loss():
    curve = curve_of([300, 150, 102, 101], 100)
    assert [curve.loss(depth) for depth in (1, 2, 3, 4, 5)] == pytest.approx([2, 0.5, 0.02, 0.01, 0])
    assert [curve.needed(loss) for loss in (0.6, 0.5, 0.499, 0.02, 0.01, 0.009, 0)] == [2, 2, 3, 3, 4, 5, 5]


def test_no_depth_is_enough():
    curve = DepthCurve(np.full(MOST_DEPTH, 103), 100)
    assert curve.needed(0.02) is None
    assert curve.needed(0.03) == 1


def test_curves_of_layers_add_up():
    total = curve_of([30, 20], 10) + curve_of([70, 60, 50], 40)
    assert total.cycles[:4].tolist() == [100, 80, 60, 50]
    assert total.unbounded == 50


def test_no_configuration_has_deeper_queues():
    assert PRESETS["eie64"].with_(queue_depth=MOST_DEPTH).queue_depth == MOST_DEPTH
    with pytest.raises(ConfigError, match="queue_depth must be between"):
        PRESETS["eie64"].with_(queue_depth=MOST_DEPTH + 1)


@pytest.mark.parametrize(
    ("text", "loss"),
    [("1%", 0.01), ("0.5 %", 0.005), ("0.01", 0.01), ("0", 0), ("99%", 0.99), ("1e-3", 1e-3)],
)
def test_losses(text, loss):
    assert parse_loss(text) == pytest.approx(loss)


@pytest.mark.parametrize("text", ["", "%", "1", "100%", "-1%", "nan", "nan%", "inf", "two", "1%%", "0.1x"])
def test_what_is_no_loss(text):
    with pytest.raises(EieError) as error:
        parse_loss(text)
    sentence = "--loss wants a percentage such as 1%, or a fraction such as 0.01, below 1"
    assert str(error.value) == f"{sentence}; got {text!r}"
