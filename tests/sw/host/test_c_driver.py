"""The C driver, compiled as users would, on the stepped model behind a stream window: equal to the engine."""

import ctypes
from pathlib import Path

import numpy as np
import pytest

from model.registers import ADDRESS, Error
from sw.host.transports.window import ModelWindow
from tests.support.hw.c_driver import Compiled, check_runs
from tests.support.hw.driver import make_case, make_map_case


@pytest.mark.parametrize(("passes", "stream_bits", "pes"), [(1, 32, 4), (1, 128, 3), (2, 64, 4)])
def test_outputs_and_cycles_are_the_engine_s(tmp_path: Path, passes: int, stream_bits: int, pes: int):
    case = make_case(passes, stream_bits, pes)
    compiled = Compiled(case.image, tmp_path)
    assert compiled.library.load() == 0
    for x, wanted, cycles in zip(case.activations[:3], case.integers, case.cycles, strict=False):
        failed, got = compiled.run(x)
        assert failed == 0
        np.testing.assert_array_equal(got, wanted)
        assert compiled.library.cycles() == cycles
    assert compiled.library.entries(0) > 0


def test_another_array_an_error_and_a_timeout_have_their_codes(tmp_path: Path):
    case = make_case()
    compiled = Compiled(case.image, tmp_path, patience=3000)
    inputs = np.zeros(case.image.in_features)
    assert compiled.run(inputs)[0] == -4, "started without a network"
    pe = ctypes.c_uint32(7)
    assert compiled.library.error(ctypes.byref(pe)) == Error.START
    assert pe.value == 0
    window = compiled.window
    compiled.window = ModelWindow(case.config.with_(queue_depth=6))
    assert compiled.library.load() == -2
    compiled.window.read = lambda address: 0
    assert compiled.library.load() == -1
    compiled.window = window
    compiled.library.reset()
    assert compiled.library.error(None) == Error.NONE
    assert compiled.library.load() == 0
    window.read = lambda address: 0 if address == ADDRESS["STREAM_STATUS"] else 1
    assert compiled.run(inputs)[0] == -3


@pytest.mark.parametrize(("pes", "stream_bits"), [(4, 32), (3, 128)])
def test_a_whole_network_takes_one_call(tmp_path: Path, pes: int, stream_bits: int):
    case = make_map_case(stream_bits, pes)
    check_runs(Compiled(case.image, tmp_path), case)


def test_an_input_of_more_bits_than_activations_have_is_refused(tmp_path: Path):
    case = make_map_case(32, 4, 8)
    compiled = Compiled(case.image, tmp_path)
    check_runs(compiled, case)
    for wide in (-129, 128):
        inputs = case.activations[0].copy()
        inputs[-1] = wide
        assert compiled.run(inputs)[0] == -6
