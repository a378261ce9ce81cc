"""A model of which only two layers are the array's, from ONNX through every command that takes its file."""

import json
from pathlib import Path

import numpy as np
import pytest

import eie
from sim.cli import main
from sw.file.model_file import load
from tests.support.files.onnx_models import node, onnxruntime, values, write

OUTPUTS = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the model, net.eie of it, inputs and what onnxruntime makes of them."""
    folder = tmp_path_factory.mktemp("parts")
    nodes = [
        node("Cast", "x", "i", to=7),
        node("Gather", "table i", "e"),
        node("MatMul", "e w", "a"),
        node("Relu", "a", "r"),
        node("Softmax", "r", "s", axis=1),
        node("Mul", "s e", "m"),
        node("MatMul", "m v", "b"),
        node("Add", "b bias", "c"),
        node("CumSum", "c one", "d"),
        node("ReduceMax", "d", "y", axes=[1], keepdims=0),
    ]
    constants = {"table": values(9, 8), "w": values(8, 8), "v": values(8, OUTPUTS), "bias": values(OUTPUTS)}
    path = write(folder / "net.onnx", nodes, constants | {"one": np.array(1)}, [1, 5])
    x = np.random.default_rng(0).integers(0, 9, (8, 5)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    wanted = np.concatenate([session.run(None, {"x": each[np.newaxis]})[0] for each in x])
    np.save(folder / "x.npy", x)
    np.save(folder / "wanted.npy", wanted)
    np.save(folder / "y.npy", wanted.argmax(1))
    assert main(["compress", str(path), "-o", str(folder / "net.eie"), "--calibrate", str(folder / "x.npy")]) == 0
    return folder


def run(folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main([str(folder / each) if each[:4] in ("net.", "out.", "x.np", "y.np") else each for each in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_compress_says_which_parts_are_the_hosts(folder: Path, capsys: pytest.CaptureFixture[str]):
    code, out, err = run(folder, capsys, "compress", "net.onnx", "-o", "out.eie", "--json")
    assert code == 0
    parts = json.loads(out)["host_parts"]
    assert [part["operators"] for part in parts] == [
        {"Cast": 1, "Gather": 1},
        {"Softmax": 1, "Mul": 1},
        {"CumSum": 1, "ReduceMax": 1},
    ]
    assert "it runs in parts on array and host, since as one network it is not read: " in err


def test_simulate_gives_the_outputs_of_the_whole_network(folder: Path, capsys: pytest.CaptureFixture[str]):
    arguments = ["simulate", "net.eie", "--input", "x.npy", "--pes", "2", "-o", "out.npy"]
    code, out, _ = run(folder, capsys, *arguments)
    assert code == 0
    assert "their time and energy are not counted" in out
    wanted, found = np.load(folder / "wanted.npy"), np.load(folder / "out.npy")
    assert np.abs(found - wanted).max() <= 0.1 * np.abs(wanted).max()  # the file has codes of 4 bits
    in_float = load(folder / "net.eie").to_network().forward(np.load(folder / "x.npy"))
    assert np.abs(found - in_float).max() <= 0.001 * np.abs(wanted).max()
    payload = json.loads(run(folder, capsys, *arguments, "--json")[1])
    assert [layer["name"] for layer in payload["layers"]] == ["a", "b"]
    assert len(payload["host_parts"]) == 3


def test_accuracy_and_run_take_it(folder: Path, capsys: pytest.CaptureFixture[str]):
    arguments = ["accuracy", "net.eie", "--input", "x.npy", "--labels", "y.npy", "--against", "net.onnx", "--json"]
    code, out, _ = run(folder, capsys, *arguments)
    payload = json.loads(out)
    assert code == 0
    assert payload["against"]["wrong"] == 0
    assert payload["float32"]["wrong"] == payload["integers"]["wrong"] <= 1
    code, _, _ = run(folder, capsys, "run", "net.eie", "--input", "x.npy", "--pes", "2", "--on", "model", "--json")
    assert code == 0


def test_verify_compares_the_arrays_parts(folder: Path, capsys: pytest.CaptureFixture[str]):
    """Of eight sentences of five words each all vectors, or six of each layer."""
    arguments = ["net.eie", "--input", "x.npy", "--preset", "tiny4"]
    code, out, _ = run(folder, capsys, "verify", *arguments, "--vectors", "6")
    assert code == 0
    assert [line.split()[:5] for line in out.splitlines() if line[:2] in ("a ", "b ")] == [
        ["a", "6", "of", "40", "48"],
        ["b", "6", "of", "40", "36"],
    ]
    assert "They are not in RTL: both sides take what they make." in out
    code, out, _ = run(folder, capsys, "verify", *arguments, "--json")
    payload = json.loads(out)
    assert code == 0
    assert payload["equal"]
    assert [(layer["layer"], layer["vectors"], layer["handed"]) for layer in payload["layers"]] == [
        ("a", 40, 40),
        ("b", 40, 40),
    ]
    assert [layer["comparisons"][0]["compared"] for layer in payload["layers"]] == [40 * 8, 40 * OUTPUTS]
    assert len(payload["host_parts"]) == 3
    simulated = json.loads(run(folder, capsys, "simulate", *arguments, "--json")[1])
    each = [layer["cycles"] * 8 for layer in simulated["layers"]]
    assert [layer["rtl_cycles"] for layer in payload["layers"]] == pytest.approx(each)


def test_trace_and_queue_take_the_arrays_parts(folder: Path, capsys: pytest.CaptureFixture[str]):
    arguments = ["net.eie", "--input", "x.npy", "--preset", "tiny4"]
    code, out, _ = run(folder, capsys, "trace", *arguments, "-o", "out.json", "--json")
    assert (code, json.loads(out)["events"] > 0) == (0, True)
    code, _, err = run(folder, capsys, "queue", *arguments)
    assert code == 0, err


def test_the_front_takes_it(folder: Path):
    """`eie.compress` of the path is what `eie compress` writes; what is assumed is a warning, or told elsewhere."""
    inputs = np.load(folder / "x.npy")
    with pytest.warns(UserWarning, match="it runs in parts on array and host, since as one network it is not read"):
        network = eie.compress(folder / "net.onnx", calibration=inputs)
    eie.save(network, folder / "front.eie")
    assert (folder / "front.eie").read_bytes() == (folder / "net.eie").read_bytes()
    said: list[str] = []
    assumptions = eie.Assumptions(host_parts=True, say=said.append)
    again = eie.compress(folder / "net.onnx", calibration=inputs, assumptions=assumptions)
    assert len(said) == 1
    with pytest.raises(eie.EieError, match="wanted neither with a network"):
        eie.compress(again.to_network(), assumptions=assumptions)
    with pytest.raises(eie.EieError, match="Cast i: a value must stay"):
        eie.compress(folder / "net.onnx", assumptions=eie.Assumptions())
    run = eie.simulate(network, inputs, eie.preset("eie64"))
    wanted = np.load(folder / "wanted.npy")
    assert np.abs(run.outputs - wanted).max() <= 0.1 * np.abs(wanted).max()


def test_what_takes_whole_networks_says_what_to_do(folder: Path, capsys: pytest.CaptureFixture[str]):
    for command in (["driver", "net.eie", "-o", "out.c"], ["faults", "net.eie"]):
        code, _, err = run(folder, capsys, *command)
        assert code == 2
        assert "operation 1 is a part of the host, in onnxruntime; eie simulate, eie verify and eie run take" in err
    code, _, err = run(folder, capsys, "simulate", "net.eie", "--input", "x.npy", "--preset", "mcu16")
    assert code == 2
    assert "an array with maps runs whole networks; one without, such as eie64" in err
