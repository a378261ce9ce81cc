#!/usr/bin/env bash
# onnx 1.23.2, onnxruntime 1.32.0: MaxPool with auto_pad VALID and ceil_mode 1 has one output more in the runtime than in the text.
# Wanted, by MaxPool's text: ceil((5 - 2 + 1) / 2) = 2 windows of 2 in steps of 2 over 5 elements, as onnx.reference has it.
# Seen: onnxruntime and onnx's own shape inference give 3, as without auto_pad. Do: pads of 0 in place of VALID.
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

graph = helper.make_graph(
    [helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2], strides=[2], auto_pad="VALID", ceil_mode=1)],
    "one",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 5])],
    [onnx.ValueInfoProto(name="y")],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
feeds = {"x": np.arange(1, 6, dtype=np.float32).reshape(1, 1, 5)}
inferred = onnx.shape_inference.infer_shapes(model).graph.output[0].type.tensor_type.shape.dim[2].dim_value
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
runtime = session.run(None, feeds)[0].ravel().tolist()
reference = ReferenceEvaluator(model).run(None, feeds)[0].ravel().tolist()
print(f"of 1, 2, 3, 4, 5: onnxruntime {runtime}, the reference {reference}, shape inference {inferred} elements")
sys.exit(not (runtime == [2, 4, 5] and reference == [2, 4] and inferred == 3))
PY
