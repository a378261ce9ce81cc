"""Small TensorFlow Lite models under the file names of MLPerf Tiny, and samples for the one that has labels."""

from pathlib import Path

import numpy as np

from sim.mlperf_tiny import KWS_SAMPLES, TINY_NETWORKS
from tests.support.files.tflite_writer import Operator, Tensor, constant, write_tflite

RNG = np.random.default_rng(3)
FEATURES = RNG.integers(-128, 128, (40, 3, 4)).astype(np.int8)
LABELS = RNG.integers(0, 3, 40).astype(np.int64)
PLAIN = {"FusedActivationFunction": 0}
STEP = {"StrideH": 1, "StrideW": 1, "FusedActivationFunction": 1}


def write_suite(folder: Path) -> None:
    """AD a layer, KWS and IC a convolution and a layer, KWS with a softmax; VWW what no array runs; SWW is missing."""
    folder.mkdir()
    rng = np.random.default_rng(
        10
    )  # fits and scales help these weights, as they do trained ones; every suite is the same
    made = {
        "AD": (
            [Tensor((1, 6)), *_layer(6, rng), Tensor((1, 3))],
            [Operator("FULLY_CONNECTED", (0, 1, 2), (3,), PLAIN)],
        ),
        "KWS": _convolution((1, 3, 4, 1), "SOFTMAX", rng),
        "IC": _convolution((1, 5, 5, 2), "", rng),
        "VWW": _convolution((1, 5, 5, 2), "LOGISTIC", rng),
    }
    for task, (tensors, operators) in made.items():
        (folder / TINY_NETWORKS[task].file).write_bytes(write_tflite(tensors, operators))
    np.savez(folder / KWS_SAMPLES, features_int8=FEATURES, labels=LABELS)


def _layer(features: int, rng: np.random.Generator) -> list[Tensor]:
    return [constant(rng.normal(size=shape).astype(np.float32)) for shape in ((3, features), (3,))]


def _convolution(inside: tuple[int, ...], end: str, rng: np.random.Generator) -> tuple[list[Tensor], list[Operator]]:
    _, rows, columns, channels = inside
    kernel = rng.normal(size=(4, 3, 3, channels)).astype(np.float32)
    features = rows * columns * 4
    tensors = [
        Tensor(inside), constant(kernel), constant(np.zeros(4, np.float32)), Tensor((1, rows, columns, 4)),
        constant(np.array([1, features], np.int32)), Tensor((1, features)), *_layer(features, rng), Tensor((1, 3)),
    ]  # fmt: skip
    operators = [
        Operator("CONV_2D", (0, 1, 2), (3,), STEP),
        Operator("RESHAPE", (3, 4), (5,)),
        Operator("FULLY_CONNECTED", (5, 6, 7), (8,), PLAIN),
    ]
    if end:
        tensors.append(Tensor((1, 3)))
        operators.append(Operator(end, (8,), (9,), {"Beta": 1.0} if end == "SOFTMAX" else {}))
    return tensors, operators
