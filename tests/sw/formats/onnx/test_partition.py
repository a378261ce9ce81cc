"""sw/formats/onnx/partition.py: layers and what lies between them, of models that no network here can be."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.errors import EieError
from sw.formats.network_file import load_network
from sw.formats.onnx.partition import OnnxPart, partition
from tests.support.files.onnx_models import node, values, write
from tests.support.networks.formats import assert_refuses_cuts, assert_survives_damage

onnx: Any = pytest.importorskip("onnx")
helper: Any = pytest.importorskip("onnx.helper")
CONSTANTS = {
    "k": values(4, 2, 3, 3),
    "t": values(4, 2, 2, 2),
    "w": values(6, 8),
    "v": values(6, 5),
    "u": values(3, 5),
    "to": np.array([1, 5, 6, 1], np.int64),
    "wx": values(1, 16, 3),
    "wh": values(1, 16, 4),
    "limit": np.zeros((), np.float32),
}


def figures(part: OnnxPart) -> tuple[Any, ...]:
    return part.place, dict(part.operators), part.macs, part.vectors, part.bytes_moved


def test_layers_and_the_hosts_part(tmp_path: Path) -> None:
    nodes = [
        node("Conv", "x k", "a", group=1, strides=[2, 2], pads=[1, 1, 1, 1]),
        node("Where", "c a d", "b"),
        node("Expand", "b to", "e"),
        node("ConvTranspose", "e t", "f", strides=[2, 2]),
        node("Gemm", "g w", "y", transB=1),
    ]
    nodes[1:2] = [node("Greater", "a limit", "c"), node("Neg", "a", "d"), nodes[1]]
    nodes.insert(-1, node("ReduceMean", "f", "h", axes=[1, 2], keepdims=0))
    nodes.insert(-1, node("Slice", "h s0 s8 s1", "g"))
    more = {"s0": np.array([0]), "s8": np.array([8]), "s1": np.array([1])}
    path = write(tmp_path / "net.onnx", nodes, {**CONSTANTS, **more, "to": np.array([1, 1, 1, 1])}, ["n", 2, "h", 9])
    with pytest.raises(EieError):
        load_network(path)
    found = partition(path, (2, 8, 9))
    assert [figures(part) for part in found] == [
        # 4 x 5 positions of 2 x 3 x 3 inputs and 4 outputs.
        ("array", {"Conv": 1}, 20 * 72, 20, 20 * (18 + 4) * 2),
        ("host", {"Greater": 1, "Neg": 1, "Where": 1, "Expand": 1}, 0, 0, 0),
        ("array", {"ConvTranspose": 1}, 8 * 10 * 32, 80, 80 * (16 + 2) * 2),
        ("host", {"ReduceMean": 1, "Slice": 1}, 0, 0, 0),
        ("array", {"Gemm": 1}, 48, 1, (8 + 6) * 2),
    ]


def test_branches_and_cells(tmp_path: Path) -> None:
    """A layer in a branch counts as a layer; where sizes are not known, its figures are not."""
    branch = [
        helper.make_graph([node("MatMul", "r u", name)], name, [], [helper.make_tensor_value_info(name, 1, None)])
        for name in ("yes", "no")
    ]
    nodes = [
        node("LSTM", "x wx wh", "every last", hidden_size=4),
        node("NonZero", "last", "n"),
        node("Cast", "n", "q", to=1),
        node("Transpose", "q", "r"),
        node("ReduceMax", "last", "m", keepdims=0),
        node("Greater", "m limit", "c"),
        node("If", "c", "y", then_branch=branch[0], else_branch=branch[1]),
    ]
    found = partition(write(tmp_path / "net.onnx", nodes, CONSTANTS, [7, 1, 3]))
    assert [part.place for part in found] == ["array, its cell on the host", "host", "array", "array"]
    assert figures(found[0])[2:] == (7 * 16 * 7, 7, 7 * (3 + 4 + 16) * 2)
    assert found[1].operators["If"] == 1
    assert found[2].macs is None


def test_refuses_what_is_no_model(tmp_path: Path) -> None:
    path = write(tmp_path / "net.onnx", [node("MatMul", "x v", "y")], CONSTANTS, ["n", 6])
    with pytest.raises(EieError, match=r"^the shape of one input must have an axis less than an input"):
        partition(path, (1, 2, 3, 4))
    assert figures(partition(path)[0])[2:] == (30, 1, 22)
    assert_refuses_cuts(partition, path, 11)
    assert_survives_damage(partition, path, 300)
