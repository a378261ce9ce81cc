"""`make demo`: the example network from float32 weights to Verilog, every claim checked on the way.

Compresses the network shipped in examples/, measures its accuracy in float32 and on the integer datapath, simulates it
on 64 PEs, verifies it on 16 PEs in RTL, writes the Verilog, times the CPU, and leaves build/demo/summary.json.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hw.verilog import write_verilog
from model.config import PRESETS
from sim.cosim import run_rtl
from sim.cpu_baseline import time_network
from sim.exit_code import exit_code
from sim.output import Output, count, percent, ratio
from sim.simulate_command import show_simulation
from sim.simulation import lay_out, simulate, total_figures
from sim.size_tables import show_sizes
from sim.verification import all_equal, compare
from sw.compress import compress
from sw.files import write_whole
from sw.formats.network_file import load_network
from sw.model_file import save

ROOT = Path(__file__).resolve().parent.parent
ARRAY = PRESETS["eie64"]
RTL_PES = 16
RTL_IMAGES = 4
DENSITY = {"l1": 0.1, "l2": 0.1, "l3": 0.4}
PIXEL_SCALE = np.float32(16)


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; exits 1 if the RTL and the model differ."""
    parser = argparse.ArgumentParser(prog="python -m sim.demo", description="Run the demo on the example network.")
    parser.add_argument(
        "--examples", type=Path, default=ROOT / "examples", help="folder with the network and the digits"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "demo", help="folder for what the demo makes")
    options = parser.parse_args(arguments)
    return exit_code(lambda: int(not run_demo(options.examples, options.output)["rtl_equal"]))


def run_demo(examples: Path, folder: Path) -> dict[str, Any]:
    """Every step of the demo; returns what summary.json holds."""
    output = Output(as_json=False)
    folder.mkdir(parents=True, exist_ok=True)
    network = load_network(examples / "digits_network.safetensors")
    with np.load(examples / "digits.npz", allow_pickle=False) as digits:
        images = digits["images"].astype(np.float32) / PIXEL_SCALE
        calibration = digits["calibration"].astype(np.float32) / PIXEL_SCALE
        labels = digits["labels"]

    with output.steps("compressing the example network") as say:
        compressed = compress(
            network, density=DENSITY, calibration=calibration, progress=lambda name: say(f"compressed {name}")
        )
        report = save(compressed, folder / "digits.eie")
    show_sizes(output, "examples/digits_network.safetensors compressed", report)

    with output.bar(f"simulating {len(images)} digits on {ARRAY.pes} PEs", len(images)) as advance:
        image, _ = lay_out(compressed, calibration, ARRAY)
        simulation = simulate(image, images, advance)
    show_simulation(output, simulation)

    shared = compressed.to_network()
    accuracy = {
        "network, float32": _accuracy(network.forward(images), labels),
        "compressed, float32": _accuracy(shared.forward(images), labels),
        "compressed, array (integers)": _accuracy(simulation.outputs, labels),
    }
    output.table(
        f"accuracy on {len(images)} held-out digits",
        ["arithmetic", "correct"],
        [[name, percent(value)] for name, value in accuracy.items()],
    )

    with output.steps(f"RTL against model: {RTL_IMAGES} digits on {RTL_PES} PEs") as say:
        rtl_image, _ = lay_out(compressed, calibration, ARRAY.with_(pes=RTL_PES))
        expected = simulate(rtl_image, images[:RTL_IMAGES])
        rtl = run_rtl(rtl_image, expected.activations, "verilator", progress=say)
    comparisons = compare(expected, rtl)
    output.table(
        f"RTL on Verilator against the model, {RTL_PES} PEs, {RTL_IMAGES} digits",
        ["quantity", "compared", "result"],
        [[item.quantity, count(item.compared), item.difference or "equal"] for item in comparisons],
    )

    with output.steps(f"writing the Verilog of {ARRAY.pes} PEs"):
        write_verilog(ARRAY, folder / "verilog")
    verilog_files = sorted(str(path.relative_to(folder)) for path in (folder / "verilog").iterdir())
    output.line(f"{folder / 'verilog'}: {', '.join(Path(name).name for name in verilog_files)}\n")

    with output.steps("timing the same network on this CPU"):
        cpu = time_network(shared, images)
    output.table(
        "one digit, batch 1",
        ["engine", "us"],
        [
            ["this CPU, numpy, dense float32", f"{cpu.dense_us:.2f}"],
            ["this CPU, scipy CSR, float32", f"{cpu.sparse_us:.2f}"],
            [f"{ARRAY.pes} PEs at {ARRAY.clock_mhz:g} MHz, simulated", f"{simulation.microseconds:.2f}"],
        ],
    )
    output.line("The CPU times are medians and include numpy's and scipy's call overhead; the array's is its cycles.")

    summary: dict[str, Any] = {
        "network": "-".join(
            str(size) for size in [network.in_features, *(len(layer.bias) for layer in network.layers)]
        ),
        "file_bytes": report.bytes,
        "ratio": report.ratio,
        "accuracy_float": accuracy["network, float32"],
        "accuracy_compressed_float": accuracy["compressed, float32"],
        "accuracy_integer": accuracy["compressed, array (integers)"],
        "cycles_per_image": simulation.cycles_per_input,
        "useful_efficiency": total_figures(simulation)["useful_efficiency"],
        "rtl_pes": RTL_PES,
        "rtl_images": RTL_IMAGES,
        "rtl_cycles": sum(rtl.cycles),
        "model_cycles": sum(run.cycles for run in expected.runs),
        "rtl_equal": all_equal(comparisons),
        "verilog_files": verilog_files,
        "cpu_dense_us": cpu.dense_us,
        "cpu_sparse_us": cpu.sparse_us,
        "array_us": simulation.microseconds,
    }
    write_whole(folder / "summary.json", (json.dumps(summary, indent=2) + "\n").encode())
    output.line(
        f"{folder / 'summary.json'}: {count(report.bytes)} bytes ({ratio(report.ratio)}), RTL and model "
        f"{'equal' if summary['rtl_equal'] else 'DIFFERENT'}"
    )
    return summary


def _accuracy(scores: NDArray[np.float32], labels: NDArray[np.uint8]) -> float:
    return np.count_nonzero(scores.argmax(axis=1) == labels) / len(labels)


if __name__ == "__main__":
    sys.exit(main())
