"""The corpus of attacks; index.md lists them."""

from tests.attacks import (
    caffemodel,
    eie,
    gguf,
    graphs,
    host_parts,
    keras,
    old_pytorch,
    onnx_graphs,
    pytorch,
    qonnx,
    tables,
    tflite,
    weights,
)
from tests.attacks.corpus import ATTACKS

__all__ = [
    "INDEX",
    "caffemodel",
    "eie",
    "gguf",
    "graphs",
    "host_parts",
    "keras",
    "old_pytorch",
    "onnx_graphs",
    "pytorch",
    "qonnx",
    "tables",
    "tflite",
    "weights",
]
INDEX = ATTACKS
