"""The corpus of attacks; index.md lists them."""

from tests.attacks import eie, graphs, keras, pytorch, tables, tflite, weights
from tests.attacks.corpus import ATTACKS

__all__ = ["INDEX", "eie", "graphs", "keras", "pytorch", "tables", "tflite", "weights"]
INDEX = ATTACKS
