"""Which command reads an attack's file, beside good files of every other kind."""

import gzip
import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from sim.cli import main
from sim.terminal.exit_code import exit_code

PROTOTXT = """name: "good"
input: "data"
input_dim: 1
input_dim: 2
input_dim: 3
input_dim: 2
layer { name: "fc1" type: "InnerProduct" bottom: "data" top: "fc1" inner_product_param { num_output: 9 } }
layer { name: "relu" type: "ReLU" bottom: "fc1" top: "fc1" }
layer { name: "fc2" type: "InnerProduct" bottom: "fc1" top: "fc2" inner_product_param { num_output: 5 } }
"""
GRAPH = {"operations": [{"op": "layer", "name": "fc1", "relu": True}, {"op": "layer", "name": "fc2"}]}
RUN = "a run"  # the arguments that a checkpoint belongs to
COMPRESS = ("-o", "out.eie", "--json")


def net(entries: Sequence[int], *layers: bytes) -> bytes:
    """A .net file of fully connected layers."""
    return np.array(entries, "<u4").tobytes() + b"".join(layers)


def net_layer(outputs: int, codes: bytes, runs: bytes) -> bytes:
    """A fully connected layer of a .net file."""
    codebook = np.arange(16, dtype="<f4") / 16
    return codebook.tobytes() + np.zeros(outputs, "<f4").tobytes() + codes + runs


def write_good_files() -> None:
    """One good file of each kind into the working directory; all are of a network from 12 over 9 to 5 values."""
    rng = np.random.default_rng(1)
    shapes = {"fc1": (9, 12), "fc2": (5, 9)}
    tensors = {f"{name}.weight": rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    save_file(tensors, "good.safetensors", {"order": "fc1,fc2"})
    np.savez("good.npz", allow_pickle=False, **tensors)
    np.save("good.npy", rng.uniform(0, 1, (3, 12)).astype(np.float32))
    Path("good.prototxt").write_text(PROTOTXT)
    Path("good.json").write_text(json.dumps(GRAPH))
    nets = [net_layer(outputs, b"\x21\x43", b"\x21\x03") for outputs in (9, 5)]
    Path("good.net").write_bytes(net([4, 4], *nets))
    compress = ["compress", "good.safetensors", "-o", "good.eie", "--density", "0.5", "--calibrate", "good.npy"]
    if main(compress) != 0:
        raise RuntimeError("the good network could not be compressed")


def _checkpoint(path: str) -> int:
    """`eie train` reads its checkpoint so, after it has read MNIST."""
    from sw.training.checkpoint import Checkpoint

    return exit_code(lambda: Checkpoint(Path(path), RUN).load())


def _command(*arguments: str) -> Callable[[str], int]:
    return lambda path: main([path if argument == "BAD" else argument for argument in arguments])


# By kind: the name that the attack's file gets, and what reads it.
COMMANDS: dict[str, tuple[str, Callable[[str], int]]] = {
    "eie": ("bad.eie", _command("inspect", "BAD", "--json")),
    "safetensors": ("bad.safetensors", _command("compress", "BAD", *COMPRESS)),
    "sharded": ("bad.safetensors.index.json", _command("compress", "BAD", *COMPRESS)),
    "npz": ("bad.npz", _command("compress", "BAD", *COMPRESS)),
    "pytorch": ("bad.pt", _command("compress", "BAD", *COMPRESS)),
    "th": ("bad.th", _command("compress", "BAD", *COMPRESS)),
    "gguf": ("bad.gguf", _command("compress", "BAD", *COMPRESS)),
    "onnx": ("bad.onnx", _command("compress", "BAD", *COMPRESS)),
    "qonnx": ("bad.onnx", _command("compress", "BAD", *COMPRESS)),
    "tflite": ("bad.tflite", _command("compress", "BAD", *COMPRESS)),
    "keras": ("bad.keras", _command("compress", "BAD", *COMPRESS)),
    "h5": ("bad.h5", _command("compress", "BAD", *COMPRESS)),
    "caffemodel": ("bad.caffemodel", _command("compress", "BAD", "--graph", "good.prototxt", *COMPRESS)),
    "net": ("bad.net", _command("compress", "BAD", "--graph", "good.prototxt", *COMPRESS)),
    "prototxt": ("bad.prototxt", _command("compress", "good.net", "--graph", "BAD", *COMPRESS)),
    "graph": ("bad.json", _command("compress", "good.safetensors", "--graph", "BAD", *COMPRESS)),
    "inputs": ("bad.npy", _command("simulate", "good.eie", "--input", "BAD", "--preset", "tiny4", "-o", "out.npy")),
    "labels": ("bad.npy", _command("accuracy", "good.eie", "--inputs", "good.npy", "--labels", "BAD")),
    "mnist": ("mnist/t10k-images-idx3-ubyte.gz", _command("accuracy", "good.eie", "--data", ".")),
    "config": ("bad.toml", _command("config", "--config", "BAD", "-o", "out.toml")),
    "technology": ("bad.toml", _command("energy", "--technology", "BAD")),
    "recipe": ("bad.toml", _command("train", "lenet-5", "--recipe", "BAD", "--data", ".", "-o", "out.eie")),
    "journal": ("out.csv.journal", _command("sweep", "--layer", "NT-We", "--jobs", "1", "-o", "out.csv")),
    "results": ("bad.csv", _command("sweep", "--show", "BAD")),
    "parquet": ("bad.parquet", _command("sweep", "--show", "BAD")),
    "baseline": ("bad.json", _command("report", "--bench", "--cpu", "BAD", "-o", "out.html")),
    "checkpoint": ("bad.checkpoint", _checkpoint),
}


def gzipped(data: bytes) -> bytes:
    """Packed, without the time."""
    return gzip.compress(data, mtime=0)


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive, without the time."""
    import io

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return file.getvalue()
