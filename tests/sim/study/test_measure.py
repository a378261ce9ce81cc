"""sim/study/measure.py and arrays.py: figures of a file are those of the commands that show one of them each."""

import json
from pathlib import Path

import numpy as np
import pytest

from model.config import PRESETS
from model.errors import EieError
from sim.study.arrays import SIZES, on_paper_array, paper_array, right_size
from sim.study.measure import dense_macs, measure
from sw.file.model_file import load, save
from sw.network.calibrate import calibrate
from tests.support.networks.network_file import write_network
from tests.support.networks.random_networks import make_conv_network
from tests.support.tools.commands import runner


def test_figures_are_those_of_the_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_network()
    inputs = np.load("x.npy")
    np.save("y.npy", np.array([1, 2, 3]))
    found = measure(Path("net.eie"), (inputs, np.array([1, 2, 3])), 2)
    np.save("two.npy", inputs[:2])
    eie = runner(capsys)
    wrong = json.loads(eie("accuracy", "net.eie", "--input", "x.npy", "--labels", "y.npy", "--json")[1])
    assert (found.float32_error, found.integer_error) == (wrong["float32"]["error"], wrong["integers"]["error"])
    assert found.bytes == Path("net.eie").stat().st_size
    assert (found.weights, found.parameters, found.macs, found.test_images) == (1440, 1440 + 38, 1440, 3)
    assert found.simulated == 2
    assert found.ratio == pytest.approx(4 * (1440 + 38) / found.bytes)
    larger = measure(Path("net.eie"), (inputs, np.array([1, 2, 3])), 1, begun_with=2 * 1478)
    assert larger.ratio == pytest.approx(2 * found.ratio)
    run = json.loads(eie("simulate", "net.eie", "--input", "two.npy", "--json")[1])
    assert found.paper is not None
    assert found.paper.cycles == run["total"]["cycles"]
    assert found.paper.nanojoules == run["total"]["energy"]["energy_nj"]
    assert found.fitted is not None
    pes = str(found.fitted.pes)
    run = json.loads(eie("simulate", "net.eie", "--input", "two.npy", "--preset", "fit", "--pes", pes, "--json")[1])
    assert found.fitted.cycles == run["total"]["cycles"]
    assert found.fitted.nanojoules == run["total"]["energy"]["energy_nj"]


def test_the_right_size_has_the_least_energy_times_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_network()
    chosen = right_size(load("net.eie"), np.load("x.npy"))
    eie, products = runner(capsys), {}
    for pes in SIZES:
        arguments = ("simulate", "net.eie", "--input", "x.npy", "--preset", "fit", "--pes", str(pes), "--json")
        total = json.loads(eie(*arguments)[1])["total"]
        products[pes] = total["energy"]["energy_nj"] * total["microseconds"]
    assert min(products, key=lambda pes: products[pes]) == chosen[0].pes


def test_the_papers_array_has_larger_codebooks_for_codes_of_more_bits() -> None:
    network = make_conv_network(0)
    images = np.random.default_rng(0).normal(size=(1, *network.input_shape)).astype(np.float32)
    array, plain = paper_array(calibrate(network, images)), PRESETS["eie64"]
    assert max(layer.code_bits for layer in network.layers) == array.code_bits == 5
    assert array.constant_depth - plain.constant_depth == plain.layers * (32 - 16)


def test_convolutions_run_in_one_start_and_count_every_position() -> None:
    network = make_conv_network(0)
    images = np.random.default_rng(0).normal(size=(1, *network.input_shape)).astype(np.float32)
    calibrated = calibrate(network, images)
    assert paper_array(calibrated).maps
    assert paper_array(calibrated).pes == PRESETS["eie64"].pes
    assert on_paper_array(calibrated, images).cycles > 0
    shapes = network.connections.shapes([(layer.name, layer.shape, layer.convolution) for layer in network.layers])
    layers = [
        (layer, value)
        for layer, value in zip(
            network.layers,
            [shapes[1 + place] for place, node in enumerate(network.connections.nodes) if "Apply" in repr(node)],
            strict=True,
        )
    ]
    wanted = sum(np.prod(value) * np.prod(layer.shape[1:]) for layer, value in layers)
    assert dense_macs(network) == wanted


def test_a_network_that_no_array_holds_has_a_reason_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.study.arrays.PAPER", "tiny4")
    network = make_conv_network(0)
    images = np.random.default_rng(0).normal(size=(1, *network.input_shape)).astype(np.float32)
    save(calibrate(network, images), tmp_path / "net.eie")
    found = measure(tmp_path / "net.eie", (images, np.array([0])), 1)
    assert found.paper is None
    assert "layers 13" in found.refusals["paper"]
    assert found.fitted is not None

    def refuse(*_: object) -> None:
        raise EieError("no room")

    monkeypatch.setattr("sim.study.arrays.fitting_array", refuse)
    found = measure(tmp_path / "net.eie", (images, np.array([0])), 1)
    assert found.fitted is None
    assert found.refusals["fitted"] == "no room"
