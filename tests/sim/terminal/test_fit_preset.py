"""sim/terminal/fit_preset.py: an array for any network, said as options that describe it."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model.config import ArrayConfig
from model.errors import TooSmallError
from sw.file.model_file import save
from sw.image.build import build_image
from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedNetwork
from sw.network.graph import ApplyLayer, Convolution, Flatten, Graph, Lstm, Node, both_sides
from tests.support.networks.random_networks import make_layer
from tests.support.tools.commands import runner


def wide_codes() -> CompressedNetwork:
    """Fully connected layers of 8-bit codes, which no preset takes as it is."""
    shapes = ((40, 90), (7, 40))
    return CompressedNetwork(
        layers=tuple(make_layer(rows, (rows, columns), 0.4, 8, f"fc{rows}") for rows, columns in shapes)
    )


def convolution() -> CompressedNetwork:
    layers = (
        make_layer(1, (6, 2, 3, 3), 0.5, name="conv", relu=True, convolution=Convolution(padding=both_sides((1, 1)))),
        make_layer(2, (5, 6 * 8 * 8), 0.3, name="out"),
    )
    nodes = tuple(
        Node(operation, (number,)) for number, operation in enumerate((ApplyLayer(), Flatten(), ApplyLayer()))
    )
    return CompressedNetwork(layers=layers, graph=Graph(input_shape=(2, 8, 8), nodes=nodes))


def recurrent() -> CompressedNetwork:
    layers = (make_layer(3, (24, 5 + 6), 0.5, name="lstm"), make_layer(4, (3, 6), 0.8, name="out"))
    return CompressedNetwork(
        layers=layers, graph=Graph(input_shape=(4, 5), nodes=(Node(Lstm(), (0,)), Node(ApplyLayer(), (1,))))
    )


@pytest.mark.parametrize("make", [wide_codes, convolution, recurrent])
def test_what_is_chosen_is_said_as_options_that_give_the_same(
    make: Callable[[], CompressedNetwork], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = make()
    inputs = np.random.default_rng(5).normal(size=(3, *network.input_shape)).astype(np.float32)
    file, samples = str(tmp_path / "net.eie"), str(tmp_path / "x.npy")
    save(calibrate(network, inputs), Path(file))
    np.save(samples, inputs)
    eie = runner(capsys)
    code, out, err = eie("simulate", file, "--input", samples, "--preset", "fit", "--pes", "4", "--json")
    assert code == 0
    said = err.splitlines()[0]
    assert said.startswith("--preset fit is --preset eie64 --set pes=4 --set ")
    again = eie("simulate", file, "--input", samples, *shlex.split(said.removeprefix("--preset fit is ")), "--json")[1]
    found, wanted = json.loads(again), json.loads(out)
    assert found.pop("made_by") != wanted.pop("made_by")  # two commands
    assert found == wanted
    array = ArrayConfig(**json.loads(out)["config"])
    assert array.maps == (make is not wide_codes)
    assert array.functions == (make is recurrent)
    for command in (("queue",), ("trace", "-o", str(tmp_path / "t.json"))):
        looked = eie(*command, file, "--input", samples, "--preset", "fit", "--pes", "4", "--json")[1]
        assert json.loads(looked)["config"] == found["config"]
    # Nothing less would do.
    for depth in ("sparse_matrix_depth", "layers", "constant_depth"):
        less = array.with_(**{depth: getattr(array, depth) - 1})
        with pytest.raises(TooSmallError):
            build_image(calibrate(network, inputs), less, resident=True)
    code, _, err = eie("simulate", file, "--input", samples, "--preset", "tiny4")
    if make is wide_codes:
        assert code == 2
        assert err.endswith("; `eie simulate --preset fit` makes an array that holds it\n")
    for command in ("verify", "run", "report", "trace", "queue", "driver"):
        more = ["-o", str(tmp_path / "made")] if command in ("report", "trace", "driver") else []
        more += [] if command == "driver" else ["--input", samples]
        refused = eie(command, file, *more, "--preset", "fit", "--set", "layers=8")
        assert refused[0] == 2
        assert refused[2].endswith("error: --preset fit chooses layers by the network; wanted no --set layers\n")


def test_what_no_array_runs_as_a_whole_is_said_with_a_way_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = CompressedNetwork(
        layers=(make_layer(1, (4, 5), 0.9, name="each step"),),
        graph=Graph(input_shape=(3, 5), nodes=(Node(ApplyLayer(), (0,)),)),
    )
    inputs = np.random.default_rng(5).normal(size=(2, 3, 5)).astype(np.float32)
    file, samples = tmp_path / "net.eie", tmp_path / "x.npy"
    save(calibrate(network, inputs), file)
    np.save(samples, inputs)
    eie = runner(capsys, "simulate", str(file), "--input", str(samples), "--preset")
    code, _, err = eie("fit")
    assert code == 2
    assert err == (
        "error: --preset fit: layer each step: an array with maps has no layers that take one step after another; "
        "other presets run it layer by layer where `maps` is off\n"
    )
    assert eie("tiny4")[0] == 0
    assert eie("fitt")[2].endswith(", mcu32, fit\n")


def test_a_command_without_a_network_has_nothing_to_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    eie = runner(capsys)
    sentence = "--preset fit is for simulate, verify, run, report, trace, queue, driver and baseline of a network"
    wanted = (2, "", f"error: {sentence}\n")
    assert eie("area", "--preset", "fit") == wanted
    assert eie("driver", "-o", str(tmp_path / "made"), "--preset", "fit") == wanted
    layer = ("--bench", "--layer", "NT-We", "--preset", "fit")
    assert eie("trace", *layer, "-o", str(tmp_path / "made")) == wanted
    assert eie("queue", *layer) == wanted
    assert not list(tmp_path.iterdir())
