"""A compressed LeNet on MNIST: errors, cycles and energy on all 10,000 test images, and images in RTL.

    python examples/mnist.py NET.eie --data DIR

DIR holds mnist/ with the four gzip files. Errors are those of the decoded file in float32, and of the array, whose
integers come from the cycle-accurate engine. A few images of a network without convolutions also run in RTL: values,
cycles and every counter must equal the engine's. Exits 1 if they do not.
"""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

from model.config import ConfigError, load_config
from model.errors import EieError, SimulatorError
from sim.mnist import load_mnist
from sim.rtl.cosim import run_rtl
from sim.rtl.verification import all_equal, compare
from sim.simulation.image_run import run_image
from sim.simulation.simulate import simulate
from sim.terminal.output import Output
from sim.text import count, mean
from sw.file.model_file import load_with_sizes
from sw.image.build import build_image
from sw.network.accuracy import count_errors, measure_float


def run(file: Path, data: Path, array: str, number: int, rtl_images: int, output: Output) -> dict[str, Any]:
    """Everything the script shows, as one dictionary."""
    config = load_config(array)
    network, sizes = load_with_sizes(file)
    images, labels = load_mnist(data / "mnist", "t10k")
    images, labels = images[:number].reshape(-1, *network.input_shape), labels[:number]
    result: dict[str, Any] = {"array": config.name, "pes": config.pes, "images": len(images)}
    result |= {"file_bytes": sizes.bytes, "ratio": sizes.ratio}
    result["error_float"] = measure_float(network.to_network(), images, labels).error
    started = time.perf_counter()
    with output.bar(f"simulating {count(len(images))} images on {config.pes} PEs", len(images)) as advance:
        simulation = simulate(network, images, config, advance=advance)
    result |= {
        "seconds": time.perf_counter() - started,
        "error_integer": count_errors(simulation.outputs, labels).error,
        "overflows": int(simulation.overflow.sum()),
        "cycles_per_image": simulation.total.cycles,
        "microseconds": simulation.total.microseconds,
        "nanojoules": simulation.total.energy_nj,
    }
    if rtl_images and not simulation.by_host:
        image = build_image(network, config)
        expected = run_image(image, images[:rtl_images])
        with output.steps(f"RTL against model: {rtl_images} images on {config.pes} PEs") as say:
            rtl = run_rtl(image, expected.activations, "verilator", progress=say)
        result |= {"rtl_images": rtl_images, "rtl_equal": all_equal(compare(expected, rtl))}
    return result


def main() -> int:
    """Parse the options, run, print."""
    parser = argparse.ArgumentParser(description="Run a compressed LeNet on MNIST: errors, cycles, energy, RTL.")
    parser.add_argument("network", type=Path, metavar="NET.eie")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("EIE_DATA", ".")), help="or set EIE_DATA")
    parser.add_argument("--array", default="eie64", help="preset or TOML file")
    parser.add_argument("--images", type=int, default=10_000, help="of the test images, the first ones")
    parser.add_argument("--rtl", type=int, default=3, help="images to run in RTL as well, if there is no convolution")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not 1 <= options.images <= 10_000 or not 0 <= options.rtl <= options.images:
        parser.error("--images must be between 1 and 10000, and --rtl between 0 and --images")
    output = Output(as_json=options.json)
    try:
        result = run(options.network, options.data, options.array, options.images, options.rtl, output)
    except (ConfigError, EieError, SimulatorError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    rows = [
        ["bytes on disk", f"{count(result['file_bytes'])} ({result['ratio']:.1f}x)"],
        ["error, decoded file, float32", f"{100 * result['error_float']:.2f} %"],
        ["error, array, 16-bit integers", f"{100 * result['error_integer']:.2f} %"],
        ["cycles per image", mean(result["cycles_per_image"])],
        ["microseconds per image", f"{result['microseconds']:.2f}"],
        ["nJ per image", mean(result["nanojoules"])],
        ["seconds that this took", f"{result['seconds']:.1f}"],
    ]
    if "rtl_equal" in result:
        rows.append(["RTL equal to the model", f"{result['rtl_equal']} ({result['rtl_images']} images)"])
    output.table(
        f"{options.network}, {count(result['images'])} MNIST test images, {options.array}", ["", "value"], rows
    )
    output.result(result)
    return 0 if result.get("rtl_equal", True) else 1


if __name__ == "__main__":
    sys.exit(main())
