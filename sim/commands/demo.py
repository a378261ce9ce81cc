"""`make demo`: the example network from float32 weights to Verilog, every claim checked on the way.

Compresses the network shipped in examples/, which the training stage pruned and shared; measures the accuracy of the
dense network that it was made from and of the decoded file, in float32 and on the integer datapath; simulates the file
on 64 PEs, verifies it on 16 PEs in RTL, writes the Verilog, times the CPU, and leaves build/demo/summary.json.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hw.verilog import write_verilog
from model.config import PRESETS
from sim.baseline.cpu import time_network
from sim.provenance import made_by, remember
from sim.rtl.verify import verify
from sim.simulation.run import Run
from sim.simulation.simulate import simulate
from sim.terminal.exit_code import exit_code
from sim.terminal.output import Output
from sim.terminal.run_tables import show_run
from sim.terminal.size_tables import show_sizes
from sim.text import count, percent, ratio
from sw.compress.pipeline import compress
from sw.file.model_file import load, save
from sw.file.sizes import FileSizes
from sw.files import make_folder, write_whole
from sw.formats.network_file import load_network
from sw.network.accuracy import count_errors, measure_float
from sw.network.compressed import CompressedNetwork
from sw.network.network import Network

ROOT = Path(__file__).resolve().parents[2]
ARRAY = PRESETS["eie64"]
RTL_PES = 16
RTL_IMAGES = 4
PIXEL_SCALE = np.float32(16)


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; exits 1 if the RTL and the model differ."""
    parser = argparse.ArgumentParser(
        prog="python -m sim.commands.demo", description="Run the demo on the example network."
    )
    parser.add_argument(
        "--examples", type=Path, default=ROOT / "examples", help="folder with the network and the digits"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "demo", help="folder for what the demo makes")
    options = parser.parse_args(arguments)
    remember(sys.argv[1:] if arguments is None else arguments, parser.prog)
    return exit_code(lambda: int(not run_demo(options.examples, options.output)["rtl_equal"]))


class _Digits(NamedTuple):
    """Images, (n, 64) float32 from 0 to 1, their labels, and others to calibrate on."""

    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    calibration: NDArray[np.float32]


def run_demo(examples: Path, folder: Path) -> dict[str, Any]:
    """Every step of the demo; returns what summary.json holds."""
    output = Output(as_json=False)
    make_folder(folder)
    dense = load_network(examples / "digits_dense.safetensors")
    network = load_network(examples / "digits_network.safetensors")
    digits = _read_digits(examples / "digits.npz")
    sizes = _compress(output, network, digits.calibration, folder / "digits.eie")
    compressed = load(folder / "digits.eie")
    with output.bar(f"simulating {len(digits.images)} digits on {ARRAY.pes} PEs", len(digits.images)) as advance:
        simulation = simulate(compressed, digits.images, ARRAY, advance=advance)
    show_run(output, simulation, compressed)
    summary: dict[str, Any] = {
        "made_by": made_by(),
        "network": "-".join(
            str(size) for size in [network.in_features, *(len(layer.bias) for layer in network.layers)]
        ),
        "file_bytes": sizes.bytes,
        "ratio": sizes.ratio,
        **_measure(output, dense, compressed, simulation, sizes, digits),
        "cycles_per_image": simulation.total.cycles,
        "useful_efficiency": simulation.total.useful_efficiency,
        **_verify(output, compressed, digits.images[:RTL_IMAGES]),
        "verilog_files": _write_verilog(output, folder),
        **_time(output, compressed, digits.images, simulation),
    }
    write_whole(folder / "summary.json", (json.dumps(summary, indent=2) + "\n").encode())
    output.line(
        f"{folder / 'summary.json'}: {count(sizes.bytes)} bytes ({ratio(sizes.ratio)}), RTL and model "
        f"{'equal' if summary['rtl_equal'] else 'DIFFERENT'}"
    )
    return summary


def _read_digits(path: Path) -> _Digits:
    with np.load(path, allow_pickle=False) as digits:
        return _Digits(
            images=digits["images"].astype(np.float32) / PIXEL_SCALE,
            labels=digits["labels"].astype(np.int64),
            calibration=digits["calibration"].astype(np.float32) / PIXEL_SCALE,
        )


def _compress(output: Output, network: Network, calibration: NDArray[np.float32], path: Path) -> FileSizes:
    with output.steps("compressing the example network") as say:
        compressed = compress(network, calibration=calibration, progress=lambda name: say(f"compressed {name}"))
        sizes = save(compressed, path)
    show_sizes(output, "examples/digits_network.safetensors compressed", sizes)
    return sizes


def _measure(
    output: Output, dense: Network, compressed: CompressedNetwork, simulation: Run, sizes: FileSizes, digits: _Digits
) -> dict[str, float]:
    """How many digits each of the networks tells."""
    images, labels = digits.images, digits.labels
    kept = sum(layer.kept for layer in sizes.layers) / sum(layer.weights for layer in sizes.layers)
    before = 1 - measure_float(dense, images, labels).error
    decoded = 1 - measure_float(compressed.to_network(), images, labels).error
    on_array = 1 - count_errors(simulation.outputs, labels).error
    output.table(
        f"accuracy on {len(images)} held-out digits",
        ["network", "arithmetic", "weights", "bytes", "correct"],
        [
            ["dense, before pruning", "float32", percent(1), count(sizes.float32_bytes), percent(before)],
            ["decoded from the file", "float32", percent(kept), count(sizes.bytes), percent(decoded)],
            ["", "integers, on the array", "", "", percent(on_array)],
        ],
    )
    return {
        "weights_kept": kept,
        "accuracy_float": before,
        "accuracy_compressed_float": decoded,
        "accuracy_integer": on_array,
    }


def _verify(output: Output, compressed: CompressedNetwork, images: NDArray[np.float32]) -> dict[str, Any]:
    """The RTL beside the model."""
    found = verify(compressed, images, ARRAY.with_(pes=RTL_PES), progress=output)
    output.table(
        f"RTL on Verilator against the model, {RTL_PES} PEs, {len(images)} digits",
        ["quantity", "compared", "result"],
        [[item.quantity, count(item.compared), item.difference or "equal"] for item in found.comparisons],
    )
    return {
        "rtl_pes": RTL_PES,
        "rtl_images": len(images),
        "rtl_cycles": sum(found.rtl_cycles),
        "model_cycles": sum(found.model_cycles),
        "rtl_equal": found.equal,
    }


def _write_verilog(output: Output, folder: Path) -> list[str]:
    """The names of the files."""
    with output.steps(f"writing the Verilog of {ARRAY.pes} PEs"):
        write_verilog(ARRAY, folder / "verilog", made_by=made_by())
    files = sorted(str(path.relative_to(folder)) for path in (folder / "verilog").iterdir())
    output.line(f"{folder / 'verilog'}: {', '.join(Path(name).name for name in files)}\n")
    return files


def _time(
    output: Output, compressed: CompressedNetwork, images: NDArray[np.float32], simulation: Run
) -> dict[str, float]:
    """Microseconds for a digit."""
    with output.steps("timing the same network on this CPU"):
        cpu = time_network(compressed.to_network(), images)
    output.table(
        "one digit, batch 1",
        ["engine", "us"],
        [
            ["this CPU, numpy, dense float32", f"{cpu.dense_us:.2f}"],
            ["this CPU, scipy CSR, float32", f"{cpu.sparse_us:.2f}"],
            [f"{ARRAY.pes} PEs at {ARRAY.clock_mhz:g} MHz, simulated", f"{simulation.total.microseconds:.2f}"],
        ],
    )
    output.line("The CPU times are medians and include numpy's and scipy's call overhead; the array's is its cycles.")
    return {"cpu_dense_us": cpu.dense_us, "cpu_sparse_us": cpu.sparse_us, "array_us": simulation.total.microseconds}


if __name__ == "__main__":
    sys.exit(main())
