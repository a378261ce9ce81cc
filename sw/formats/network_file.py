"""Reading and writing networks: the end of a file's name says its format, which is never found by trying."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from model.errors import EieError
from sw.files import check_source, read_whole
from sw.formats.assumptions import NOTHING_SAID, Assumptions
from sw.formats.caffe import parse_caffe
from sw.formats.caffemodel import load_caffemodel
from sw.formats.connections import Connections
from sw.formats.deep_compression import load_net
from sw.formats.gguf.reader import load_gguf
from sw.formats.graph_json import parse_graph
from sw.formats.keras.reader import load_keras
from sw.formats.npz import load_npz, save_npz
from sw.formats.onnx.reader import load_onnx
from sw.formats.pytorch import load_pytorch
from sw.formats.safetensors import load_safetensors, save_safetensors
from sw.formats.sharded import SUFFIX as SHARDED
from sw.formats.sharded import load_sharded
from sw.formats.tflite import load_tflite
from sw.network.network import Network

# Of named tensors, whose connections may have to be assumed.
TENSOR_LOADERS: dict[str, Callable[[Path, Connections | None, Assumptions], Network]] = {
    ".safetensors": load_safetensors,
    SHARDED: load_sharded,
    ".npz": load_npz,
    ".pt": load_pytorch,
    ".pth": load_pytorch,
    ".th": load_pytorch,
    ".gguf": load_gguf,
}
GRAPH_LOADERS: dict[str, Callable[[Path, Connections | None], Network]] = {
    ".net": load_net,
    ".caffemodel": load_caffemodel,
}
# With their connections, but not all of what they mean.
MEANING_LOADERS = {
    ".onnx": load_onnx,
    ".tflite": load_tflite,
    **dict.fromkeys((".keras", ".h5", ".hdf5"), load_keras),
}
OPEN = (".onnx", ".keras", ".h5", ".hdf5")  # may leave sizes of inputs open
# Of other files, what makes one that is read.
ADVICE = {
    ".pt2": "programs of torch.export are not read: torch.onnx.export(torch.export.load(FILE), f='net.onnx', "
    "dynamo=True) makes a model of it that is read",
}
SUFFIXES = (*TENSOR_LOADERS, *GRAPH_LOADERS, *MEANING_LOADERS)
WRITERS = {".safetensors": save_safetensors, ".npz": save_npz}
LARGEST_GRAPH = 1 << 20  # bytes of a graph file


def load_network(path: Path, graph_file: Path | None = None, assumptions: Assumptions = NOTHING_SAID) -> Network:
    """The float32 network in a file.

    Parameters
    ----------
    path : .safetensors, also in parts with an index, .npz, a PyTorch state dict as .pt or .pth, .onnx, .tflite, .keras
        or .h5, a .gguf, a .caffemodel, or a .net file of Deep Compression.
    graph_file : how the layers are connected: .json (contract/network_files.md) or Caffe's .prototxt. The last two need
        one of the latter; ONNX, TensorFlow Lite and Keras models carry their own.
    assumptions : how files of named tensors are read that do not say how their layers are connected.

    Raises EieError, with the path, for everything that is not such a network; memory is bounded by the file's size.
    """
    suffix = SHARDED if path.name.lower().endswith(SHARDED) else path.suffix.lower()
    if suffix in ADVICE:
        raise EieError(f"{path}: {ADVICE[suffix]}")
    if suffix not in SUFFIXES:
        raise EieError(f"{path}: networks are read from {', '.join(SUFFIXES)} files, got {suffix or 'no'} suffix")
    check_source(path)
    if assumptions.order is not None and (suffix not in TENSOR_LOADERS or graph_file is not None):
        other = "--graph says it" if graph_file is not None else f"{suffix} files say it"
        raise EieError(f"{path}: --order is of files that do not say how their layers are connected, {other}")
    if assumptions.input_shape is not None and suffix not in OPEN:
        raise EieError(
            f"{path}: --input-shape is of ONNX and Keras models that leave sizes open, {suffix} files do not"
        )
    connections = None if graph_file is None else load_graph(graph_file)
    said: list[str] = []  # only of a file that is not refused
    try:
        if suffix in GRAPH_LOADERS:
            network = GRAPH_LOADERS[suffix](path, connections)
        else:
            load = (TENSOR_LOADERS | MEANING_LOADERS)[suffix]
            network = load(path, connections, replace(assumptions, say=said.append))
    except EieError as error:
        raise _refusal(path, error) from error
    for sentence in said:
        assumptions.say(f"{path}: {''.join(each if each.isprintable() else '?' for each in sentence)}")
    return network


def load_graph(path: Path) -> Connections:
    """The connections in a graph file, .json or .prototxt; EieError, with the path, for anything else."""
    suffix = path.suffix.lower()
    if suffix not in (".json", ".prototxt"):
        raise EieError(f"{path}: a graph is read from .json or .prototxt, got {suffix or 'no'} suffix")
    check_source(path)
    if path.stat().st_size > LARGEST_GRAPH:
        raise EieError(f"{path}: a graph file must have at most {LARGEST_GRAPH} bytes, got {path.stat().st_size}")
    try:
        text = read_whole(path).decode()
    except UnicodeDecodeError as error:
        raise EieError(f"{path}: a graph file must be UTF-8 text, byte {error.start} is not") from error
    try:
        return parse_graph(text) if suffix == ".json" else parse_caffe(text)
    except EieError as error:
        raise _refusal(path, error) from error


def save_network(network: Network, path: Path) -> None:
    """Write the network to .safetensors or .npz, from which `load_network` reads an equal one; EieError otherwise."""
    check_suffix(path)
    WRITERS[path.suffix.lower()](network, path)


def check_suffix(path: Path) -> None:
    """EieError unless networks can be written to a file of this name; called before long work, not after it."""
    suffix = path.suffix.lower()
    if suffix not in WRITERS:
        known = " and ".join(WRITERS)
        raise EieError(f"cannot write {path}: networks are written to {known}, got {suffix or 'no'} suffix")


def _refusal(path: Path, error: EieError) -> EieError:
    """The error with the file's path, on one line whatever the names in the file."""
    return EieError(f"{path}: {' '.join(str(error).splitlines())}")
