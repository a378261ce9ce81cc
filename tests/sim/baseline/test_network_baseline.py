"""sim/baseline/network.py and its parts, by `eie baseline cpu NET`: what is timed, what is left out and says so."""

import json
from pathlib import Path

import numpy as np
import pytest

from sim.baseline.network_products import grouped, layer_vectors
from sw.file.model_file import save
from sw.network.calibrate import calibrate
from tests.support.networks.lstm import make_lstm_network
from tests.support.networks.network_file import write_network
from tests.support.networks.random_networks import make_conv_network
from tests.support.tools.commands import Run, runner

QUICK = ("--repeats", "3", "--seconds", "0.001", "--batch", "1,4", "--threads", "1")


@pytest.fixture
def eie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """In a folder with a network and three inputs."""
    monkeypatch.chdir(tmp_path)
    write_network()
    return runner(capsys)


def test_what_an_input_asks_of_each_layer() -> None:
    network = make_conv_network(7).to_network()
    asked = {each.layer.name: (each.at_once, each.steps) for each in layer_vectors(network)}
    assert asked["conv1"] == (90, 1)
    assert asked["ip2"] == (1, 1)
    recurrent = make_lstm_network(2).to_network()
    lstm = next(each for each in layer_vectors(recurrent) if each.steps > 1)
    assert (lstm.at_once, lstm.steps) == (1, recurrent.input_shape[0])


def test_a_compressed_network_beside_the_array(eie: Run) -> None:
    code, out, err = eie("baseline", "cpu", "net.eie", "--input", "x.npy", "--pes", "4", *QUICK, "--json")
    assert code == 0, err
    found = json.loads(out)
    simulated = json.loads(eie("simulate", "net.eie", "--input", "x.npy", "--pes", "4", "--json")[1])
    assert found["array_us"] == simulated["microseconds"]
    assert [layer["array_us"] for layer in found["layers"]] == [each["microseconds"] for each in simulated["layers"]]
    cases = {(each["library"], each["form"], each["batch"]) for each in found["products"]}
    assert {("numpy", "dense", 1), ("numpy", "dense", 4), ("scipy", "CSR", 1), ("scipy", "CSR", 4)} <= cases
    for each in found["products"]:
        medians = [
            timing["median_us"]
            for layer in found["layers"]
            for timing in layer["timings"]
            if all(timing[name] == each[name] for name in ("library", "form", "batch", "threads"))
        ]
        assert each["us"] == pytest.approx(sum(medians))
    assert {(each["library"], each["batch"]) for each in found["whole"]} == {("torch", 1), ("torch", 4)}
    code, out, _ = eie("baseline", "cpu", "net.eie", *QUICK)
    assert code == 0
    assert "No time of an array: give a compressed network, NET.eie, and --input X.npy." in out
    assert "products of its layers, us an input, the fastest library's median" in out


def test_convolutions_in_groups_are_timed_whole_only(eie: Run) -> None:
    network = make_conv_network(4)
    inputs = np.random.default_rng(0).normal(size=(1, *network.input_shape)).astype(np.float32)
    save(calibrate(network, inputs), Path("conv.eie"))
    found = json.loads(eie("baseline", "cpu", "conv.eie", *QUICK, "--json")[1])
    in_groups = grouped(network.to_network())
    assert bool(found["layers"]) == (not in_groups)
    assert any(in_groups[0] in remark for remark in found["remarks"]) if in_groups else not found["remarks"]
    assert found["whole"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("net.eie", "--layer", "NT-We"), "--layer names layers of the paper; a network is timed whole"),
        (("net.safetensors", "--input", "x.npy"), "a compressed network, which net.safetensors is not"),
        (("missing.eie",), "cannot read missing.eie"),
    ],
)
def test_what_cannot_be_is_one_sentence(eie: Run, arguments: tuple[str, ...], sentence: str) -> None:
    code, out, err = eie("baseline", "cpu", *arguments, *QUICK)
    assert (code, out) == (2, "")
    assert sentence in err.splitlines()[-1]
