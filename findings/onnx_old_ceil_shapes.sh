#!/usr/bin/env bash
# onnx 1.23.2, shape inference: with ceil_mode, MaxPool below opset 22 has one element more than what runs, where the last window
# would lie in the padding alone.
# Seen: 5 elements, padding 1 and 1, windows of 2 in steps of 2: inferred 4 at opset 21 and 3 at opset 22; onnxruntime 1.32.0 and
# onnx.reference make 3 at both. Do: take the sizes from a run, or move the model to opset 22.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check onnx==1.23.2 onnxruntime==1.32.0 numpy==2.3.5
"$folder/venv/bin/python" - <<'PY'
import sys
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

onnxruntime.set_default_logger_severity(3)
feeds = {"x": np.arange(1, 6, dtype=np.float32).reshape(1, 1, 5)}
seen = []
for opset in (21, 22):
    graph = helper.make_graph(
        [helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2], strides=[2], pads=[1, 1], ceil_mode=1)],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 5])],
        [onnx.ValueInfoProto(name="y")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    inferred = onnx.shape_inference.infer_shapes(model).graph.output[0].type.tensor_type.shape.dim[2].dim_value
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    made = [session.run(None, feeds)[0].size, ReferenceEvaluator(model).run(None, feeds)[0].size]
    print(f"opset {opset}: inferred {inferred}, onnxruntime {made[0]}, the reference {made[1]}")
    seen.append([inferred, *made])
sys.exit(seen != [[4, 3, 3], [3, 3, 3]])
PY
