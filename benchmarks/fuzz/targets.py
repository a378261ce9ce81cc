"""What is fuzzed: a reader and valid files of its kind to begin with."""

import json
import os
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model.errors import ConfigError, EieError
from sim.baseline.files import read_baseline
from sim.energy.technology import DEFAULT_TECHNOLOGY, load_technology
from sim.npy import read_inputs, read_labels
from sim.sweep.front import mark_front
from sim.sweep.journal import Journal
from sim.sweep.results import read_results
from sim.terminal.options import array_config
from sw.file.header import CRC, header_bounds, parse_header
from sw.file.model_file import from_bytes
from sw.formats.caffe import parse_caffe
from sw.formats.graph_json import parse_graph
from sw.formats.network_file import load_network
from sw.training.recipe import built_in, parse_recipe
from tests.attacks import INDEX
from tests.attacks.caffemodel import model as caffe_model
from tests.attacks.commands import GRAPH, PROTOTXT
from tests.attacks.eie import network as small_network
from tests.attacks.gguf import good as gguf_file
from tests.attacks.graphs import onnx_model
from tests.attacks.old_pytorch import file as old_pytorch_file
from tests.attacks.pytorch import GOOD, dictionary
from tests.attacks.pytorch import file as pytorch_file
from tests.attacks.qonnx import good as quantised_model
from tests.attacks.tables import journal, results, times
from tests.attacks.tflite import model as tflite_model
from tests.attacks.weights import archive, described, safetensors, tensor
from tests.support.files import keras_files

Read = Callable[[bytes], object]
LARGEST_SEED = 1 << 14  # bytes of an attack that is a seed too


@dataclass(frozen=True, kw_only=True)
class Target:
    """A reader of one kind of file.

    Parameters
    ----------
    read : takes a file's bytes; a refusal is an EieError or a ConfigError, anything else that it raises a crash.
    seeds : valid files.
    kind : of the attacks that are seeds as well.
    mend : makes checksums right again, so that what is behind them is reached.
    """

    read: Read
    seeds: Sequence[bytes]
    kind: str
    mend: Callable[[bytes], bytes] = bytes

    def corpus(self) -> list[bytes]:
        """Valid files and small attacks."""
        attacks = [attack.make() for attack in INDEX.values() if attack.kind == self.kind]
        return [*self.seeds, *(data for data in attacks if len(data) <= LARGEST_SEED)]

    def refuses(self, data: bytes) -> bool:
        """Whether the file is refused; anything but one printable sentence is raised."""
        try:
            self.read(data)
        except (EieError, ConfigError) as error:
            if not str(error):
                raise AssertionError("a refusal must say why") from error
            return True
        return False


def _through_file(suffix: str, read: Callable[[Path], object]) -> Read:
    """A reader of files as one of bytes; the file is in memory where the system has a place for that."""
    shared = Path("/dev/shm")
    path = (shared if shared.is_dir() else Path.cwd()) / f"eie_fuzz_{os.getpid()}{suffix}"

    def read_bytes(data: bytes) -> object:
        path.write_bytes(data)
        try:
            return read(path)
        finally:
            path.unlink(missing_ok=True)

    return read_bytes


def mend_model(data: bytes) -> bytes:
    """A model file with the checksums and, where the header can be read, the sections' that its bytes want."""
    out = bytearray(data)
    try:
        _, end = header_bounds(data)
    except EieError:
        return data
    CRC.pack_into(out, end, zlib.crc32(out[:end]))
    try:
        header, at = parse_header(bytes(out))
    except EieError:
        return bytes(out)
    sizes = [layer.section_bytes for layer in header.layers] + [header.calibration_bytes] * header.calibrated
    for size in sizes:
        if at + size + CRC.size > len(out):
            break
        CRC.pack_into(out, at + size, zlib.crc32(out[at : at + size]))
        at += size + CRC.size
    return bytes(out)


def _journal(path: Path) -> object:
    with Journal(path) as made:
        return dict(made.records)


def _results(path: Path) -> object:
    rows = read_results(path).rows
    return mark_front(rows) if rows else None


def _model_seeds() -> list[bytes]:
    from sw.file.model_file import to_bytes

    return [to_bytes(small_network(seed)) for seed in range(3)]


def _numbers(*shape: int, dtype: str = "<f4") -> bytes:
    return described(str(shape), f"'{dtype}'", np.ones(shape, dtype).tobytes())


def _targets() -> dict[str, Target]:
    record: Any = {"key": "a", "record": {"reason": "too small"}}
    graph = json.dumps({**GRAPH, "input": [12]}).encode()
    return {
        "eie": Target(read=from_bytes, seeds=_model_seeds(), kind="eie"),
        "eie_mended": Target(read=lambda data: from_bytes(mend_model(data)), seeds=_model_seeds(), kind="eie"),
        "net": Target(
            read=lambda data: _NET(data),
            seeds=[
                struct.pack("<2I", 4, 4) + (bytes(64 + 36) + b"\x21\x43\x21\x03") + (bytes(64 + 20) + b"\x21\x43\0\0")
            ],
            kind="net",
        ),
        "safetensors": Target(
            read=_through_file(".safetensors", load_network),
            seeds=[safetensors({"a.weight": tensor(2, 3)}, bytes(24))],
            kind="safetensors",
        ),
        "npz": Target(read=_through_file(".npz", load_network), seeds=[archive(_numbers(2, 3))], kind="npz"),
        "pytorch": Target(
            read=_through_file(".pt", load_network),
            seeds=[pytorch_file(dictionary(a__weight=GOOD))],
            kind="pytorch",
        ),
        "th": Target(read=_through_file(".th", load_network), seeds=[old_pytorch_file()], kind="th"),
        "gguf": Target(read=_through_file(".gguf", load_network), seeds=[gguf_file()], kind="gguf"),
        "qonnx": Target(read=_through_file(".onnx", load_network), seeds=[quantised_model()], kind="qonnx"),
        "onnx": Target(
            read=_through_file(".onnx", load_network), seeds=[onnx_model().SerializeToString()], kind="onnx"
        ),
        "tflite": Target(read=_through_file(".tflite", load_network), seeds=[tflite_model()], kind="tflite"),
        "keras": Target(read=_through_file(".keras", load_network), seeds=[keras_files.archive()], kind="keras"),
        "h5": Target(read=_through_file(".h5", load_network), seeds=[keras_files.legacy(small=True)], kind="h5"),
        "caffemodel": Target(read=lambda data: _CAFFE(data), seeds=[caffe_model()], kind="caffemodel"),
        "prototxt": Target(read=lambda data: parse_caffe(_text(data)), seeds=[PROTOTXT.encode()], kind="prototxt"),
        "graph": Target(read=lambda data: parse_graph(_text(data)), seeds=[graph], kind="graph"),
        "inputs": Target(
            read=_through_file(".npy", lambda path: read_inputs(path, 3)), seeds=[_numbers(2, 3)], kind="inputs"
        ),
        "labels": Target(
            read=_through_file(".npy", lambda path: read_labels(path, 3)),
            seeds=[_numbers(3, dtype="<i8")],
            kind="labels",
        ),
        "config": Target(
            read=_through_file(".toml", lambda path: array_config(None, path, None, None)),
            seeds=[b'preset = "tiny4"\nqueue_depth = 3\nname = "mine"\nclock_mhz = 100.5\n'],
            kind="config",
        ),
        "technology": Target(
            read=_through_file(".toml", load_technology), seeds=[DEFAULT_TECHNOLOGY.read_bytes()], kind="technology"
        ),
        "recipe": Target(
            read=lambda data: parse_recipe(_text(data), "a recipe"),
            seeds=[built_in("lenet-5").encode()],
            kind="recipe",
        ),
        "journal": Target(
            read=_through_file(".journal", _journal), seeds=[journal(json.dumps(record).encode())], kind="journal"
        ),
        "results": Target(
            read=_through_file(".csv", _results),
            seeds=[results(microseconds="1", energy_nj="1", area_mm2="1", useful_efficiency="1")],
            kind="results",
        ),
        "baseline": Target(
            read=_through_file(".json", lambda path: read_baseline(path, "cpu")), seeds=[times()], kind="baseline"
        ),
    }


def _text(data: bytes) -> str:
    """Commands refuse bytes that are no text before they parse them."""
    return data.decode("utf-8", errors="replace")


def _of_prototxt(path: Path) -> object:
    graph = path.with_suffix(".prototxt")
    if not graph.exists():
        graph.write_text(PROTOTXT)
    return load_network(path, graph)


_NET = _through_file(".net", _of_prototxt)
_CAFFE = _through_file(".caffemodel", _of_prototxt)
TARGETS = _targets()
