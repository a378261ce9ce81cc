"""Seconds to compress a seeded 4096 x 4096 layer to 9 % and to lay it out for 64 PEs; prints JSON.

python -m benchmarks.bench_compress
"""

import json
import tempfile
import time
from pathlib import Path

import numpy as np

from model.config import PRESETS
from sw.compress.pipeline import compress
from sw.file.model_file import load, save
from sw.image.build import build_image
from sw.image.stream import decode_image, encode_image
from sw.network.layer import Layer
from sw.network.network import Network

SIZE = 4096
DENSITY = 0.09


def main() -> None:
    """Run every step once to compile it, then time it."""
    random = np.random.default_rng(1)
    weight = random.normal(0, 0.02, (SIZE, SIZE)).astype(np.float32)
    network = Network((Layer("fc", weight, np.zeros(SIZE, np.float32), relu=False),))
    inputs = np.maximum(random.normal(0, 1, (64, SIZE)), 0).astype(np.float32)
    tiny = Network((Layer("fc", weight[:8, :8].copy(), np.zeros(8, np.float32), relu=False),))
    measure(tiny, inputs[:1, :8])
    print(json.dumps(measure(network, inputs), indent=2))


def measure(network: Network, inputs: np.ndarray) -> dict[str, float | int]:
    """Seconds per step and sizes in bytes."""
    seconds: dict[str, float] = {}

    def lap(step: str) -> None:
        nonlocal start
        seconds[f"{step}_s"] = round(time.perf_counter() - start, 3)
        start = time.perf_counter()

    start = time.perf_counter()
    compressed = compress(network, density=DENSITY)
    lap("compress")
    compressed = compress(network, density=DENSITY, calibration=inputs)
    lap("compress_with_64_calibration_inputs")
    with tempfile.TemporaryDirectory() as folder:
        report = save(compressed, Path(folder) / "fc.eie")
        lap("save")
        load(Path(folder) / "fc.eie")
        lap("load")
    image = build_image(compressed, PRESETS["eie64"])
    lap("build_image_eie64")
    build_image(compressed, PRESETS["balanced64"])
    lap("build_image_balanced64")
    words = encode_image(image)
    lap("encode_image_eie64")
    decode_image(words, PRESETS["eie64"])
    lap("decode_image_eie64")
    sizes = {"entries": report.layers[0].entries, "file_bytes": report.bytes, "image_bytes": words.nbytes}
    return {**seconds, **sizes, "file_ratio": round(report.ratio, 2)}


if __name__ == "__main__":
    main()
