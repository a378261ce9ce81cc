#!/usr/bin/env bash
# onnxruntime 1.32.0: MaxPool drops NaN, where Relu keeps it: a network with a NaN inside can end with finite numbers.
# Wanted: NaN from every window that has one.
# Seen: the maximum of NaN and -1 is -1, of 3 and NaN 3, of two NaN the lowest float32; onnx.reference 1.23.2 keeps the first NaN and
# drops the second. Do: look for NaN before pooling.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check onnx==1.23.2 onnxruntime==1.32.0 numpy==2.3.5
"$folder/venv/bin/python" - <<'PY'
import sys
import numpy as np
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

x = np.array([np.nan, -1, 3, np.nan, np.nan, np.nan], np.float32).reshape(1, 1, 6)


def both(name, size, **attributes):
    graph = helper.make_graph(
        [helper.make_node(name, ["x"], ["y"], **attributes)],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, size])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0].ravel(), ReferenceEvaluator(model).run(None, {"x": x})[0].ravel()


pooled, wanted = both("MaxPool", 3, kernel_shape=[2], strides=[2])
rectified, _ = both("Relu", 6)
print(f"MaxPool of {x.ravel().tolist()} in pairs: {pooled.tolist()}, the reference {wanted.tolist()}")
print(f"Relu: {rectified.tolist()}")
lowest = np.finfo(np.float32).min
sys.exit(not (pooled.tolist() == [-1, 3, lowest] and np.array_equal(wanted, [np.nan, 3, np.nan], equal_nan=True) and np.isnan(rectified).sum() == 4))
PY
