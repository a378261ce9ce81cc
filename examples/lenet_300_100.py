"""LeNet-300-100 on MNIST: compress in one shot, count errors on 10,000 images, run images in RTL on 64 PEs.

    python examples/lenet_300_100.py --data DIR

DIR holds lenet/lenet_300_100.safetensors (ip1, ip2, ip3; inputs are pixel / 256) and mnist/ with the four gzip files.
Exits 1 if the RTL and the model differ.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.config import ConfigError, load_config
from sim.cosim import run_rtl
from sim.mnist import load_mnist
from sim.output import Output, count, percent, ratio
from sim.simulation import lay_out, simulate, total_figures
from sim.simulators import SimulatorError
from sim.verification import all_equal, compare
from sw.compress import compress
from sw.errors import EieError
from sw.formats.network_file import load_network
from sw.model_file import report


def run(data: Path, density: float, code_bits: int, array: str, rtl_images: int, output: Output) -> dict[str, Any]:
    """Everything the script shows, as one dictionary."""
    config = load_config(array)
    network = load_network(data / "lenet" / "lenet_300_100.safetensors")
    training, _ = load_mnist(data / "mnist", "train")
    images, labels = load_mnist(data / "mnist", "t10k")
    with output.steps("compressing LeNet-300-100"):
        compressed = compress(network, density=density, code_bits=code_bits, calibration=training[:500])
        file = report(compressed)
    image, _ = lay_out(compressed, images, config)
    with output.bar(f"simulating {count(len(images))} images on {config.pes} PEs", len(images)) as advance:
        simulation = simulate(image, images, advance)
    errors = {
        "error_float": _error(network.forward(images), labels),
        "error_compressed_float": _error(compressed.to_network().forward(images), labels),
        "error_integer": _error(simulation.outputs, labels),
    }
    with output.steps(f"RTL against model: {rtl_images} images on {config.pes} PEs") as say:
        expected = simulate(image, images[:rtl_images])
        comparisons = compare(expected, run_rtl(image, expected.activations, "verilator", progress=say))
    return {
        "array": config.name,
        "density": density,
        "code_bits": code_bits,
        "file_bytes": file.bytes,
        "ratio": file.ratio,
        **errors,
        "overflows": sum(result.overflow for result in simulation.runs),
        "cycles_per_image": simulation.cycles_per_input,
        "array_us": simulation.microseconds,
        "useful_efficiency": total_figures(simulation)["useful_efficiency"],
        "rtl_images": rtl_images,
        "rtl_equal": all_equal(comparisons),
    }


def _error(scores: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    return np.count_nonzero(scores.argmax(axis=1) != labels) / len(labels)


def main() -> int:
    """Parse the options, run, print."""
    parser = argparse.ArgumentParser(description="Compress LeNet-300-100, simulate MNIST, verify in RTL.")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("EIE_DATA", ".")), help="or set EIE_DATA")
    parser.add_argument("--density", type=float, default=0.5, help="share of the weights that is kept")
    parser.add_argument("--code-bits", type=int, default=4)
    parser.add_argument("--array", default="eie64", help="preset or TOML file")
    parser.add_argument("--rtl", type=int, default=3, help="images to run in RTL as well")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    output = Output(as_json=options.json)
    try:
        result = run(options.data, options.density, options.code_bits, options.array, options.rtl, output)
    except (ConfigError, EieError, SimulatorError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    output.table(
        f"LeNet-300-100, 10,000 MNIST test images, {options.array}, {options.code_bits}-bit codes",
        ["figure", "value"],
        [
            ["weights kept", percent(options.density)],
            ["bytes on disk", f"{count(result['file_bytes'])} ({ratio(result['ratio'])})"],
            ["error, float32", f"{100 * result['error_float']:.2f} %"],
            ["error, compressed, float32", f"{100 * result['error_compressed_float']:.2f} %"],
            ["error, compressed, integers", f"{100 * result['error_integer']:.2f} %"],
            ["cycles per image", f"{result['cycles_per_image']:.1f}"],
            ["RTL equal to the model", f"{result['rtl_equal']} ({options.rtl} images)"],
        ],
    )
    output.result(result)
    return 0 if result["rtl_equal"] else 1


if __name__ == "__main__":
    sys.exit(main())
