#!/usr/bin/env bash
# onnx 1.23.2, onnx.reference: LSTM and GRU compute as if `sequence_lens`, `clip` and `activations` were absent, without an error.
# Wanted: what the operator's text says, as onnxruntime computes it: zeros behind a sequence's end, a clip before each function.
# Seen: with each of the three the reference gives what it gives without it; onnxruntime does not.
# Do: another oracle for recurrent layers that have one of these.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check onnx==1.23.2 onnxruntime==1.32.0 numpy==2.3.5
"$folder/venv/bin/python" - <<'PY'
import sys
import numpy as np
import onnxruntime
from onnx import helper
from onnx.reference import ReferenceEvaluator


def outputs(operator, gates, lengths=False, **attributes):
    """All outputs of one layer of 3 units over 4 steps of 2 features, by the reference and by onnxruntime."""
    rng = np.random.default_rng(1)
    feeds = {
        "X": rng.normal(size=(4, 1, 2)).astype(np.float32),
        "W": rng.normal(size=(1, 3 * gates, 2)).astype(np.float32),
        "R": rng.normal(size=(1, 3 * gates, 3)).astype(np.float32),
    }
    if lengths:
        feeds["lengths"] = np.array([2], np.int32)
    names = ["X", "W", "R", *(["", "lengths"] if lengths else [])]
    graph = helper.make_graph(
        [helper.make_node(operator, names, ["Y"], hidden_size=3, **attributes)],
        "one",
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
            for name, value in feeds.items()
        ],
        [helper.make_tensor_value_info("Y", 1, [4, 1, 1, 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return ReferenceEvaluator(model).run(None, feeds)[0], session.run(None, feeds)[0]


seen = []
for operator, gates in (("LSTM", 4), ("GRU", 3)):
    plain, right = outputs(operator, gates)
    assert np.allclose(plain, right, atol=1e-6)
    functions = ["Sigmoid", *["Relu"] * (gates - 2)]
    for what in ({"lengths": True}, {"clip": 0.25}, {"activations": functions}):
        reference, runtime = outputs(operator, gates, **what)
        ignored = bool(np.array_equal(reference, plain)) and not np.allclose(runtime, plain, atol=1e-3)
        print(f"{operator} with {what}: the reference {'leaves it out' if ignored else 'heeds it'}")
        seen.append(ignored)
sys.exit(not all(seen))
PY
