#!/usr/bin/env bash
# tflite 2.18.0: a vector that a model does not have comes back as the int 0 from its ..AsNumpy method, not as None or empty.
# Seen: TensorT without a shape: ShapeAsNumpy() is 0, ShapeIsNone() is True, ShapeLength() is 0. Do: ask ..IsNone() or ..Length().
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check tflite==2.18.0 numpy==2.3.5
"$folder/venv/bin/python" - <<'PY'
import sys
import flatbuffers
import tflite

builder = flatbuffers.Builder(64)
name = builder.CreateString("t")
tflite.TensorStart(builder)
tflite.TensorAddName(builder, name)
builder.Finish(tflite.TensorEnd(builder))
read = tflite.Tensor.GetRootAs(builder.Output(), 0)
got = read.ShapeAsNumpy()
print(f"ShapeAsNumpy() {got!r} ({type(got).__name__}), ShapeIsNone() {read.ShapeIsNone()}, ShapeLength() {read.ShapeLength()}")
sys.exit(not (type(got) is int and got == 0 and read.ShapeIsNone() and read.ShapeLength() == 0))
PY
