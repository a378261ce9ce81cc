"""The C driver over a serial line: the protocol on the model, and the line of a whole board simulated bit by bit."""

from pathlib import Path

import numpy as np
import pytest

from model.config import PRESETS, ArrayConfig
from model.serial_protocol import UNKNOWN
from sim.mlperf_tiny import FOLDER, KWS_SAMPLES, TINY_NETWORKS
from sim.rtl.line import RtlLine
from sim.simulation.image_run import run_image
from sim.simulation.tiny_bench import read_keywords
from sw.compress.pipeline import compress
from sw.formats.assumptions import Assumptions
from sw.formats.network_file import load_network
from sw.host.transports.serial_link import Line
from sw.image.build import build_image
from sw.network.calibrate import calibrate
from sw.network.host_end import without_host_end
from tests.support.hw.c_driver import Compiled, check_runs
from tests.support.hw.driver import Case, SerialModel, make_case, make_map_case


def check(case: Case, line: Line, folder: Path) -> None:
    """Every input is one call; outputs and cycles are the engine's."""
    check_runs(Compiled(case.image, folder, line=line), case)


def board(array: ArrayConfig) -> RtlLine:
    """The design of a board, on Verilator, which comes with the project: without it the test fails."""
    return RtlLine(array)


def test_the_commands_of_the_line(tmp_path: Path):
    case = make_map_case()
    check(case, SerialModel(case.config), tmp_path)


@pytest.mark.slow
def test_bit_by_bit(tmp_path: Path):
    case = make_map_case(64)
    line = board(case.config)
    try:
        check(case, line, tmp_path)
    finally:
        line.close()


@pytest.mark.parametrize("answer", [lambda data: data[:-1], lambda data: bytes([UNKNOWN]) if len(data) == 1 else data])
def test_a_line_that_fails_is_no_hang(tmp_path: Path, answer):
    case = make_case()
    compiled = Compiled(case.image, tmp_path, line=SerialModel(case.config, answer))
    assert compiled.library.load() in (-1, -3)
    assert compiled.library.failed() == 1


@pytest.mark.slow
def test_keyword_spotting_in_one_call_on_the_board_s_line(tmp_path: Path, data_folder: Path):
    """DS-CNN of MLPerf Tiny, all weights, 8 PEs: loaded and run over the UART of the board's design, bit by bit."""
    folder = data_folder / FOLDER
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}")
    read = load_network(folder / TINY_NETWORKS["KWS"].file, assumptions=Assumptions(say=lambda _: None))
    features, _ = read_keywords(folder / KWS_SAMPLES)
    network, remains = without_host_end(calibrate(compress(read, code_bits=8), features[1::2]))
    assert remains == "softmax over axis 0 of the outputs"
    array = PRESETS["mcu16"].with_(pes=8, accumulator_depth=1000)
    run = run_image(build_image(network, array), features[:1])
    case = Case(network, run.image, features[:1].astype(np.float64), run.integers, run.outputs, run.cycles)
    line = board(array)
    try:
        check(case, line, tmp_path)
    finally:
        line.close()
