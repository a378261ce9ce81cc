"""The extremes of the arithmetic through whole layers: engine, stepped model and RTL against plain Python integers."""

from itertools import product

import numpy as np
import pytest

from model.config import PRESETS
from model.engine import run_image
from sim.rtl.cosim import run_job
from tests.support.hw.rtl import Case, check_answer, session, simulators
from tests.support.images.agreement import Bench
from tests.support.images.random_images import layer_from_codes, network

LOW, HIGH = -(1 << 15), (1 << 15) - 1
CODEBOOK = [0, LOW, LOW + 1, -1, 1, 2, HIGH - 1, HIGH, LOW, HIGH, LOW, HIGH, 1 << 14, -(1 << 14), 3, -3]
INPUTS = [LOW, HIGH, LOW, 1, -1, 0, HIGH, LOW + 1]
CONFIG = PRESETS["tiny4"]


def corner(codes, biases, bias_scale, shift, relu, config=CONFIG):
    """An image of one layer with the extreme codebook."""
    layer = layer_from_codes(
        config,
        np.array(codes),
        np.array(CODEBOOK, np.int16),
        np.array(biases, np.int16),
        bias_scale=bias_scale,
        shift=shift,
        relu=relu,
    )
    return network(config, [layer], len(codes[0]), len(codes))


def plainly(codes, biases, bias_scale, shift, relu, inputs, bits=32, activation_bits=16):
    """Outputs and overflow, by Python integers alone."""
    outputs, overflow = [], False
    for row, bias in zip(codes, biases, strict=True):
        total = 0
        for code, value in zip(row, inputs, strict=True):
            total += CODEBOOK[code] * value
            overflow |= not -(2 ** (bits - 1)) <= total < 2 ** (bits - 1)
            total = (total + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)
        total += bias * bias_scale
        overflow |= not -(2 ** (bits - 1)) <= total < 2 ** (bits - 1)
        total = (total + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)
        rounded = (total + (2**shift) // 2) // 2**shift
        half = 2 ** (activation_bits - 1)
        value = max(-half, min(half - 1, rounded))
        outputs.append(max(value, 0) if relu else value)
    return outputs, overflow


def check(engine, wanted):
    assert engine.outputs[: len(wanted[0])].tolist() == wanted[0]
    assert engine.overflow == wanted[1]


def random_codes(seed):
    return np.random.default_rng(seed).integers(0, 16, (6, len(INPUTS))).tolist()


CORNERS = [
    (random_codes(number), [LOW, HIGH, -1, 0, 1, LOW], scale, shift, relu)
    for number, (scale, shift, relu) in enumerate(product((1, 1 << 14), (0, 1, 15, 16, 31), (False, True)))
]


NARROW = CONFIG.with_(activation_bits=8)
NARROW_INPUTS = [-128, 127, -128, 1, -1, 0, 127, -127]
NARROW_CORNERS = [
    (random_codes(number), [LOW, HIGH, -1, 0, 1, LOW], scale, shift, relu)
    for number, (scale, shift, relu) in enumerate(product((1, 1 << 6), (0, 1, 15, 16, 31), (False, True)))
]


@pytest.mark.parametrize("number", range(len(NARROW_CORNERS)))
def test_extremes_of_8_bit_activations_on_both_models(number):
    values = NARROW_CORNERS[number]
    bench = Bench(corner(*values, config=NARROW))
    bench.load()
    check(bench.check(np.array(NARROW_INPUTS, np.int16)), plainly(*values, inputs=NARROW_INPUTS, activation_bits=8))


@pytest.mark.slow
@pytest.mark.parametrize("simulator", simulators())
def test_extremes_of_8_bit_activations_on_the_rtl(simulator):
    inputs = [np.array(NARROW_INPUTS, np.int16)]
    cases = [Case(corner(*values, config=NARROW), inputs, "balanced") for values in NARROW_CORNERS]
    check_answer(run_job(NARROW, session(cases), simulator), cases)


@pytest.mark.parametrize("number", range(len(CORNERS)))
def test_extremes_on_both_models(number):
    image = corner(*CORNERS[number])
    bench = Bench(image)
    bench.load()
    check(bench.check(np.array(INPUTS, np.int16)), plainly(*CORNERS[number], inputs=INPUTS))


@pytest.mark.parametrize("simulator", simulators("icarus"))
def test_extremes_on_the_rtl(simulator):
    cases = [Case(corner(*values), [np.array(INPUTS, np.int16)], "balanced") for values in CORNERS]
    for case, values in zip(cases, CORNERS, strict=True):
        check(run_image(case.image, np.array(case.inputs))[0], plainly(*values, inputs=INPUTS))
    check_answer(run_job(CONFIG, session(cases), simulator), cases)


@pytest.mark.parametrize("bits", [32, 33, 34, 36])
@pytest.mark.parametrize("beyond", [0, 1])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_overflow_flag_begins_one_past_the_edge(bits, beyond, sign):
    config = CONFIG.with_(accumulator_bits=bits, pes=1, activation_depth=64)
    count = 2 ** (bits - 31)  # of sums of 2**30
    if sign > 0:  # LOW * LOW, and last HIGH * HIGH + HIGH * 2, which is one less
        row, inputs = [1] * (count - 1) + [7, 5], [LOW] * (count - 1) + [HIGH, HIGH]
    else:  # LOW * HIGH + LOW * 1
        row, inputs = [7, 4] * count, [LOW] * (2 * count)
    wanted = plainly([row], [sign * beyond], 1, 8, False, inputs, bits)
    assert wanted[1] == bool(beyond)
    bench = Bench(corner([row], [sign * beyond], 1, 8, False, config))
    bench.load()
    check(bench.check(np.array(inputs, np.int16)), wanted)
