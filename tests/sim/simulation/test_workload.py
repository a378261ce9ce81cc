"""sim/simulation/workload.py:
what is laid out, and that its schedules are those of the runs that other commands make.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.config import PRESETS
from model.errors import EieError
from sim.paper import PAPER_LAYERS
from sim.simulation.image_run import run_image
from sim.simulation.paper_layers import run_layer
from sim.simulation.prepare import lay_out
from sim.simulation.simulate import simulate
from sim.simulation.workload import Source, source, workloads
from sim.terminal.output import Output
from sw.file.model_file import load, save
from sw.network.calibrate import calibrate
from tests.support.networks.network_file import CONV_CONFIG, write_conv_network, write_network

ARRAY = PRESETS["eie64"].with_(pes=16, queue_depth=3)


def test_a_network_with_all_its_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_network()
    (workload,) = workloads(source(Path("net.eie"), Path("x.npy"), False, None, 1), ARRAY, Output(as_json=True))
    image, _ = lay_out(load(Path("net.eie")), np.load("x.npy"), ARRAY)
    runs = run_image(image, np.load("x.npy")).runs
    assert (workload.name, workload.enlarged, workload.config, workload.inputs) == ("net.eie", {}, ARRAY, 3)
    for index, run in enumerate(runs):
        assert [work.cycles(3) for work in workload.works(index)] == [layer.cycles for layer in run.layers]


def test_a_network_without_calibration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_network()
    inputs = np.load("x.npy") * np.array([[0.01], [1], [1]], np.float32)  # one input does not tell what all need
    np.save("x.npy", inputs)
    plain = replace(load(Path("net.eie")), calibration=None)
    save(plain, Path("plain.eie"))
    save(calibrate(plain, inputs), Path("calibrated.eie"))
    asked: list[list[list[int]]] = []
    for name in ("plain.eie", "calibrated.eie"):
        (workload,) = workloads(source(Path(name), Path("x.npy"), False, None, 1), ARRAY, Output(as_json=True))
        asked.append([work.activations.tolist() for work in workload.works(1)])
    assert asked[0] == asked[1]
    assert "plain.eie has no calibration: binary points are chosen from these 3 inputs" in capsys.readouterr().err


def test_a_network_with_convolutions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_conv_network()
    (workload,) = workloads(
        source(Path("conv.eie"), Path("images.npy"), False, None, 1), CONV_CONFIG, Output(as_json=True)
    )
    run = simulate(load(Path("conv.eie")), np.load("images.npy"), CONV_CONFIG)
    assert workload.inputs == 2
    works = [work for index in range(2) for work in workload.works(index)]
    assert sum(work.cycles(CONV_CONFIG.queue_depth) for work in works) == 2 * run.total.cycles


def test_layers_of_the_paper_one_after_the_other() -> None:
    names = ["NT-LSTM", "NT-We"]
    made = workloads(source(None, None, True, names, 3), ARRAY, Output(as_json=True))
    for name in ("NT-We", "NT-LSTM"):  # the paper's order
        workload, run = next(made), run_layer(PAPER_LAYERS[name], ARRAY, 3)
        assert (workload.name, workload.inputs) == (name, 1)
        assert (workload.config, workload.enlarged) == (run.metrics.config, run.enlarged)
        (work,) = workload.works(0)
        schedule = work.schedule(3)
        assert (schedule.cycles, schedule.stalls) == (run.metrics.cycles, run.metrics.stalls)
    with pytest.raises(StopIteration):
        next(made)


def test_sources() -> None:
    network, inputs = Path("n.eie"), Path("x.npy")
    chosen = source(network, inputs, False, None, 1)
    assert chosen == Source(network=network, inputs_file=inputs, layers=None, seed=1)
    for arguments, sentence in (
        ((None, None, False, None, 1), "got none"),
        ((network, inputs, True, None, 1), "got both"),
        ((network, None, False, None, 1), "n.eie needs inputs"),
        ((None, inputs, True, None, 1), "--input is for a network"),
        ((network, inputs, False, ["NT-We"], 1), "--layer names layers of --bench"),
        ((None, None, True, ["NT-we"], 1), "no layer 'NT-we'"),
        ((None, None, True, None, -1), "--seed must be 0 or more, got -1"),
    ):
        with pytest.raises(EieError, match=sentence):
            source(*arguments)
