"""Refusals that no other test reaches: failures of the system and of the simulators, and rare files."""

import contextlib
import errno
import io
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import sim.commands.verify
import sim.rtl.cosim
import sim.rtl.simulators
from model.config import PRESETS
from model.errors import EieError, SimulatorError
from sim.cli import main
from sim.energy.technology import DEFAULT_TECHNOLOGY, load_technology
from sim.npy import read_inputs
from sim.rtl.cosim import run_job, run_rtl
from sim.rtl.host_program import Collect, HostTimeout, Send, run_actions
from sim.rtl.simulators import Build, build
from sim.terminal.output import Output
from sw import files
from sw.file.model_file import load_tables
from sw.files import read_whole, write_whole
from sw.formats import pytorch
from sw.formats.graph_builder import GraphBuilder
from sw.formats.network_file import LARGEST_GRAPH, load_graph, load_network
from sw.network.graph import MAX_NODES, Relu
from sw.network.layer import Layer
from sw.network.network import Connected
from tests.attacks import INDEX
from tests.attacks.commands import COMMANDS, write_good_files
from tests.attacks.graphs import node, onnx_model
from tests.support.network_file import write_network


def fail(*_: object, **__: object) -> Any:
    raise OSError(errno.EIO, "Input/output error")


def test_a_disk_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(b"data")
    monkeypatch.setattr(Path, "read_bytes", fail)
    monkeypatch.setattr(Path, "open", fail)
    for read in (read_whole, read_inputs, pytorch.load_pytorch):
        with pytest.raises(EieError, match=r"cannot read .*x\.npy: Input/output error"):
            read(path)


def test_a_disk_that_takes_no_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files.os, "open", fail)
    with pytest.raises(EieError, match=r"cannot write .*out: Input/output error"):
        write_whole(tmp_path / "out", b"data")
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def good_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a good file of each kind."""
    folder = tmp_path_factory.mktemp("good")
    with contextlib.chdir(folder):
        write_good_files()
    return folder


@pytest.mark.parametrize(
    ("identity", "sentence"),
    [
        ("config/hexadecimal_field", "must be between .*, got a value too long to print"),
        ("config/many_lists", "must have at most 16384 bytes, it has 42000"),
        ("journal/many_lists", "is not a journal"),
        ("journal/record_without_figures", "is not a journal"),
        ("npz/many_empty_members", "an archive must have at most 8192 members, it has more"),
        ("parquet/packed_rows", "its 10000000 rows are too many for"),
        ("prototxt/many_fields", "must have at most"),
        ("prototxt/many_small_fields", "a text must have at most 32768 fields, it has more"),
        ("pytorch/colliding_keys_in_turn", "the keys of a dictionary must be text or 0 to 1048576"),
        ("pytorch/many_dictionaries", "a pickle must have at most 200000 opcodes"),
        ("pytorch/storage_of_many_types", "must hold numbers of one type"),
        ("results/figures_missing", "a point that ran must have figures"),
        ("safetensors/graph_of_many_lists", "a graph must have at most 1048576 characters"),
        ("technology/value_of_400_digits", "must be a number from .*, got a larger one"),
    ],
)
def test_bounds(
    good_files: Path,
    identity: str,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(good_files)
    attack = INDEX[identity]
    path, command = COMMANDS[attack.kind]
    Path(path).write_bytes(attack.make())
    assert command(path) == 2
    Path(path).unlink()
    assert re.search(sentence, capsys.readouterr().err.splitlines()[-1])


def test_a_device_that_is_full() -> None:
    with pytest.raises(EieError, match="cannot write /dev/full: No space left on device"):
        write_whole(Path("/dev/full"), b"data")


def test_a_file_larger_than_its_kind(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(11))
    with pytest.raises(EieError, match="file must have at most 10 bytes, it has 11"):
        read_whole(path, 10)
    graph = tmp_path / "graph.json"
    graph.write_bytes(bytes(LARGEST_GRAPH + 1))
    with pytest.raises(EieError, match=r"graph\.json: a graph file must have at most 1048576 bytes, got 1048577"):
        load_graph(graph)


def test_a_memory_that_is_no_table(tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    path.write_text(DEFAULT_TECHNOLOGY.read_text().replace("memories = [", "memories = [7,", 1))
    with pytest.raises(EieError, match=r"sram\.memories\[0\] must be a table of bytes, .*, got 7"):
        load_technology(path)


def test_memories_that_are_no_list(tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    text = DEFAULT_TECHNOLOGY.read_text()
    path.write_text(text[: text.index("memories = [")] + "memories = 7\n")
    with pytest.raises(EieError, match=r"sram\.memories must be an array of tables, got 7"):
        load_technology(path)


def test_a_graph_of_too_many_operations() -> None:
    builder = GraphBuilder((3,))
    for value in range(MAX_NODES):
        builder.operation("relu", Relu(), value)
    with pytest.raises(EieError, match="at most 4096 operations, got more"):
        builder.operation("relu", Relu(), 0)


def test_layers_of_wrong_arrays() -> None:
    weight = np.ones((2, 3), np.float32)
    double: Any = weight.astype(np.float64)
    with pytest.raises(EieError, match=r"a\.bias must have shape \(2,\), got \(3,\)"):
        Layer("a", weight, np.zeros(3, np.float32), relu=False)
    with pytest.raises(EieError, match=r"a\.weight must be float32, got float64"):
        Layer("a", double, np.zeros(2, np.float32), relu=False)
    with pytest.raises(EieError, match="must have 1 to 255 bytes, printable"):
        Layer("a\x1b", weight, np.zeros(2, np.float32), relu=False)
    with pytest.raises(NotImplementedError):
        _ = Connected().weight_shapes


def test_tables_of_no_model_file(tmp_path: Path) -> None:
    path = tmp_path / "net.eie"
    path.write_bytes(b"no")
    with pytest.raises(EieError, match=r"net\.eie: a model file must have at least 10 bytes, got 2"):
        load_tables(path)


def test_networks_that_training_does_not_know() -> None:
    pytest.importorskip("torch")
    from sw.training.networks import network

    with pytest.raises(EieError, match="a network must be one of lenet-300-100, lenet-5, got 'alexnet'"):
        network("alexnet")


def test_rare_onnx_models(tmp_path: Path) -> None:
    onnx: Any = pytest.importorskip("onnx")
    path = tmp_path / "net.onnx"

    def refused(model: Any, sentence: str) -> None:
        path.write_bytes(model.SerializeToString())
        with pytest.raises(EieError, match=sentence):
            load_network(path)

    refused(onnx_model(node("Concat", "", axis=1)), "it must take one value or more, got none")
    nothing = node("Relu", "x")
    nothing.attribute.append(onnx.AttributeProto(name="alpha", ref_attr_name="beta"))
    refused(onnx_model(nothing), "its attributes must have values, one has not")
    model = onnx_model(node("Conv", "x k b"))
    del model.graph.input[0].type.tensor_type.shape.dim[:]
    for size in (1, 3, 4, 4):
        model.graph.input[0].type.tensor_type.shape.dim.add().dim_value = size
    del model.graph.initializer[:]
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.ones((2, 3, 1, 1), np.float32), "k"))
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.ones(3, np.float32), "b"))
    refused(model, r"the bias must have shape \(2,\), got \(3,\)")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"\x08", "it ends inside a number"),
        (b"\x08" + b"\xff" * 11, "the number at byte 1 is too long"),
        (b"\x0e\x00", "a field of kind 6 begins before byte 1"),
        (b"\x3a\x7f", "a field ends at byte 129, its message at 2"),
        (b"\x09\x00", "a field ends at byte 9, its message at 2"),
        (b"\x0d\x00", "a field ends at byte 5, its message at 2"),
        (b"\x08\x01" * ((1 << 17) + 1), "at most 131072 fields besides its numbers"),
    ],
)
def test_protobuf_messages(data: bytes, sentence: str) -> None:
    onnx: Any = pytest.importorskip("onnx")
    from sw.formats.protobuf_size import check_fields

    with pytest.raises(EieError, match=sentence):
        check_fields(data, onnx.ModelProto.DESCRIPTOR)


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (Send((1,), 0.0, limit=3), "did not take an input word for 3 cycles"),
        (Collect(0.0, limit=3), "gave 0 output words and no last one in 3 cycles"),
    ],
)
def test_a_machine_that_does_not_answer(action: Any, sentence: str) -> None:
    running = run_actions(PRESETS["tiny4"], [action])
    nothing: Any = SimpleNamespace(i_ready=0, o_valid=0, o_last=0, o_data=0)
    next(running)
    for _ in range(action.limit - 1):
        running.send(nothing)
    with pytest.raises(HostTimeout, match=sentence):
        running.send(nothing)


class Runner:
    """Of a simulator that is broken."""

    def test(self, **_: object) -> None:
        raise RuntimeError("it stopped")

    build = test


def test_a_simulator_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cocotb_tools")
    import cocotb_tools.check_results as check_results

    monkeypatch.setattr(sim.rtl.simulators, "_runner", lambda *_: Runner())
    with pytest.raises(SimulatorError, match="verilator failed"):
        Build("verilator", tmp_path, "top").run("bench", {}, tmp_path)
    monkeypatch.setattr(sim.rtl.simulators, "_missing", lambda _: None)
    monkeypatch.setenv("EIE_CACHE", str(tmp_path))
    with pytest.raises(SimulatorError, match="verilator cannot build top"):
        build({"top.v": "module top; endmodule"}, "top", [], "top", "verilator")
    monkeypatch.setattr(Runner, "test", lambda *_, **__: None)
    monkeypatch.setattr(check_results, "get_results", lambda _: (0, 0))
    with pytest.raises(SimulatorError, match="verilator ran 0 tests, 0 failed, wanted 1 and 0"):
        Build("verilator", tmp_path, "top").run("bench", {}, tmp_path)
    monkeypatch.setattr(sim.rtl.simulators, "_missing", lambda _: "verilator is not there")
    with pytest.raises(SimulatorError, match="verilator is not there"):
        build({}, "top", [], "top", "verilator")


def test_a_simulator_without_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim.rtl.cosim, "build", lambda *_: SimpleNamespace(run=lambda *_: None))
    with pytest.raises(SimulatorError, match="verilator left no answer"):
        run_job(PRESETS["tiny4"], [], "verilator")
    monkeypatch.setattr(sim.rtl.cosim, "run_job", lambda *_, **__: SimpleNamespace(failure="it waits", results=[]))
    monkeypatch.setattr(sim.rtl.cosim, "encode_passes", lambda _: [np.zeros((0, 8), np.uint8)])
    monkeypatch.setattr(sim.rtl.cosim, "words_as_integers", lambda _: [])
    image: Any = SimpleNamespace(config=PRESETS["tiny4"])
    with pytest.raises(SimulatorError, match="verilator: it waits"):
        run_rtl(image, np.zeros((0, 3), np.int16), "verilator")


def test_verify_without_a_simulator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_network()
    missing = dict.fromkeys(("verilator", "icarus"), "no simulator here")
    monkeypatch.setattr(sim.commands.verify, "available_simulators", lambda: missing)
    assert main(["verify", "net.eie", "--input", "x.npy", "--pes", "4"]) == 2
    assert capsys.readouterr().err.endswith("error: no simulator here\n")


def test_a_reader_that_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr("sys.stdout", Gone())
    with pytest.raises(BrokenPipeError):
        Output(as_json=False).table("a", ["b"], [["c"]])
