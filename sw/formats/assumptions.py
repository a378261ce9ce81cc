"""What a reader may assume where a file does not say it, and whom it tells."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sw.formats.connections import Connections
from sw.network.graph import Shape

Order = Literal["file", "name"]
Integers = Literal["real", "saturated", "rounded"]


@dataclass(frozen=True, kw_only=True)
class Assumptions:
    """What is taken for granted where a file, of named tensors say, leaves it open.

    Parameters
    ----------
    order : of a chain of fully connected layers: that of the tensors in the file, or of their names. None: what the
        shapes, the file and the names agree on, and a refusal where they do not.
    input_shape : of one input, without the batch, of an ONNX or a Keras model that leaves rows, columns or steps open.
    connections : of the same layers, known from elsewhere; used if the file has exactly these.
    integers : what is kept of the 8-bit integers between the operators of a TensorFlow Lite file. "real": nothing, they
        are real numbers; "saturated": their range, with a Clip where it can cut; "rounded": their steps as well, as
        an interpreter that rounds once and ties to even, in operations that are the host's.
    host_parts : whether parts of an ONNX model that no network here has may be the host's, in onnxruntime.
    say : told every assumption in a sentence.
    """

    order: Order | None = None
    input_shape: Shape | None = None
    connections: Connections | None = None
    integers: Integers = "saturated"
    host_parts: bool = False
    say: Callable[[str], None] = lambda _: None


NOTHING_SAID = Assumptions()
