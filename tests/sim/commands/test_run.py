"""sim/commands/run.py and sim/commands/driver.py: inputs through the driver, and the driver as C."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.config import to_toml
from model.errors import SimulatorError
from sim.cli import main
from sw.file.model_file import save
from sw.network.calibrate import calibrate
from sw.network.graph import Node
from sw.network.operations import Softmax
from tests.support.hw.driver import make_case
from tests.support.networks.network_file import CONV_ARRAY, write_conv_network
from tests.support.networks.whole import MAP_ARRAY, whole_network

SIZES = ["--pes", "4", "--set", "queue_depth=4"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with a network and its inputs."""
    monkeypatch.chdir(tmp_path)
    case = make_case()
    save(case.network, Path("net.eie"))
    np.save("x.npy", case.inputs[:2])
    return tmp_path


def test_outputs_and_cycles(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["run", "net.eie", "--input", "x.npy", *SIZES, "-o", "y.npy", "--json"]) == 0
    got = json.loads(capsys.readouterr().out)
    case = make_case()
    np.testing.assert_array_equal(np.array(got["outputs"], np.float32), case.outputs[:2])
    np.testing.assert_array_equal(np.load("y.npy"), case.outputs[:2])
    assert main(["simulate", "net.eie", "--input", "x.npy", *SIZES, "--json"]) == 0
    simulated = json.loads(capsys.readouterr().out)
    assert np.mean(got["cycles"]) == simulated["total"]["cycles"]
    assert np.mean(got["entries"]) == simulated["total"]["entries"]
    assert main(["run", "net.eie", "--input", "x.npy", *SIZES, "--set", "pe_counters=false"]) == 0
    assert "not counted" in capsys.readouterr().out


def test_a_network_with_convolutions_layer_by_layer(folder: Path, capsys: pytest.CaptureFixture[str]):
    write_conv_network()
    inputs = np.load("images.npy")[:1]
    np.save("image.npy", inputs)
    assert main(["run", "conv.eie", "--input", "image.npy", *CONV_ARRAY, "-o", "y.npy", "--json"]) == 0
    got = json.loads(capsys.readouterr().out)
    assert main(["simulate", "conv.eie", "--input", "image.npy", *CONV_ARRAY, "-o", "z.npy", "--json"]) == 0
    simulated = json.loads(capsys.readouterr().out)
    np.testing.assert_array_equal(np.load("y.npy"), np.load("z.npy"))
    assert got["cycles_per_input"] == sum(got["cycles"]) == simulated["total"]["cycles"]
    assert len(got["cycles"]) == simulated["total"]["vectors"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--on", "nowhere"], "an array must be at model"),
        (["--on", "memory:0@absent"], "cannot map 256 bytes of absent"),
        (["-o", "net.eie"], "it is the input net.eie, which would be lost"),
    ],
)
def test_what_cannot_be_is_one_sentence(folder: Path, arguments: list[str], words: str, capsys):
    assert main(["run", "net.eie", "--input", "x.npy", *SIZES, *arguments]) == 2
    assert words in capsys.readouterr().err


def test_a_simulator_without_an_answer_is_exit_code_1(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    def fail(*_: object) -> None:
        raise SimulatorError("it broke")

    monkeypatch.setattr("sim.commands.run.open_place", fail)
    assert main(["run", "net.eie", "--input", "x.npy", *SIZES]) == 1
    assert "the RTL gave no answer: it broke" in capsys.readouterr().err


def test_the_c_driver_of_an_array_with_maps_leaves_a_softmax_to_the_host(folder: Path, capsys):
    network = whole_network()
    assert network.graph is not None
    last = Node(Softmax(axis=0), (len(network.graph.nodes),))
    graph = replace(network.graph, nodes=(*network.graph.nodes, last))
    inputs = np.random.default_rng(0).normal(size=(3, 2, 6, 4))
    save(calibrate(replace(network, graph=graph), inputs), Path("maps.eie"))
    Path("maps4.toml").write_text(to_toml(MAP_ARRAY))
    assert main(["driver", "maps.eie", "-o", "c", "--config", "maps4.toml"]) == 0
    assert "Left to the host: softmax over axis 0 of the outputs." in capsys.readouterr().out
    assert "Left to the host: softmax over axis 0" in Path("c/eie_network.h").read_text()


def test_the_c_driver_compiles_with_the_network(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["driver", "net.eie", "-o", "c/driver", *SIZES, "--json"]) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    names = ["eie_driver.c", "eie_driver.h", "eie_network.h", "eie_registers.h", "eie_serial.c", "eie_serial.h"]
    assert sorted(files) == names
    Path("c/driver/main.c").write_text(
        '#include "eie_network.h"\nint main(void) { return eie_the_network.pes != 4; }\n'
    )
    flags = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["gcc", *flags, "main.c", "eie_driver.c", "-o", "main"], cwd="c/driver", check=True)
    assert subprocess.run(["c/driver/main"], check=False).returncode == 0
    assert main(["driver", "-o", "net.eie"]) == 2
    assert "cannot write into net.eie" in capsys.readouterr().err
