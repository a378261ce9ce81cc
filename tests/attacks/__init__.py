"""The corpus of attacks; index.md lists them."""

from tests.attacks import caffemodel, eie, graphs, keras, onnx_graphs, pytorch, tables, tflite, weights
from tests.attacks.corpus import ATTACKS

__all__ = ["INDEX", "caffemodel", "eie", "graphs", "keras", "onnx_graphs", "pytorch", "tables", "tflite", "weights"]
INDEX = ATTACKS
